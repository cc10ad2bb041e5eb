// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"sync"
	"time"
)

// facts are what /truth answers. Times are Unix nanoseconds.
type facts struct {
	Go         string      `json:"go"`
	Start, Now int64       // of the process
	Began      int64       // when /go was asked, 0 before
	Sites      []siteFacts `json:"sites"`
	Pauses     []pause     `json:"pauses"`
	Lost       int         `json:"lost"` // cycles whose pause was not seen
	CPUFrom    string      `json:"cpu_from"`
	CPU        []cpuAt     `json:"cpu"`
	Memory     []memoryAt  `json:"memory"`
}

// siteFacts are one site's bytes: a step function of time, exact to resolution.
type siteFacts struct {
	Name, Function string
	Class          string
	Resolution     int64   // nanoseconds within which steps were put together
	Points         []point // cumulative
	Presize        int     // entries that one map of the site comes to, 0 where that is not constant
}

// point is the sum at a time, and when the step up to it began: the runtime counts an allocation at its beginning, the program when
// all is done, and copying a large map takes long.
type point struct{ From, At, Bytes int64 }

type pause struct {
	Cycle   uint32
	End, NS int64
}

// cpuAt is CPU time up to the end of a cycle, in seconds.
type cpuAt struct {
	At        int64
	GC, Total float64 // idle marking excluded
}

type memoryAt struct {
	At                       int64
	Allocated, Objects, Live uint64
	NextGC                   uint64
	Cycles, Forced           uint32
	Goroutines               int
}

const (
	mostSites  = 8
	mostPoints = 1 << 15
	mostCycles = 1 << 16
	mostTimes  = 1 << 12
)

// What is counted lies outside of the heap, so that counting is not part of what is counted.
var (
	counts struct {
		sync.Mutex
		sites  [mostSites]site
		used   int
		points [mostSites][mostPoints]point
		pauses [mostCycles]pause
		cycles int
		lost   int
		cpu    [mostTimes]cpuAt
		cpus   int
		memory [mostTimes]memoryAt
		times  int
		began  int64
	}
	started = time.Now()
)

// site counts the bytes that a call site allocates.
type site struct {
	number                int
	name, function, class string
	presize               int
	total                 int64
	used                  int
	resolution            int64 // nanoseconds
	since                 int64 // when the last point was begun
}

func newSite(name, function, class string) *site {
	counts.Lock()
	defer counts.Unlock()
	s := &counts.sites[counts.used]
	*s = site{number: counts.used, name: name, function: function, class: class}
	counts.used++
	return s
}

// add counts bytes that were allocated between began, in Unix nanoseconds, and now.
func (s *site) add(bytes, began int64) {
	now := time.Now().UnixNano()
	counts.Lock()
	defer counts.Unlock()
	s.total += bytes
	points := &counts.points[s.number]
	if s.used > 0 && now-s.since < s.resolution {
		points[s.used-1] = point{points[s.used-1].From, now, s.total}
		return
	}
	if s.used == mostPoints { // forget every other one
		for i := 0; i < mostPoints/2; i++ {
			points[i] = points[2*i+1]
			points[i].From = points[2*i].From
		}
		s.used = mostPoints / 2
		s.resolution = 2*s.resolution + int64(100*time.Microsecond)
	}
	points[s.used], s.since = point{began, now, s.total}, now
	s.used++
}

func truth() facts {
	counts.Lock()
	defer counts.Unlock()
	f := facts{Go: runtime.Version(), Start: started.UnixNano(), Now: time.Now().UnixNano(), Began: counts.began, Lost: counts.lost, CPUFrom: cpuFrom}
	for i := range counts.sites[:counts.used] {
		s := &counts.sites[i]
		f.Sites = append(f.Sites, siteFacts{s.name, s.function, s.class, s.resolution, counts.points[i][:s.used], s.presize})
	}
	f.Pauses, f.CPU, f.Memory = counts.pauses[:counts.cycles], counts.cpu[:counts.cpus], counts.memory[:counts.times]
	return f
}
