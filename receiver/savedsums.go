// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"time"

	"github.com/heapgate/heapgate/internal/gctrace"
)

// savedSums is a gcSums as it is kept between two runs.
type savedSums struct {
	FirstHeard time.Time          `json:"first_heard"`
	LastHeard  time.Time          `json:"last_heard"`
	Records    map[string]int64   `json:"records"`
	Cycles     int64              `json:"cycles"`
	Clock      map[string]float64 `json:"clock"`
	CPU        map[string]float64 `json:"cpu"`
	Elapsed    float64            `json:"elapsed"`
	Live       int64              `json:"live"`
	Goal       int64              `json:"goal"`
	Procs      int64              `json:"procs"`
	OverGoal   int64              `json:"over_goal"`
	Summed     int64              `json:"summed"`
	Last       gctrace.Cycle      `json:"last"`
	Streams    gctrace.Streams    `json:"streams"`
	Mixed      bool               `json:"mixed,omitempty"`
	Opened     time.Time          `json:"opened,omitzero"`
	Crashes    crashCounts        `json:"crashes,omitempty"`
}

// valid is false of sums that this program cannot have written.
func (s *savedSums) valid() bool {
	for _, n := range []int64{s.Cycles, s.Live, s.Goal, s.Procs, s.OverGoal, s.Summed} {
		if n < 0 {
			return false
		}
	}
	return s.Crashes.valid() && len(s.Records) == 4 && s.Clock != nil && s.CPU != nil && !s.FirstHeard.IsZero()
}

// save copies the sums and the place that belongs to them. Not certain: they are not of one moment.
func (s *gcSums) save() (where place, saved savedSums, certain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.now.clone()
	return s.where, savedSums{
		FirstHeard: h.firstHeard, LastHeard: h.lastHeard, Records: h.records, Cycles: h.cycles, Clock: h.clock, CPU: h.cpu,
		Elapsed: h.elapsed, Live: h.live, Goal: h.goal, Procs: h.procs, OverGoal: h.overGoal, Summed: h.summed, Last: h.last,
		Streams: s.streams.Clone(), Mixed: s.mixed, Opened: h.opened, Crashes: h.crashes,
	}, s.certain
}

// restore goes on with sums of the run before.
func (s *gcSums) restore(f savedFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := f.Sums
	s.now = heardFile{
		path: s.path, firstHeard: v.FirstHeard, lastHeard: v.LastHeard, records: v.Records, cycles: v.Cycles, clock: v.Clock, cpu: v.CPU,
		elapsed: v.Elapsed, live: v.Live, goal: v.Goal, procs: v.Procs, overGoal: v.OverGoal, summed: v.Summed, last: v.Last,
		opened: v.Opened, crashes: v.Crashes,
	}.clone()
	if s.now.opened.IsZero() { // written by a version that counted no crashes
		s.now.opened = time.Now()
	}
	if s.now.crashes == nil {
		s.now.crashes = crashCounts{}
	}
	s.streams, s.mixed = v.Streams.Clone(), v.Mixed
	s.where, s.certain, s.told = f.Place, true, f.Told
}

// toldCrashes is how many crashes in the file were told, in this run and those before.
func (s *gcSums) toldCrashes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.now.crashes.total(), s.told)
}
