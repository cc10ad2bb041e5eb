// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/goroutine"
)

// seenCount is one profile of one site, as the model remembers it: all of them, for ever.
type seenCount struct{ at, count float64 }

// modelLeak judges a site slowly and obviously by all that was ever counted there, without any measure of the process's work.
func modelLeak(all []seenCount, window float64) (verdict, reason string) {
	last := len(all) - 1
	now := all[last]
	// Since when it was seen without a hole, and did not fall.
	from := last
	for from > 0 && all[from-1].count <= all[from].count && all[from].at-all[from-1].at <= window {
		from--
	}
	// A rise begins with the profile before its first step, and is over when ten minutes have passed without a step.
	begin, steps, seen, lastStep := from, 0, 1, all[from].at
	for i := from + 1; i <= last; i++ {
		switch {
		case all[i].count > all[i-1].count && steps == 0:
			begin, steps, seen, lastStep = i-1, 1, 2, all[i].at
		case all[i].count > all[i-1].count:
			steps, seen, lastStep = steps+1, seen+1, all[i].at
		default:
			if seen++; steps > 0 && all[i].at-lastStep >= 600 {
				begin, steps, seen = i, 0, 1
			}
		}
	}
	since := all[begin].at
	if steps == 0 {
		since = lastStep
	}
	// The largest fall of the window, forgotten a window after the last one that was as large or followed it.
	fall, fell := 0.0, math.Inf(-1)
	for i := 1; i <= last; i++ {
		if all[i].at-fell > window {
			fall = 0
		}
		if all[i].count < all[i-1].count && all[i].at-all[i-1].at <= window {
			fall, fell = max(fall, all[i-1].count-all[i].count), all[i].at
		}
	}
	grown := now.count - all[begin].count
	switch {
	case grown <= 0 && fall > 0:
		return "none", "falls"
	case grown <= 0 && now.at-since >= 600:
		return "none", "steady"
	case seen < 3 || now.at-since < 600:
		return "unknown", "young"
	case grown < 10 || grown <= 3*math.Sqrt(max(all[begin].count, 1))+fall || steps < 2:
		return "unknown", "noise"
	}
	return "leak", "only_rises"
}

// TestLeakModel plays random numbers of goroutines, with phases of rise, rest and fall and with holes, and holds each verdict to
// the model's.
func TestLeakModel(t *testing.T) {
	verdicts := map[string]int{}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 11))
		var target Target
		var all []seenCount
		set := settings
		set.Window *= time.Duration(1 + seed%4)
		at, count := float64(epoch), float64(20+rng.IntN(400))
		up, down := rng.IntN(4), rng.IntN(3)
		for round := range 60 {
			if rng.IntN(12) == 0 {
				up, down = rng.IntN(4), rng.IntN(3)
			}
			at += float64(20 + rng.IntN(200))
			if rng.IntN(30) == 0 {
				at += 1.2 * set.Window.Seconds()
			}
			if rng.IntN(25) == 0 {
				count += 100
				up, down = 0, 0
			}
			if rng.IntN(3) > 0 {
				count = max(10, count+float64(rng.IntN(1+12*up))-float64(rng.IntN(1+4*down)))
			}
			all = append(all, seenCount{at, count})
			var r Report
			site := GoroutineSite{SiteKey: SiteKey{"main.f", "f.go", 1, "select"}, Count: Of(count)}
			target.Observe(Observation{Goroutines: &Goroutines{At: uint64(at) * 1e9, Start: 1, Total: Of(count), Sites: []GoroutineSite{site}}}, set, &r)
			verdict, reason := modelLeak(all, set.Window.Seconds())
			got := ""
			for _, s := range r.Signals {
				if s.Name == GoroutineLeak {
					got += s.Label + " " + s.Reason
				}
			}
			if want := verdict + " " + reason; got != want {
				t.Fatalf("seed %d round %d: %q, the model says %q of %v", seed, round, got, want, all)
			}
			verdicts[got]++
		}
	}
	for _, verdict := range []string{"leak only_rises", "none falls", "none steady", "unknown young", "unknown noise"} {
		if verdicts[verdict] < 50 {
			t.Errorf("%q only %d times: hardly tried", verdict, verdicts[verdict])
		}
	}
}

// TestBlockingStatesAreOnes holds the words to those that package goroutine says.
func TestBlockingStatesAreOnes(t *testing.T) {
	words := map[string]bool{}
	for _, state := range []goroutine.State{
		goroutine.ChanReceive, goroutine.ChanSend, goroutine.Select, goroutine.SelectNoCases, goroutine.IOWait, goroutine.Semacquire, goroutine.Waiting,
		goroutine.MutexLock, goroutine.RWMutexLock, goroutine.RWMutexRLock, goroutine.WaitGroupWait, goroutine.CondWait,
	} {
		words[string(state)] = true
		if !blocks[string(state)] {
			t.Errorf("%q does not block", state)
		}
	}
	for state := range blocks {
		if !words[state] {
			t.Errorf("%q is no state", state)
		}
	}
}

