// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import "sort"

// facts are the answer of /truth: scenario/record.go says what they mean. Times are Unix nanoseconds.
type facts struct {
	Go         string `json:"go"`
	Start, Now int64
	Began      int64
	Sites      []siteFacts   `json:"sites"`
	Pauses     []pauseFacts  `json:"pauses"`
	Lost       int           `json:"lost"`
	CPUFrom    string        `json:"cpu_from"`
	CPU        []cpuFacts    `json:"cpu"`
	Memory     []memoryFacts `json:"memory"`
}

type siteFacts struct {
	Name, Function, Class string
	Resolution            int64
	Points                []pointFacts
	Presize               int
}

type pointFacts struct{ From, At, Bytes int64 }

type pauseFacts struct {
	Cycle   uint32
	End, NS int64
}

type cpuFacts struct {
	At        int64
	GC, Total float64
}

type memoryFacts struct {
	At                       int64
	Allocated, Objects, Live float64
	NextGC                   float64
	Cycles, Forced           uint32
	Goroutines               int
}

// at is what the site had allocated by a time, in Unix seconds: at least, and at most if a step was under way.
func (s *siteFacts) at(seconds float64) (least, most float64) {
	i := sort.Search(len(s.Points), func(i int) bool { return float64(s.Points[i].At)/1e9 > seconds })
	if i > 0 {
		least = float64(s.Points[i-1].Bytes)
	}
	if most = least; i < len(s.Points) && float64(s.Points[i].From)/1e9 <= seconds {
		most = float64(s.Points[i].Bytes)
	}
	return least, most
}

func (s *siteFacts) total() float64 {
	if len(s.Points) == 0 {
		return 0
	}
	return float64(s.Points[len(s.Points)-1].Bytes)
}

// cpuShare is GC CPU time over all CPU time between the ends of two cycles, both in Unix seconds.
func (f *facts) cpuShare(from, to float64) (share float64, ok bool) {
	first, firstOK := f.cpuAt(from)
	last, lastOK := f.cpuAt(to)
	if !firstOK || !lastOK || last.Total <= first.Total {
		return 0, false
	}
	return (last.GC - first.GC) / (last.Total - first.Total), true
}

// cpuAt interpolates between the looks that the program took.
func (f *facts) cpuAt(seconds float64) (cpuFacts, bool) {
	const slack = 0.001
	ns := int64(seconds * 1e9)
	i := sort.Search(len(f.CPU), func(i int) bool { return f.CPU[i].At >= ns-slack*1e9 })
	switch {
	case i == len(f.CPU), i == 0 && f.CPU[0].At > ns+slack*1e9:
		return cpuFacts{}, false
	case i == 0, f.CPU[i].At <= ns+slack*1e9:
		return f.CPU[i], true
	}
	a, b := f.CPU[i-1], f.CPU[i]
	part := float64(ns-a.At) / float64(b.At-a.At)
	return cpuFacts{ns, a.GC + part*(b.GC-a.GC), a.Total + part*(b.Total-a.Total)}, true
}

// pausesOf the cycles after one up to and with another, in seconds, sorted. Not ok if one of them was not seen.
func (f *facts) pausesOf(after, last float64) (sorted []float64, ok bool) {
	for _, p := range f.Pauses {
		if float64(p.Cycle) > after && float64(p.Cycle) <= last {
			sorted = append(sorted, float64(p.NS)/1e9)
		}
	}
	sort.Float64s(sorted)
	return sorted, len(sorted) > 0 && float64(len(sorted)) == last-after
}

// allocatedAt is MemStats.TotalAlloc at a time in Unix seconds.
func (f *facts) allocatedAt(seconds float64) (float64, bool) {
	ns := int64(seconds * 1e9)
	i := sort.Search(len(f.Memory), func(i int) bool { return f.Memory[i].At >= ns })
	if i == 0 || i == len(f.Memory) {
		return 0, false
	}
	a, b := f.Memory[i-1], f.Memory[i]
	return a.Allocated + float64(ns-a.At)/float64(b.At-a.At)*(b.Allocated-a.Allocated), true
}
