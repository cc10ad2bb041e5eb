// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"math/rand/v2"
	"testing"
)

// heapRun is a simulated process: a read every 30 s with a new GC each, live heap = level * (1 + slope*t + warm-up) * (1 + AR(1) noise of
// cv 4 %). As in the measurements that the rule was chosen by.
type heapRun struct {
	slope   float64 // of the level, an hour
	rho     float64
	warmUp  float64 // of the level, gone with a time constant of 15 minutes
	minutes float64 // after the warm-up of 30 minutes
	upper   Number  // usual slope of the workload, of the level an hour
	limit   float64 // of the level, 0 for none
}

const (
	simLevel = 512 << 20
	simNoise = 0.04
)

// play returns whether the last verdict is a leak, and whether it ever was.
func (run heapRun) play(seed uint64) (last, ever bool) {
	rng := rand.New(rand.NewPCG(seed, 41))
	var s climbState
	target := &Target{}
	noise := rng.NormFloat64()
	hour := 3600.0
	for at := 0.0; at <= (30+run.minutes)*60; at += 30 {
		noise = run.rho*noise + math.Sqrt(1-run.rho*run.rho)*rng.NormFloat64()
		live := simLevel * (1 + run.slope*at/hour - run.warmUp*math.Exp(-at/900)) * (1 + simNoise*noise)
		n := epoch + at
		h := Heap{
			At: uint64(n * 1e9), Start: 1, Cycles: Of(at/30 + 1), Allocated: Of(at * 1e6), ObservedUntil: Of(n - 2), ProcessStart: Of(epoch - 1),
			Inuse: Of(live), Profile: true,
		}
		if run.limit > 0 {
			h.ContainerLimit = Of(run.limit * simLevel)
		}
		target.heap.observe(&h, settings, &Report{})
		var r Report
		o := Observation{Heap: &h}
		if run.upper.Known {
			o.Peers.Upper = Of(run.upper.Value * simLevel / hour)
		}
		s.observe(&o, target, settings, &r)
		for _, one := range r.Signals {
			if one.Name == Leak {
				last = one.Label == heapLeaks
				ever = ever || last
			}
		}
	}
	return last, ever
}

// TestLeakErrorRates holds the rule to its error rates: how often it flags a heap that does not climb, and one that does.
func TestLeakErrorRates(t *testing.T) {
	runs := 200
	if testing.Short() {
		runs = 40
	}
	for _, c := range []struct {
		name        string
		run         heapRun
		least, most float64 // flagged at the end
		mostEver    float64 // flagged at any look
	}{
		{"flat, 2 h", heapRun{slope: 0, rho: 0.8, minutes: 135, upper: Of(0.01), limit: 2}, 0, 0.05, 0.08},
		{"flat, 4 h", heapRun{slope: 0, rho: 0.8, minutes: 245, upper: Of(0.01), limit: 2}, 0, 0.02, 0.08},
		{"flat, 2 h, warm-up", heapRun{slope: 0, rho: 0.8, warmUp: 0.2, minutes: 135, upper: Of(0.01), limit: 2}, 0, 0.06, 0.08},
		{"flat, 4 h, long memory", heapRun{slope: 0, rho: 0.95, minutes: 245, upper: Of(0.01), limit: 2}, 0, 0.05, 0.12},
		{"flat, 4 h, alone", heapRun{slope: 0, rho: 0.8, minutes: 255, limit: 2}, 0, 0.05, 0.05},
		{"10 %/h, 2 h", heapRun{slope: 0.1, rho: 0.8, minutes: 135, upper: Of(0.01), limit: 2}, 0.75, 1, 1},
		{"30 %/h, 2 h", heapRun{slope: 0.3, rho: 0.8, minutes: 135, upper: Of(0.01), limit: 2}, 0.85, 1, 1},
		{"30 %/h, 4 h, alone, no limit", heapRun{slope: 0.3, rho: 0.8, minutes: 255}, 0.95, 1, 1},
		{"30 %/h, usual", heapRun{slope: 0.3, rho: 0.8, minutes: 135, upper: Of(0.4), limit: 2}, 0, 0, 0.02},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			flagged, everFlagged := 0, 0
			for seed := range uint64(runs) {
				last, ever := c.run.play(seed)
				if last {
					flagged++
				}
				if ever {
					everFlagged++
				}
			}
			share, ever := float64(flagged)/float64(runs), float64(everFlagged)/float64(runs)
			t.Logf("flagged at the end %.3f, ever %.3f", share, ever)
			if share < c.least || share > c.most {
				t.Errorf("flagged %.3f of %d at the end, want %v to %v", share, runs, c.least, c.most)
			}
			if ever > c.mostEver {
				t.Errorf("flagged %.3f of %d at some time, want at most %v", ever, runs, c.mostEver)
			}
		})
	}
}
