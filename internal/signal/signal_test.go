// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

func playAll(set Settings, observations []Observation) []Signal {
	var target Target
	var r Report
	for _, o := range observations {
		target.Observe(o, set, &r)
	}
	return r.Signals
}

// TestScaling: twice the bytes are twice the rates, and leave every ratio and count as it was.
func TestScaling(t *testing.T) {
	for seed := range uint64(50) {
		observations := life(rand.New(rand.NewPCG(seed, 1)), 100, 4)
		want := playAll(settings, observations)
		for i := range want {
			switch want[i].Name {
			case AllocationRate, HeapLive, GrowthRate, GrowthRateLower, GrowthRateUpper:
				want[i].Value *= 2
			case GCCPUPerByte:
				want[i].Value /= 2
			}
		}
		for _, o := range observations {
			for _, n := range []*Number{&o.Heap.Allocated, &o.Heap.Inuse, &o.Trace.Live} {
				n.Value *= 2
			}
			for j := range o.Heap.Sites {
				s := &o.Heap.Sites[j]
				s.Allocated.Value, s.Inuse.Value, s.StdErr.Value = 2*s.Allocated.Value, 2*s.Inuse.Value, 2*s.StdErr.Value
			}
		}
		if diff := gocmp.Diff(want, playAll(settings, observations)); diff != "" {
			t.Fatalf("seed %d: -want +got:\n%s", seed, diff)
		}
	}
}

// TestHalves: it does not matter whether heap and gctrace arrive together or apart, nor in which order the sites come.
func TestHalves(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		observations := life(rng, 100, 4)
		var apart []Observation
		for _, o := range observations {
			h := *o.Heap
			h.Sites = slices.Clone(h.Sites)
			rng.Shuffle(len(h.Sites), func(i, j int) { h.Sites[i], h.Sites[j] = h.Sites[j], h.Sites[i] })
			apart = append(apart, Observation{Heap: &h}, Observation{Trace: o.Trace})
		}
		// the state of the collector is judged from both halves at each heap text, so that it knows the gctrace heard by then
		ofBoth := func(s Signal) bool { return s.Name == GCState || s.Of == GCState || s.Of == GCCPUShare }
		together, parted := slices.DeleteFunc(playAll(settings, observations), ofBoth), slices.DeleteFunc(playAll(settings, apart), ofBoth)
		if diff := gocmp.Diff(sorted(together), sorted(parted)); diff != "" {
			t.Fatalf("seed %d: -together +apart:\n%s", seed, diff)
		}
	}
}

func sorted(signals []Signal) []Signal {
	line := func(s Signal) int64 {
		if s.Site == nil {
			return -1
		}
		return s.Site.Line
	}
	slices.SortStableFunc(signals, func(a, b Signal) int {
		if a.At != b.At {
			return int(int64(a.At) - int64(b.At))
		}
		return int(int64(a.Name)-int64(b.Name))*1000 + int(line(a)-line(b))
	})
	return signals
}

// TestReadsWithoutGC: however often a process is read between two GCs, what is said of its GCs and maps is the same.
func TestReadsWithoutGC(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 3))
		observations := life(rng, 60, 4)
		var more []Observation
		for _, o := range observations {
			more = append(more, o)
			for i := range rng.IntN(3) {
				h := *o.Heap
				h.At += uint64(i+1) * 1e9
				h.PauseMax = Number{} // only with new cycles
				more = append(more, Observation{Heap: &h})
			}
		}
		byTheRead := func(s Signal) bool {
			return s.Name == AllocationRate || s.Name == Turnover || s.Name == GCCPUPerByte || s.Name == NextCycle
		}
		asked := map[uint64]bool{}
		for _, o := range observations {
			asked[o.Heap.At] = true
		}
		want := slices.DeleteFunc(playAll(settings, observations), byTheRead)
		got := slices.DeleteFunc(playAll(settings, more), func(s Signal) bool { return byTheRead(s) || !asked[s.At] })
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: -want +got:\n%s", seed, diff)
		}
	}
}

// TestOracle holds the bounded state to a slow one that keeps every observation: thinning must not move the ends of a window.
func TestOracle(t *testing.T) {
	for seed := range uint64(50) {
		observations := life(rand.New(rand.NewPCG(seed, 4)), 120, 3)
		var target Target
		var kept []*Heap
		var firstCycles float64
		for i, o := range observations {
			if i == 0 {
				firstCycles = o.Heap.Cycles.Value
			}
			if len(kept) == 0 || o.Heap.Cycles.Value > kept[len(kept)-1].Cycles.Value {
				kept = append(kept, o.Heap)
			}
			var r Report
			target.Observe(o, Settings{settings.Window, 4000, 64}, &r)
			slow := naive(kept, firstCycles)
			for _, s := range r.Signals {
				want, ok := slow[s.Name][line(s.Site)]
				if ok && math.Abs(want-s.Value) > 1e-9*math.Abs(want) {
					t.Fatalf("seed %d read %d: %v of %+v is %v, the oracle says %v", seed, i, s.Name, s.Site, s.Value, want)
				}
			}
		}
	}
}

func line(k *SiteKey) int64 {
	if k == nil {
		return -1
	}
	return k.Line
}

