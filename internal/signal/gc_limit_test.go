// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestLimitOfRuntime: the inverse of the pacer's formula finds the limit that this runtime has.
func TestLimitOfRuntime(t *testing.T) {
	kept := make([]byte, 64*mebi)
	defer runtime.KeepAlive(kept)
	for _, limit := range []int64{200 * mebi, 400 * mebi, 1000 * mebi} {
		got := func() float64 {
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			h := Heap{
				Used: Of(float64(m.Sys - m.HeapReleased)), Idle: Of(float64(m.HeapIdle)), Released: Of(float64(m.HeapReleased)), Alloc: Of(float64(m.HeapAlloc)),
			}
			return limitOf(float64(m.NextGC), h.nonHeap().Value, h.Used.Value, runtime.Version())
		}()
		if math.Abs(got-float64(limit)) > 0.005*float64(limit) {
			t.Errorf("a limit of %d MiB is inferred as %.1f MiB", limit/mebi, got/mebi)
		}
		t.Logf("limit %d MiB: inferred %.2f MiB", limit/mebi, got/mebi)
	}
}

// TestLimitOf: by hand, with what came in Go 1.21, a limit that is exceeded, and the least headroom of 1 MiB.
func TestLimitOf(t *testing.T) {
	for _, c := range []struct {
		goal, nonHeap, used float64 // MiB
		runtime             string
		want                float64
	}{
		{970, 50, 500, "go1.26.1", 1050},
		{970, 50, 500, "", 1050},
		{999, 50, 500, "go1.19.8", 1050},
		{999, 50, 500, "go1.20", 1050},
		{9, 50, 40, "go1.26.1", 60},       // 3 % of 10 is less than 1 MiB
		{873, 50, 1100, "go1.26.1", 1025}, // 75 too much are used: 1025-50-75 = 900, less 3 %
	} {
		if got := limitOf(c.goal*mebi, c.nonHeap*mebi, c.used*mebi, c.runtime) / mebi; math.Abs(got-c.want) > 1e-9 {
			t.Errorf("goal %v, %v not heap, %v used, %s: limit %v, want %v", c.goal, c.nonHeap, c.used, c.runtime, got, c.want)
		}
	}
}

// TestInferLimit: it is said only where goals show it.
func TestInferLimit(t *testing.T) {
	const limit, nonHeap = 2000.0, 50.0
	points := func(lives []float64, goal func(live float64) float64) (held []snapshot) {
		for _, live := range lives {
			held = append(held, snapshot{overGoal: Of(0), collected: collected{
				live: Of(live * mebi), goal: Of(goal(live) * mebi), nonHeap: Of(nonHeap * mebi), used: (live + 200) * mebi,
			}})
		}
		return held
	}
	bound := func(float64) float64 { return 0.97 * (limit - nonHeap) }
	free := func(live float64) float64 { return 2 * live }
	moved, still := []float64{400, 500, 700, 900}, []float64{400, 401, 402, 400}
	for _, c := range []struct {
		what  string
		held  []snapshot
		known bool
	}{
		{"goals stay while the heap moves", points(moved, bound), true},
		{"goals move with the heap", points(moved, free), false},
		{"nothing moves", points(still, bound), false},
		{"three reads", points(moved[:3], bound), false},
		{"noise of a small profile", points([]float64{8, 9, 10, 11, 12}, bound), false},
		{"goals at the live heap", points(moved, func(live float64) float64 { return live - 1 }), false},
	} {
		got := inferLimit(c.held, "go1.26")
		if got.Known != c.known || c.known && math.Abs(got.Value/mebi-limit) > 1 {
			t.Errorf("%s: %v MiB, known %v, want known %v", c.what, got.Value/mebi, got.Known, c.known)
		}
	}
}
