// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestStandardError simulates what the runtime does: every block is sampled with p = 1-exp(-size/rate). The estimate must
// be right on average, and its spread must be what the standard error says.
func TestStandardError(t *testing.T) {
	const rate, runs = 524288, 4000
	random := rand.New(rand.NewPCG(3, 4))
	for _, test := range []struct{ size, blocks int64 }{{40960, 2000}, {4096, 5000}, {524288, 100}} {
		var sum, squares, variances float64
		for range runs {
			var n int64
			for range test.blocks {
				if random.Float64() < 1-math.Exp(-float64(test.size)/rate) {
					n++
				}
			}
			_, bytes, ok := unsample(n, n*test.size, rate)
			if !ok {
				t.Fatal("does not fit")
			}
			sum += float64(bytes)
			squares += float64(bytes) * float64(bytes)
			variances += variance(n, n*test.size, rate)
		}
		truth := float64(test.size * test.blocks)
		mean := sum / runs
		spread := math.Sqrt(squares/runs - mean*mean)
		if math.Abs(mean/truth-1) > 0.02 {
			t.Errorf("%d blocks of %d: mean estimate %.0f, truth %.0f", test.blocks, test.size, mean, truth)
		}
		if said := math.Sqrt(variances / runs); math.Abs(said/spread-1) > 0.06 {
			t.Errorf("%d blocks of %d: standard error %.0f, spread %.0f", test.blocks, test.size, said, spread)
		}
	}
}

func TestUnsampleRefusesWhatDoesNotFit(t *testing.T) {
	for _, raw := range [][3]int64{{math.MaxInt64, 1, 1 << 40}, {1, math.MaxInt64, 1 << 62}, {math.MaxInt64, math.MaxInt64, 524288}} {
		if objects, bytes, ok := unsample(raw[0], raw[1], raw[2]); ok {
			t.Errorf("%d objects of %d bytes at rate %d became %d, %d", raw[0], raw[1], raw[2], objects, bytes)
		}
	}
}

func TestRungs(t *testing.T) {
	for _, test := range []struct {
		sizes []int64
		want  int64
	}{
		{nil, 0},
		{[]int64{4 << 20}, 2 << 20},
		{[]int64{1 << 20, 4 << 20, 2 << 20}, 1 << 19},
		{[]int64{4 << 20, 1 << 20}, 2 << 20},
		{[]int64{1, 2, 4}, 0},
	} {
		var r rungs
		for _, size := range test.sizes {
			r.add(size)
		}
		if got := r.unseen(); got != test.want {
			t.Errorf("%d: largest unseen rung %d, want %d", test.sizes, got, test.want)
		}
	}
}
