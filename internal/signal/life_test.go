// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

var settings = Settings{Window: 10 * time.Minute, MaxSnapshots: 20, MaxSites: 64}

// life is a random but possible life of a process, read every 15 s: idle phases, bursts, sites that come and go.
func life(rng *rand.Rand, reads, sites int) []Observation {
	const mib = 1 << 20
	var observations []Observation
	cycles, pauses, allocated := 5.0, []float64{0, 0, 0}, 0.0
	traced := Trace{Start: 1, Cycles: Of(5), Elapsed: Of(100), CPU: Of(1), Procs: Of(4), OverGoal: Of(0), Live: Of(mib)}
	all := make([]Site, sites)
	for i := range all {
		all[i] = Site{SiteKey: SiteKey{"main.put", "cache.go", int64(i), "map_grow"}, Allocated: Of(0), Inuse: Of(0), Samples: Of(0), StdErr: Of(0)}
	}
	for i := range reads {
		at := uint64(epoch+15*i) * 1e9
		allocated += float64(rng.IntN(64)) * mib
		h := Heap{At: at, Start: 1, Allocated: Of(allocated), Inuse: Of(float64(1+rng.IntN(512)) * mib), Profile: true, ProcessStart: Of(epoch - 100)}
		if rng.IntN(4) > 0 {
			n := float64(1 + rng.IntN(9))
			cycles += n
			pauses[rng.IntN(3)] += n
			h.PauseMax = Of(0.001 * float64(1+rng.IntN(50)))
			for j := range all {
				grown := float64(rng.IntN(8))
				all[j].Allocated.Value += grown * mib
				all[j].Samples.Value += grown * 2
				all[j].Inuse.Value += grown * mib * rng.Float64()
				all[j].StdErr.Value = mib * math.Sqrt(all[j].Samples.Value) / 2
			}
			traced.Cycles.Value, traced.OverGoal.Value = cycles, traced.OverGoal.Value+float64(rng.IntN(2))
			traced.Elapsed.Value, traced.CPU.Value = 100+float64(15*i), traced.CPU.Value+rng.Float64()
		}
		last := float64(epoch + 15*i)
		h.Cycles, h.ObservedUntil, h.LastGC, h.CPUFraction = Of(cycles), Of(last-5), Of(last-1), Of(0.1)
		h.Pauses = Histogram{[]float64{0.001, 0.01}, slices.Clone(pauses)}
		h.Sites = slices.Clone(all[:sites-rng.IntN(2)*sites/2])
		trace := traced
		trace.At = at
		observations = append(observations, Observation{Heap: &h, Trace: &trace})
	}
	return observations
}