// naive looks at everything that was ever heard.
func naive(kept []*Heap, firstCycles float64) map[Name]map[int64]float64 {
	last := kept[len(kept)-1]
	out := map[Name]map[int64]float64{Cycles: {}, Window: {}, PauseMax: {}, GrowthRate: {}, Samples: {}}
	var first *Heap
	for _, h := range kept {
		if h.ObservedUntil.Value < last.ObservedUntil.Value-settings.Window.Seconds() {
			continue
		}
		if first == nil {
			first = h
		} else {
			out[PauseMax][-1] = max(out[PauseMax][-1], h.PauseMax.Value)
		}
	}
	out[Cycles][-1] = last.Cycles.Value - first.Cycles.Value
	out[Window][-1] = last.ObservedUntil.Value - first.ObservedUntil.Value
	for _, s := range last.Sites {
		for _, h := range kept {
			i := slices.IndexFunc(h.Sites, func(o Site) bool { return o.SiteKey == s.SiteKey })
			if h.ObservedUntil.Value < first.ObservedUntil.Value || h.Cycles.Value < firstCycles+2 || i < 0 {
				continue
			}
			out[GrowthRate][s.Line] = (s.Allocated.Value - h.Sites[i].Allocated.Value) / (last.ObservedUntil.Value - h.ObservedUntil.Value)
			out[Samples][s.Line] = s.Samples.Value - h.Sites[i].Samples.Value
			break
		}
	}
	return out
}

// TestBounds: however long and varied a life is, the state stays within its settings.
func TestBounds(t *testing.T) {
	set := Settings{Window: time.Hour, MaxSnapshots: 5, MaxSites: 3}
	var target Target
	for i, o := range life(rand.New(rand.NewPCG(1, 5)), 1000, 8) {
		for j := range o.Heap.Sites {
			o.Heap.Sites[j].Line += int64(i / 10) // new code all the time
		}
		target.Observe(o, set, &Report{})
		h := &target.heap
		if n := len(h.snapshots.points); n > 5 {
			t.Fatalf("read %d: %d snapshots, want at most 5", i, n)
		}
		if n := max(len(h.sites.slots), len(h.sites.index)); n > 3 {
			t.Fatalf("read %d: %d sites, want at most 3", i, n)
		}
		if n := max(len(h.reads.points), len(target.trace.points.points)); n > 5 {
			t.Fatalf("read %d: %d points, want at most 5", i, n)
		}
	}
}

// TestThinningKeepsSpacing: after many pushes the points of a history lie about evenly over the window.
func TestThinningKeepsSpacing(t *testing.T) {
	var h history[read]
	for i := range 2000 {
		h.push(read{at: float64(i)}, 600, 13)
	}
	if n := len(h.points); n < 12 || n > 13 {
		t.Fatalf("got %d points, want 12 or 13", n)
	}
	for i := 1; i < len(h.points); i++ {
		if gap := h.points[i].at - h.points[i-1].at; gap > 100 {
			t.Errorf("a hole of %v s after %v, want at most 100 s in a window of 600 s with 13 points", gap, h.points[i-1].at)
		}
	}
}

func TestEveryNameHasAText(t *testing.T) {
	seen := map[string]bool{}
	for n := range Names {
		if n.String() == "" || seen[n.String()] {
			t.Errorf("signal %d is called %q, want a name of its own", n, n)
		}
		seen[n.String()] = true
	}
}

func TestWatched(t *testing.T) {
	for key, want := range map[SiteKey]bool{
		{"main.put", "a.go", 1, "map_grow"}:     true,
		{"main.put", "a.go", 1, "map_overflow"}: true,
		{"main.put", "a.go", 1, "map_clone"}:    true,
		{"main.put", "a.go", 1, "sync_map"}:     true,
		{"main.put", "a.go", 1, "map_make"}:     true, // for their share
		{"main.put", "a.go", 1, "map_box"}:      true,
		{"other", "", 0, "map_make"}:            false,
		{"main.put", "a.go", 1, "value"}:        false,
		{"main.put", "a.go", 1, ""}:             false,
		{"other", "", 0, "map_grow"}:            false, // the rest
		{"other", "a.go", 1, "map_grow"}:        true,  // somebody's function
		{"main.put", "", 0, "map_grow"}:         true,  // a binary without lines
	} {
		if got := Watched(&key); got != want {
			t.Errorf("%+v is watched: %v, want %v", key, got, want)
		}
	}
}

// TestShares: rounding is clamped, anything else is refused and said.
func TestShares(t *testing.T) {
	for value, want := range map[float64]Number{
		-1e-9: Of(0), 0: Of(0), 0.5: Of(0.5), 1: Of(1), 1 + 1e-9: Of(1), -1e-3: {}, 1.001: {}, math.Inf(1): {}, math.NaN(): {},
	} {
		var r Report
		r.addShare(Signal{Name: GCCPUShare, Value: value})
		var got Number
		if len(r.Signals) == 1 {
			got = Of(r.Signals[0].Value)
		}
		if got != want || want.Known == (len(r.Notes) == 1) {
			t.Errorf("a share of %v gives %+v and %+v, want %+v", value, got, r.Notes, want)
		}
	}
}
