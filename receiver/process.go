// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"math"
	"time"

	"github.com/heapgate/heapgate/internal/goroutine"
	"github.com/heapgate/heapgate/internal/heap"
)

// process is one life of the target: it starts afresh when the process does.
type process struct {
	firstHeard time.Time // start of every cumulative series
	started    time.Time // zero if not known
	exact      bool      // started comes from gctrace
	last       counters
	pauses     pauses
	sites      siteTable
	families   siteTable // their classes are families
	named      bool      // a heap text was heard all of whose frames could be asked for their names
	goroutines *goroutine.Table
	texted     bool            // a heap text was heard in this life
	profiled   map[source]bool // sources whose profiles have been differenced in this life
}

// counters are what MemStats are held to by the next ones.
type counters struct {
	cycles, forced     uint32
	allocated, mallocs uint64
	lastEnd            uint64 // PauseEnd of the last cycle, unix ns; 0: not known
}

var errStateLimit = errors.New("limits::state_size is reached, so nothing of this target can be remembered")

// begin starts the life of a process that was not heard before.
func (r *runtimeReceiver) begin(t *target, at time.Time) error {
	if t.process == nil && !r.census.room(leastKept, int64(r.cfg.Limits.StateSize)) {
		return errStateLimit
	}
	t.process = &process{firstHeard: at, sites: newSiteTable(t.top), families: newSiteTable(t.top), goroutines: goroutine.NewTable(t.top), profiled: map[source]bool{}}
	t.light = light{}
	t.plan.renew()
	return nil
}

// heard adds what MemStats say of pauses.
func (p *process) heard(m *heap.MemStats) (longest time.Duration, lost uint32) {
	p.last = counters{cycles: m.NumGC, forced: m.NumForcedGC, allocated: m.TotalAlloc, mallocs: m.Mallocs}
	_, p.last.lastEnd, _ = m.Pause(m.NumGC)
	return p.pauses.add(m)
}

// isAnother tells from MemStats alone that the process was restarted: something went back, or the last cycle of before
// ended at another time.
func (p *process) isAnother(m *heap.MemStats) bool {
	was := &p.last
	if m.NumGC < was.cycles || m.TotalAlloc < was.allocated || m.Mallocs < was.mallocs || m.NumForcedGC < was.forced {
		return true
	}
	_, end, known := m.Pause(was.cycles)
	return known && was.lastEnd != 0 && end != was.lastEnd
}

// isSame tells from MemStats that it is provably the process heard before: the last cycle of then ended at the same time.
func (p *process) isSame(m *heap.MemStats) bool {
	_, end, known := m.Pause(p.last.cycles)
	return known && p.last.lastEnd != 0 && end == p.last.lastEnd && !p.isAnother(m)
}

// isNewFor tells whether a source is profiled for the first time in this life.
func (p *process) isNewFor(s source) bool {
	isNew := !p.profiled[s]
	p.profiled[s] = true
	return isNew
}

// start is when the process started: from gctrace, where the same cycle stands in the heap text's ring, else about, from
// the end of the first cycle. It is kept, so that ages do not jitter.
func (p *process) start(m *heap.MemStats, files []heardFile) time.Time {
	if p.exact {
		return p.started
	}
	if p.started.IsZero() {
		p.started = firstCycleEnd(m)
	}
	if f, ok := latest(files); ok && f.cycles > 0 && f.cycles <= math.MaxUint32 && f.last.Has(timeFields) {
		if _, end, ok := m.Pause(uint32(f.cycles)); ok {
			age := time.Duration(endOf(&f.last) * float64(time.Second))
			p.started, p.exact = time.Unix(0, int64(end)).Add(-age), true
		}
	}
	return p.started
}
