// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// FuzzMapVerdict walks some sites at random, with the steps that the bytes say. Whatever happens there is one verdict for each
// growing map that was judged, and "unbounded" stands on what a slow look at the whole history finds too.
func FuzzMapVerdict(f *testing.F) {
	f.Add(uint64(1), []byte("\x01\x02\x03\x04"))
	f.Add(uint64(2), []byte(strings.Repeat("\xf0", 40)))
	f.Add(uint64(3), []byte(strings.Repeat("\x10\x80", 30)))
	f.Add(uint64(4), []byte(strings.Repeat("\x91", 60)))
	f.Fuzz(func(t *testing.T, seed uint64, steps []byte) {
		if len(steps) > 400 {
			steps = steps[:400]
		}
		w := newWalk(seed)
		set := Settings{Window: time.Minute, MaxSnapshots: 6, MaxSites: 4}
		var target Target
		for i, b := range steps {
			o := w.step(i, b)
			var r Report
			target.Observe(o, set, &r)
			checkMaps(t, &target, &r)
			for _, s := range r.Signals {
				if s.Name == MapVerdict && s.Label == mapUnbounded {
					w.doubt(t, *s.Site, set.Window.Seconds())
				}
			}
		}
	})
}

// walk is a process with four map sites on two lines, and what was told of it.
type walk struct {
	rng    *rand.Rand
	sites  []Site
	at     float64
	cycles float64
	first  float64   // cycles when it was first heard
	heard  [][]Site  // of each snapshot that is judged
	until  []float64 // of it
}

func newWalk(seed uint64) *walk {
	w := &walk{rng: rand.New(rand.NewPCG(seed, 9)), cycles: 5, at: epoch}
	for i, class := range []string{"map_grow", "map_box", "sync_map", "map_overflow"} {
		w.sites = append(w.sites, Site{SiteKey: SiteKey{"main.put", "a.go", int64(i / 2), class}, Allocated: Of(0), Inuse: Of(0), Samples: Of(0), StdErr: Of(0)})
	}
	return w
}

// step: the upper bits are how much is allocated, the lower ones how much of it stays, how many GCs there were and whether the
// process says how large its blocks are.
func (w *walk) step(i int, b byte) Observation {
	for j := range w.sites {
		s := &w.sites[j]
		grown := math.Ldexp(float64(b>>4), w.rng.IntN(20))
		s.Allocated.Value += grown
		s.Samples.Value += float64(b >> 5)
		s.Inuse.Value = max(0, s.Inuse.Value*w.rng.Float64()*2*float64(b>>3&1)+s.Inuse.Value*float64(1-b>>3&1)+grown*w.rng.Float64())
		s.Inuse.Value = min(s.Inuse.Value, s.Allocated.Value)
		s.StdErr.Value = float64(b>>2&1) * math.Sqrt(s.Allocated.Value)
		s.Objects, s.Largest = Number{s.Samples.Value * 10, b&1 == 1}, Number{math.Ldexp(1, int(b>>4)), b&1 == 1}
	}
	w.at += 1 + float64(w.rng.IntN(30))
	w.cycles += float64(b >> 1 & 3)
	h := Heap{At: uint64(w.at * 1e9), Start: 1, Cycles: Of(w.cycles), Allocated: Of(float64(i)), ObservedUntil: Of(w.at - 1), Profile: true, Rate: Of(1)}
	h.Sites = append(h.Sites, w.sites...)
	if i == 0 {
		w.first = w.cycles
	}
	if w.cycles >= w.first+settleCycles && b>>1&3 > 0 {
		w.heard, w.until = append(w.heard, h.Sites), append(w.until, w.at-1)
	}
	return Observation{Heap: &h, Runtime: []string{"", "go1.23.1", "go1.24.4", "go1.26.3", "swiss"}[w.rng.IntN(5)]}
}

// doubt looks at everything that was ever told of a site.
func (w *walk) doubt(t *testing.T, key SiteKey, window float64) {
	t.Helper()
	var first, last, before Site
	rises := 0
	for i, sites := range w.heard {
		for _, s := range sites {
			if s.SiteKey != key {
				continue
			}
			if i == 0 {
				first = s
			} else if s.Inuse.Value > before.Inuse.Value && s.Samples.Value > before.Samples.Value {
				rises++
			}
			before, last = s, s
		}
	}
	least := first.Inuse.Value
	switch {
	case rises < 3:
		t.Fatalf("%+v is unbounded after %d rises", key, rises)
	case last.Inuse.Value < 4*least:
		t.Fatalf("%+v is unbounded at %v bytes, after %v at first", key, last.Inuse.Value, least)
	case w.until[len(w.until)-1]-w.until[0] < window:
		t.Fatalf("%+v is unbounded after %v s", key, w.until[len(w.until)-1]-w.until[0])
	}
}

var mapVerdicts = map[string]bool{mapUnbounded: true, mapWarming: true, mapChurn: true, mapRequestScoped: true, mapSettled: true, mapUnknown: true}

// checkMaps are the invariants of one report.
func checkMaps(t *testing.T, target *Target, r *Report) {
	t.Helper()
	verdicts := map[SiteKey]string{}
	shares := map[int64]float64{}
	for _, s := range r.Signals {
		switch s.Name {
		case MapVerdict:
			if verdicts[*s.Site] != "" || !mapVerdicts[s.Label] || s.Reason == "" || s.Value != 1 || !Growing(s.Site) {
				t.Fatalf("verdict %+v of %+v, one before: %q", s, *s.Site, verdicts[*s.Site])
			}
			verdicts[*s.Site] = s.Label
		case MapPresize:
			if verdicts[*s.Site] != mapRequestScoped || s.Value < 1 || s.Value != math.Trunc(s.Value) {
				t.Fatalf("presize to %v of a map that is %q", s.Value, verdicts[*s.Site])
			}
		case MapShare:
			shares[s.Site.Line] += s.Value
		case MapInflation:
			if !(s.Value >= 0) {
				t.Fatalf("inflation %v", s.Value)
			}
		}
	}
	for line, sum := range shares {
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("the shares of line %d add up to %v, want 1", line, sum)
		}
	}
	for _, c := range r.Changes {
		if c.Name != MapVerdict {
			continue
		}
		if c.From == c.To || c.To != verdicts[*c.Site] || c.Text == "" || strings.Contains(c.Text, "%!") || strings.Contains(c.Text, "NaN") || strings.Contains(c.Text, "Inf") {
			t.Fatalf("change %+v, the verdict is %q", c, verdicts[*c.Site])
		}
	}
	for i := range target.heap.sites.slots {
		if p := &target.heap.sites.slots[i].path; p.known > len(p.levels) || p.until < p.start {
			t.Fatalf("path %+v", *p)
		}
	}
}
