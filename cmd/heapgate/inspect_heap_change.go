// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/ladder"
	"github.com/heapgate/heapgate/internal/signal"
)

// heapMoment is a snapshot and when it was true.
type heapMoment struct {
	heap.Snapshot
	at, until uint64 // unix nanoseconds: when it was taken, at least; up to when its profile is published
	likely    bool   // its classes were guessed from block sizes, see inspect_heap_proto.go
	blocks    []ladder.Block
	lines     map[ladder.Place]*heap.Site
	grown     []ladder.Growth
}

// momentOf a text: the clock is that of the process, whose last GC ended not after the text was written.
func momentOf(s heap.Snapshot) heapMoment {
	m := heapMoment{Snapshot: s, at: s.MemStats.LastGC}
	m.until, _ = s.MemStats.ObservedUntil()
	return m
}

// heapChange is the JSON of `inspect heap` with --base or --for.
type heapChange struct {
	Seconds  float64      `json:"seconds"` // between the last GCs but one of the two: the time that the changes are of
	GCs      uint32       `json:"gcs"`
	Texts    int          `json:"texts"`
	Before   heapState    `json:"before"`
	After    heapState    `json:"after"`
	Sites    []siteChange `json:"sites"`
	Warnings []string     `json:"warnings,omitempty"`
}

type heapState struct {
	HeapAlloc  uint64 `json:"heap_alloc"`
	TotalAlloc uint64 `json:"total_alloc"`
	NumGC      uint32 `json:"num_gc"`
	Rate       int64  `json:"rate"`
}

// siteChange is what one site allocated in between, estimated, and how much more it has in use.
type siteChange struct {
	Function string     `json:"function"`
	File     string     `json:"file"`
	Line     int        `json:"line"`
	Class    heap.Class `json:"class"`

	AllocBytes   int64   `json:"alloc_bytes"`
	LowerBytes   float64 `json:"alloc_bytes_lower"` // 95 %
	UpperBytes   float64 `json:"alloc_bytes_upper"`
	AllocObjects int64   `json:"alloc_objects"`
	InuseChange  int64   `json:"inuse_bytes_change"`
	InuseBytes   int64   `json:"inuse_bytes"`
	Samples      int64   `json:"samples"`

	Verdict string `json:"verdict,omitempty"` // of growing maps only
	Reason  string `json:"reason,omitempty"`
	Text    string `json:"text,omitempty"`
	Presize int    `json:"presize,omitempty"` // entries
	Likely  bool   `json:"likely,omitempty"`  // the class is a guess from block sizes
}

// changeOf compares the last moment with the first, and judges the maps by all of them. lasting is 0 for two files.
func changeOf(moments []heapMoment, lasting time.Duration) (heapChange, error) {
	first, last := &moments[0], &moments[len(moments)-1]
	change := heapChange{Texts: len(moments), Before: stateOf(first), After: stateOf(last), GCs: last.MemStats.NumGC - first.MemStats.NumGC}
	if err := comparable(first, last); err != nil {
		return change, err
	}
	if last.likely { // the later one shows more rungs
		first.guess(last.grown)
	}
	change.Seconds = float64(last.until-first.until) / 1e9
	if last.likely {
		change.Warnings = append(change.Warnings, "when a protobuf profile was taken is known, but not up to which GC it is true: rates are of the time between")
	}
	if change.Seconds == 0 {
		change.Warnings = append(change.Warnings, "no GC ended in between: a profile shows nothing new until one does. Wait, or ask with heap?gc=1&debug=1")
	}
	before := map[signal.SiteKey]*heap.Site{}
	for i := range first.Sites {
		before[keyOf(&first.Sites[i])] = &first.Sites[i]
	}
	verdicts := verdictsOf(moments, lasting)
	for i := range last.Sites {
		to := &last.Sites[i]
		key := keyOf(to)
		from := before[key]
		if from == nil {
			from = &heap.Site{}
		}
		one := siteChange{
			Function: to.Function, File: to.File, Line: to.Line, Class: to.Class, AllocBytes: to.AllocBytes - from.AllocBytes, AllocObjects: to.AllocObjects - from.AllocObjects,
			InuseChange: to.InuseBytes - from.InuseBytes, InuseBytes: to.InuseBytes, Samples: to.Samples - from.Samples,
			Likely: last.likely && to.Class == heap.MapGrow,
		}
		a, b := estimateOf(from), estimateOf(to)
		_, one.LowerBytes, one.UpperBytes = signal.Grown(&a, &b)
		if v, ok := verdicts[key]; ok {
			one.Verdict, one.Reason, one.Text, one.Presize = v.Verdict, v.Reason, v.Text, v.Presize
		}
		change.Sites = append(change.Sites, one)
	}
	sortChanges(change.Sites)
	return change, nil
}