// TestBlockingIsBounded fills the state to the brim: sites, states and profiles, and the numbers of what is told.
func TestBlockingIsBounded(t *testing.T) {
	var target Target
	for round := range 60 {
		g := &Goroutines{At: uint64(epoch+60*round) * 1e9, Start: 1}
		for i := range 200 {
			class := []string{"select", "chan send", fmt.Sprintf("state %d", i)}[i%3]
			g.Sites = append(g.Sites, GoroutineSite{SiteKey{fmt.Sprintf("main.f%d", (i+round/20*100)%300), "f.go", 1, class}, Of(float64(20 + 10*round + i)), Number{}})
		}
		g.Total = Of(float64(1000 * (round + 1)))
		var r Report
		target.Observe(Observation{Goroutines: g}, settings, &r)
		told := map[Name]int{}
		for _, s := range r.Signals {
			told[s.Name]++
		}
		for _, n := range []Name{GoroutineGrowth, GoroutineAge, GoroutineLeak} {
			if told[n] > maxToldSites || round > 2 && round < 20 && n != GoroutineLeak && told[n] != maxToldSites {
				t.Fatalf("round %d: %v of %d sites, want %d", round, n, told[n], maxToldSites)
			}
		}
		if s := &target.blocking; len(s.sites.all) != maxStanding || len(s.states) != maxStates || len(s.profiles.points) > settings.MaxSnapshots {
			t.Fatalf("round %d: %d sites, %d states, %d profiles", round, len(s.sites.all), len(s.states), len(s.profiles.points))
		}
	}
}

// TestFamiliesAreBounded fills the state to the brim: lines, families, and what is told.
func TestFamiliesAreBounded(t *testing.T) {
	var target Target
	for round := range 40 {
		at := float64(epoch + 60*round)
		h := &Heap{
			At: uint64(at) * 1e9, Start: 1, Cycles: Of(float64(10 + 2*round)), Allocated: Of(1e9 * float64(round)), ObservedUntil: Of(at - 5), Profile: true,
			ProfileAlloc: Of(1e9 * float64(round)),
		}
		for i := range 200 {
			key := SiteKey{fmt.Sprintf("main.f%d", (i+round/10*100)%300), "f.go", 1, fmt.Sprintf("family %d", i%30)}
			h.Families = append(h.Families, Family{SiteKey: key, Allocated: Of(float64(round) * 20e6)})
		}
		var r Report
		target.Observe(Observation{Heap: h}, settings, &r)
		rates := 0
		for _, s := range r.Signals {
			if s.Name == FamilyRate {
				rates++
			}
		}
		if s := &target.families; len(s.lines.all) > maxFamilyLines || len(s.families) > maxFamilies || rates > maxFamilyRates || cap(s.told) > 2*settings.MaxSites {
			t.Fatalf("round %d: %d lines, %d families, %d rates", round, len(s.lines.all), len(s.families), rates)
		}
		if round == 5 && (rates != maxFamilyRates || len(target.families.lines.all) != maxFamilyLines || len(target.families.families) != maxFamilies) {
			t.Errorf("the brim is not reached: %d rates, %d lines, %d families", rates, len(target.families.lines.all), len(target.families.families))
		}
	}
}

// TestSpan holds the moments, and what grew since, to all that was ever pushed: the base is within the window, and no moment
// within it is a quarter of a window older.
func TestSpan(t *testing.T) {
	const window = 600.0
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var s span
		var grown since
		var all []mark
		at, value := 1000.0, 0.0
		for range 100 {
			step := float64(rng.IntN(1000))
			at += float64(1 + rng.IntN(200))
			value += step
			if rng.IntN(40) == 0 {
				at += 2 * window
			}
			all = append(all, mark{at, value})
			gone, remembered := s.push(at, window)
			grown.push(gone)
			moments := s.n
			if remembered {
				moments--
			}
			grown.add(step, moments)
			oldest := 0
			for all[oldest].at < at-window {
				oldest++
			}
			base := slices.IndexFunc(all, func(m mark) bool { return m.at == s.at[0] })
			if base < oldest || all[base].at-all[oldest].at > window/4+200 {
				t.Fatalf("base at %v, now %v, oldest in the window %v", s.at[0], at, all[oldest].at)
			}
			if want := value - all[base].value; math.Abs(float64(grown[0])-want) > 1e-3*want {
				t.Fatalf("grown by %v since the base, want %v", grown[0], want)
			}
		}
	}
}
