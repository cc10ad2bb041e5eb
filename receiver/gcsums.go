// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"maps"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heapgate/heapgate/internal/crash"
	"github.com/heapgate/heapgate/internal/gctrace"
)

const mib = 1 << 20

// heardFile is a copy of what one gctrace file has said of its newest process. Seconds and bytes.
type heardFile struct {
	path       string
	firstHeard time.Time // start of the sums: of the file, or of the newest process in it
	lastHeard  time.Time
	records    map[string]int64 // by state, over the whole file
	crashes    crashCounts      // over the whole file
	opened     time.Time        // since when the file is read: start of records and crashes
	cycles     int64            // highest number heard; 0: no sums
	clock      map[string]float64
	cpu        map[string]float64
	elapsed    float64 // age of the process at the end of the newest cycle
	live, goal int64
	procs      int64
	overGoal   int64
	summed     int64         // cycles whose times are in clock and cpu
	last       gctrace.Cycle // the newest cycle
}

// gcSums sums the cycles of one file. A new process in the file starts them afresh; two processes at once end them.
type gcSums struct {
	path string
	past bool // the process that wrote it is no more

	mu         sync.Mutex
	streams    gctrace.Streams
	now        heardFile
	mixed      bool
	complained bool
	reached    bool  // everything that the file held when it was opened is in the sums
	where      place // behind the last record
	certain    bool  // where and the sums are of one moment
	told       int64 // crashes that the run before has told, also behind its last place
}

func newGCSums(path string) *gcSums {
	s := &gcSums{path: path}
	s.now.records = map[string]int64{intact: 0, mended: 0, ambiguous: 0, bad: 0}
	s.now.crashes, s.now.opened = crashCounts{}, time.Now()
	s.fresh()
	return s
}

func (s *gcSums) fresh() {
	s.now = heardFile{
		path: s.path, firstHeard: time.Now(), records: s.now.records, crashes: s.now.crashes, opened: s.now.opened,
		clock: map[string]float64{}, cpu: map[string]float64{},
	}
}

// heard is not ok while the file is read for the first time: sums that stand below those of the run before would look like
// a restart of the process.
func (s *gcSums) heard() (heardFile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.clone(), s.reached
}

func (h heardFile) clone() heardFile {
	h.records, h.clock, h.cpu, h.crashes = maps.Clone(h.records), maps.Clone(h.clock), maps.Clone(h.cpu), maps.Clone(h.crashes)
	return h
}

// reach says that everything the file holds was read.
func (s *gcSums) reach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached = true
}

// complain is true once.
func (s *gcSums) complain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.complained
	s.complained = true
	return first
}

// How a record was heard.
const (
	intact    = "intact"
	mended    = "mended"
	ambiguous = "ambiguous"
	bad       = "bad"
)

var stateOption = map[string]metric.AddOption{
	intact: ofState(intact), mended: ofState(mended), ambiguous: ofState(ambiguous), bad: ofState(bad),
}

func ofState(state string) metric.AddOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("state", state)))
}

// add sums one record, and says how it was heard and why it could not be summed, if so. where is the place behind the
// record, if it is certain.
func (s *gcSums) add(r gctrace.Record, where place, certain bool) (state, lost string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.where, s.certain = where, certain
	c := r.Cycle
	switch {
	case c == nil:
		s.now.records[bad]++
		return bad, "" // counted by state; the gap shows in the cycle numbers
	case c.Ambiguous:
		state = ambiguous
	case c.Mended:
		state = mended
	default:
		state = intact
	}
	s.now.records[state]++
	return state, s.sum(c)
}

// crashed counts a crash, and says whether it is to be told. The place before it does not belong to these sums any more.
func (s *gcSums) crashed(kind crash.Kind) (tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.crashes[kind]++
	s.certain = false
	return s.now.crashes.total() > s.told
}

// stands says that the sums contain everything up to a place, and nothing behind it.
func (s *gcSums) stands(where place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.where, s.certain = where, true
}

// sum adds a cycle whose number and time are certain to the sums of its process.
func (s *gcSums) sum(c *gctrace.Cycle) (lost string) {
	if !c.Has(gctrace.FieldGC | gctrace.FieldAt) {
		return "" // counted as ambiguous; the gap shows in the cycle numbers
	}
	process, restarted := s.streams.Add(*c)
	if process == gctrace.CannotTell || s.streams.Mixed() {
		s.mixed = true
		s.fresh() // what was summed since the last restart may be wrong
		return "more than one process writes the file"
	}
	if restarted || s.mixed {
		s.mixed = false
		s.fresh()
	}
	h := &s.now
	h.lastHeard, h.last = time.Now(), *c
	h.cycles, h.elapsed = c.GC, max(h.elapsed, endOf(c)) // milliseconds are cut off: it may seem to begin before the last one ended
	if c.Has(gctrace.FieldProcs) {
		h.procs = int64(c.Procs)
	}
	if c.Has(timeFields) {
		h.summed++
		h.clock["sweep_term"] += c.Clock.SweepTerm / 1000
		h.clock["mark"] += (c.Clock.Mark + c.Clock.Scan + c.Clock.Sync) / 1000 // Go 1.5 printed the concurrent phase in three parts
		h.clock["mark_term"] += c.Clock.MarkTerm / 1000
		h.cpu["sweep_term"] += c.CPU.SweepTerm / 1000
		h.cpu["assist"] += c.CPU.Assist / 1000
		h.cpu["background"] += (c.CPU.Background + c.CPU.Scan + c.CPU.Sync) / 1000
		h.cpu["idle"] += c.CPU.Idle / 1000
		h.cpu["mark_term"] += c.CPU.MarkTerm / 1000
	}
	if c.Has(gctrace.FieldHeapLive | gctrace.FieldGoal) {
		h.live, h.goal = c.Heap.Live*mib, min(c.GoalMB, math.MaxInt64/mib)*mib
		if c.GoalMB <= c.Heap.Live && c.Heap.Live > 0 {
			h.overGoal++
		}
	}
	return ""
}

// endOf a cycle in seconds since the process started. Without certain phases it is where the cycle began.
func endOf(c *gctrace.Cycle) float64 {
	if !c.Has(timeFields) {
		return c.At
	}
	return c.At + (c.Clock.SweepTerm+c.Clock.Mark+c.Clock.Scan+c.Clock.Sync+c.Clock.MarkTerm)/1000
}

// timeFields must all be certain for a cycle to enter the sums of times.
const timeFields = gctrace.FieldClockSweepTerm | gctrace.FieldClockMark | gctrace.FieldClockMarkTerm |
	gctrace.FieldCPUSweepTerm | gctrace.FieldCPUAssist | gctrace.FieldCPUBackground | gctrace.FieldCPUIdle | gctrace.FieldCPUMarkTerm