func stateOf(m *heapMoment) heapState {
	return heapState{m.MemStats.HeapAlloc, m.MemStats.TotalAlloc, m.MemStats.NumGC, m.Rate}
}

// comparable says why two snapshots are not an earlier and a later one of one process.
func comparable(first, last *heapMoment) error {
	a, b := &first.MemStats, &last.MemStats
	switch {
	case first.likely != last.likely:
		return fmt.Errorf("one is a heap text and the other a protobuf profile, want two of a kind")
	case first.Rate != last.Rate:
		return fmt.Errorf("the sampling rates differ: got %d bytes before and %d after, want two profiles of one process", first.Rate, last.Rate)
	case first.until == 0 || last.until == 0:
		return fmt.Errorf("a profile is too early to compare: got %d GCs before and %d after, want at least 2", a.NumGC, b.NumGC)
	case b.NumGC < a.NumGC || b.TotalAlloc < a.TotalAlloc || last.until < first.until || last.Total.AllocBytes < first.Total.AllocBytes:
		return fmt.Errorf("the base is not the earlier one of the same process: got GC %d and %d bytes allocated before, GC %d and %d bytes after",
			a.NumGC, max(a.TotalAlloc, uint64(max(first.Total.AllocBytes, 0))), b.NumGC, max(b.TotalAlloc, uint64(max(last.Total.AllocBytes, 0))))
	}
	return nil
}

// verdictsOf plays the moments to the code that judges in the processor.
func verdictsOf(moments []heapMoment, lasting time.Duration) map[signal.SiteKey]signal.MapSite {
	first, last := &moments[0], &moments[len(moments)-1]
	set := signal.Settings{Window: lasting / 2, MaxSnapshots: 240, MaxSites: max(len(last.Sites), 1)}
	if lasting == 0 {
		set.Window = time.Duration(min(last.until-first.until, math.MaxInt64/4)) + time.Minute
	}
	target := signal.Watching()
	for i := range moments {
		var r signal.Report
		target.Observe(moments[i].observation(), set, &r)
	}
	verdicts := map[signal.SiteKey]signal.MapSite{}
	for _, site := range target.MapSites(set, signal.Of(float64(last.Rate))) {
		verdicts[site.SiteKey] = site
	}
	return verdicts
}

// observation is what the receiver and the processor make of a text.
func (m *heapMoment) observation() signal.Observation {
	h := &signal.Heap{
		At: m.at, Start: 1, Cycles: signal.Of(float64(m.MemStats.NumGC)), Allocated: signal.Of(float64(m.MemStats.TotalAlloc)),
		ObservedUntil: signal.Of(float64(m.until) / 1e9), Profile: true, Rate: signal.Of(float64(m.Rate)),
	}
	if m.likely {
		h.Cycles, h.Allocated = signal.Number{}, signal.Of(float64(m.Total.AllocBytes))
	}
	for i := range m.Sites {
		if site := estimateOf(&m.Sites[i]); signal.Watched(&site.SiteKey) {
			h.Sites = append(h.Sites, site)
		}
	}
	return signal.Observation{Heap: h, Runtime: runtimeOf(m.Runtime), LowConfidence: m.likely}
}

func runtimeOf(r heap.Runtime) string {
	switch {
	case r.Version != "" && string(r.Maps) == "old":
		return r.Version + " X:noswissmap"
	case r.Version != "":
		return r.Version
	case string(r.Maps) == "swiss" || string(r.Maps) == "old":
		return string(r.Maps)
	}
	return ""
}

func keyOf(s *heap.Site) signal.SiteKey {
	return signal.SiteKey{Function: s.Function, File: s.File, Line: int64(s.Line), Class: string(s.Class)}
}

func estimateOf(s *heap.Site) signal.Site {
	number := func(n int64) signal.Number { return signal.Of(float64(n)) }
	site := signal.Site{
		SiteKey: keyOf(s), Allocated: number(s.AllocBytes), Inuse: number(s.InuseBytes), Samples: number(s.Samples), StdErr: signal.Of(s.StdErrBytes),
		Objects: number(s.AllocObjects),
	}
	if s.LargestBytes > 0 {
		site.Largest = number(s.LargestBytes)
	}
	return site
}
