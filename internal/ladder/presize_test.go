// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// blocksOfMap are the blocks that a map of so many entries allocates, by size: the slow way, entry by entry.
func blocksOfMap(maps Maps, slot, entries int64) map[int64]float64 {
	blocks := map[int64]float64{}
	if maps == Old {
		for b, n := 0, int64(1); ; n++ {
			if n == 1 || n > 8 && float64(n-1) > 6.5*math.Ldexp(1, b) {
				if n > 1 {
					b++
				}
				buckets := int64(1) << b
				if b >= 4 {
					buckets += buckets / 16
				}
				blocks[Class(buckets*(16+8*slot))]++
			}
			if n == entries {
				return blocks
			}
		}
	}
	group := 8 + 8*slot
	tables, capacity := int64(1), int64(8) // slots of a table
	blocks[Class(group)]++
	for n := int64(1); n <= entries; n++ {
		switch {
		case n <= 8 || n <= tables*capacity*7/8:
			continue
		case capacity < 1024:
			if capacity == 8 {
				blocks[8]++ // the directory
			}
			capacity *= 2
			blocks[Class(group*capacity/8)]++
			blocks[32]++
			continue
		}
		tables *= 2
		blocks[Class(group*128)] += float64(tables)
		blocks[32] += float64(tables)
		blocks[8*tables]++
	}
	return blocks
}

// seenOf is what a profile says of so many maps.
func seenOf(rng *rand.Rand, blocks map[int64]float64, maps, rate float64) Made {
	m := Made{Rate: rate}
	for size, n := range blocks {
		p := -math.Expm1(-float64(size) / rate)
		seen := poisson(rng, n*maps*p)
		if seen == 0 {
			continue
		}
		m.Largest = max(m.Largest, float64(size))
		m.Allocated += math.Floor(seen / p * float64(size))
		m.Objects += math.Floor(seen / p)
		m.Samples += seen
	}
	return m
}

func poisson(rng *rand.Rand, mean float64) (n float64) {
	if mean > 500 {
		return max(0, math.Round(mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	for at := rng.ExpFloat64(); at < mean; at += rng.ExpFloat64() {
		n++
	}
	return n
}

// TestPresizeOfSampledMaps: at the default rate the capacity that is said is that of the maps, or one doubling beside it. The more
// was sampled the more often it is said.
func TestPresizeOfSampledMaps(t *testing.T) {
	for _, version := range []string{"go1.26.1", "go1.23.1"} {
		r := RuntimeOf(version)
		for _, samples := range []float64{4, 100, 1500, 100_000} {
			said, exact, wrong, all := 0, 0, 0, 0
			rng := rand.New(rand.NewPCG(5, uint64(samples)))
			for range 400 {
				slot := []int64{8, 12, 16, 24, 32, 48, 64, 104}[rng.IntN(8)]
				entries := int64(math.Exp(math.Log(10) + rng.Float64()*math.Log(1000))) // 10 to 10,000
				blocks := blocksOfMap(r.Maps, slot, entries)
				bytes := 0.0
				for size, n := range blocks {
					bytes += float64(size) * n
				}
				all++
				got, ok := r.Presize(seenOf(rng, blocks, samples*DefaultRate/bytes, DefaultRate))
				if !ok {
					continue
				}
				said++
				k := 0
				for entries > int64(r.capacity(k)) {
					k++
				}
				switch got {
				case r.capacity(k):
					exact++
				case r.capacity(k + 1), r.capacity(max(0, k-1)):
				default:
					wrong++
					if testing.Verbose() {
						t.Logf("%s: %d entries of %d bytes, %v samples: said %d", version, entries, slot, samples, got)
					}
				}
			}
			what := fmt.Sprintf("%s, about %v samples: said of %d of %d, %d exact, %d off by more than a doubling", version, samples, said, all, exact, wrong)
			t.Log(what)
			if float64(wrong) > 0.02*float64(said) || samples < fewestSamples/2 && said > 0 || samples > 1000 && said < all/2 {
				t.Error(what)
			}
		}
	}
}
