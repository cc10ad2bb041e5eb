// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"testing"
)

// TestPath: what counts as a rise, and when the next one is overdue.
func TestPath(t *testing.T) {
	var p path
	p.learn(0, sitePoint{allocated: 10, inuse: 10, samples: 1, known: true}, 10)
	for i := 1; i <= 20; i++ {
		p.learn(float64(i), sitePoint{allocated: 10 + float64(i), inuse: 10 + float64(i), samples: 1 + float64(i), known: true}, 10)
	}
	if p.rises != 20 || p.over() {
		t.Errorf("%d rises, over: %v; want 20 of a growth that goes on", p.rises, p.over())
	}
	for i := 21; i <= 24; i++ { // more in use than before, but nothing was allocated: an estimate of what is freed late
		p.learn(float64(i), sitePoint{allocated: 30, inuse: 30 + float64(i)/100, samples: 21, known: true}, 10)
	}
	if p.rises != 20 || p.over() {
		t.Errorf("%d rises, over: %v after 4 s of quiet; want 20 and not yet", p.rises, p.over())
	}
	p.learn(34, sitePoint{allocated: 30, inuse: 30, samples: 21, known: true}, 10)
	if !p.over() {
		t.Error("a growth that rose each second for 20 s is not over after 14 s of quiet")
	}
	p.learn(5, sitePoint{allocated: 30, inuse: 30, samples: 21, known: true}, 30)
	if p.known != 1 || p.start != 5 || p.base() != 30 {
		t.Errorf("the clock was set back: %+v, want a new path", p)
	}
}

// TestRuntimeOfTheProcess: the version is kept while a process lives, and not longer.
func TestRuntimeOfTheProcess(t *testing.T) {
	var s mapState
	for _, try := range []struct {
		version string
		epoch   int
		minor   int
	}{{"", 0, 0}, {"go1.26.1", 0, 26}, {"", 0, 26}, {"go1.24.4", 0, 24}, {"", 1, 0}} {
		if s.learn(try.version, try.epoch); s.runtime.Minor != try.minor {
			t.Errorf("told %q of process %d: Go 1.%d, want 1.%d", try.version, try.epoch, s.runtime.Minor, try.minor)
		}
	}
}

// TestRateOfTheProcess: the rate is kept where an observation does not say it, and what cannot be is not taken.
func TestRateOfTheProcess(t *testing.T) {
	var table siteTable
	for _, try := range []struct{ heard, want Number }{
		{Number{}, Number{}}, {Of(524288), Of(524288)}, {Number{}, Of(524288)}, {Of(math.NaN()), Of(524288)}, {Of(math.Inf(1)), Of(524288)}, {Of(-1), Of(524288)},
		{Of(1), Of(1)}, {Of(0), Of(0)},
	} {
		if table.sampled(try.heard); table.rate != try.want {
			t.Errorf("heard %v: %v, want %v", try.heard, table.rate, try.want)
		}
	}
}

// TestQuietIsNotSettled: the sentence says how much may have been allocated unseen, 3.688879 * 512 KiB.
func TestQuietIsNotSettled(t *testing.T) {
	target := Watching()
	var r Report
	for i := range 5 {
		h := Heap{At: uint64(epoch+10*i) * 1e9, Start: 1, Cycles: Of(float64(5 + i)), Allocated: Of(float64(i)), ObservedUntil: Of(float64(epoch + 10*i)), Profile: true}
		if i == 0 {
			h.Rate = Of(512 << 10)
		}
		h.Sites = []Site{{SiteKey: SiteKey{"main.put", "a.go", 1, "map_grow"}, Allocated: Of(1e6), Inuse: Of(1e6), Samples: Of(2), StdErr: Of(7e5)}}
		target.Observe(Observation{Heap: &h}, settings, &r)
	}
	sites := target.MapSites(settings, Of(512<<10))
	const want = "main.put (a.go:1): no sample in the last 40s, in which it may have allocated up to 1.8 MiB unseen. It has 976.6 KiB in use, allocated 0 B/s over 40s (95 %: 0 B to 47.2 KiB)"
	if len(sites) != 1 || sites[0].Verdict != mapUnknown || sites[0].Reason != "few_samples" || sites[0].Text != want {
		t.Errorf("%+v, want unknown few_samples, %q", sites, want)
	}
}

// TestGrowingSitesFirst: a large box does not take the place of a small map.
func TestGrowingSitesFirst(t *testing.T) {
	site := func(line int64, class string, bytes float64) Site {
		return Site{SiteKey: SiteKey{"main.put", "a.go", line, class}, Allocated: Of(bytes), Inuse: Of(bytes), Samples: Of(1), StdErr: Of(0)}
	}
	var r Report
	kept := usable([]Site{site(1, "map_box", 1e9), site(2, "map_grow", 10), site(3, "map_grow", 20)}, 2, &r)
	if len(kept) != 2 || kept[0].Line != 3 || kept[1].Line != 2 {
		t.Errorf("kept %+v, want the maps of lines 3 and 2", kept)
	}
}

// TestSiteThatWentBack begins afresh: what it grew by before is of another process.
func TestSiteThatWentBack(t *testing.T) {
	target := Watching()
	for i, bytes := range []float64{10, 100, 1000, 20} {
		h := Heap{At: uint64(epoch+i) * 1e9, Start: 1, Cycles: Of(float64(5 + i)), Allocated: Of(float64(i)), ObservedUntil: Of(float64(epoch + i)), Profile: true}
		h.Sites = []Site{{SiteKey: SiteKey{"main.put", "a.go", 1, "map_grow"}, Allocated: Of(bytes), Inuse: Of(bytes), Samples: Of(bytes), StdErr: Of(0)}}
		var r Report
		target.Observe(Observation{Heap: &h}, settings, &r)
	}
	if p := target.heap.sites.slots[0].path; p.rises != 0 || p.base() != 20 {
		t.Errorf("%+v, want a new path from 20 bytes on", p)
	}
}
