// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

const leakLimit = 2 * level

// LeakScenario is a pod that grows by a share of its level an hour, seen every 30 seconds from its birth.
type LeakScenario struct {
	Name   string
	AR     float64
	WarmUp float64       // share by which both versions rise after birth, with a time constant of 20 minutes
	Span   time.Duration // after the 30 minutes that are left out
}

// LeakScenarios are those of the leak table.
func LeakScenarios() []LeakScenario {
	return []LeakScenario{
		{"AR 0.8, 2 h", 0.8, 0, 2 * time.Hour},
		{"AR 0.8, 4 h", 0.8, 0, 4 * time.Hour},
		{"AR 0.8, 20 % warm-up, 2 h", 0.8, 0.2, 2 * time.Hour},
		{"AR 0.95, 20 % warm-up, 4 h", 0.95, 0.2, 4 * time.Hour},
	}
}

// LeakSlopes are the true slopes in shares of the level an hour. 4.4 % reaches the limit in just 24 hours.
func LeakSlopes() []float64 { return []float64{0, 0.02, 0.05, 0.10, 0.30} }

func (s LeakScenario) pod(rng *rand.Rand, name string, perHour float64) compare.Pod {
	const step = 30_000
	n := int((30*time.Minute+s.Span).Milliseconds()/step) + 1
	pod := compare.Pod{Name: name, Born: start, Expected: n, Points: make([]compare.Point, n)}
	noise := newWalk(rng, s.AR, 0.04)
	for i := range pod.Points {
		hours := float64(i) * step / 3_600_000
		value := level * (1 + perHour*hours + s.WarmUp*(1-math.Exp(-3*hours))) * math.Exp(noise.next(rng))
		pod.Points[i] = compare.Point{At: start + int64(i)*step, Value: value, Load: math.NaN()}
	}
	return pod
}

// runLeaks counts found (as Blocked), none (Allowed) and unknown (Neither).
func runLeaks(s LeakScenario, perHour float64, runs int) Cell {
	var cell Cell
	for i := range runs {
		rng := rand.New(rand.NewPCG(seed(s.Name, perHour, 0), uint64(i)))
		baseline, candidate := s.pod(rng, "old", 0), s.pod(rng, "new", perHour)
		answers := map[compare.LeakState]answer{compare.LeakFound: block, compare.LeakNone: allow, compare.LeakUnknown: neither}
		got := compare.Leak([]compare.Pod{baseline}, []compare.Pod{candidate}, leakLimit, compare.DefaultLeak())
		cell.add(answers[got.State], len(candidate.Points))
	}
	return cell
}
