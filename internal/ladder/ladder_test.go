// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestClass asks the allocator of this very process: the capacity that append gets is the size of the block.
func TestClass(t *testing.T) {
	for size := 1; size < 100_000; size += 1 + size/50 {
		if got, want := Class(int64(size)), int64(cap(append([]byte(nil), make([]byte, size)...))); got != want {
			t.Errorf("a block for %d bytes has %d, the allocator gives %d", size, got, want)
		}
	}
	for size, want := range map[int64]int64{0: 0, -5: 0, math.MaxInt64: most, 32768: 32768, 32769: 40960} {
		if got := Class(size); got != want {
			t.Errorf("a block for %d bytes has %d, want %d", size, got, want)
		}
	}
}

func TestRuntimeOf(t *testing.T) {
	for version, want := range map[string]Runtime{
		"":                               {Maps: Either, Inflation: 8, SameSize: true},
		"devel +0123":                    {Maps: Either, Inflation: 8, SameSize: true},
		"go1.":                           {Maps: Either, Inflation: 8, SameSize: true},
		"go1.99999":                      {Maps: Either, Inflation: 8, SameSize: true},
		"swiss":                          {Maps: Swiss, Load: 7, Inflation: 8},
		"old":                            {Maps: Old, Inflation: 1, SameSize: true},
		"go1.19.8":                       {Maps: Old, Minor: 19, Load: 6.5, Inflation: 1, SameSize: true},
		"go1.21.13":                      {Maps: Old, Minor: 21, Load: 6, Inflation: 1, SameSize: true},
		"go1.23":                         {Maps: Old, Minor: 23, Load: 6.5, Inflation: 1, SameSize: true},
		"go1.24rc2":                      {Maps: Swiss, Minor: 24, Load: 7, Inflation: 8},
		"go1.24.4 X:noswissmap":          {Maps: Old, Minor: 24, Load: 6.5, Inflation: 1, SameSize: true},
		"go1.25.1 X:synctest,noswissmap": {Maps: Old, Minor: 25, Load: 6.5, Inflation: 1, SameSize: true},
		"go1.25.1 X:noswissmapper":       {Maps: Swiss, Minor: 25, Load: 7, Inflation: 2},
		"go1.26-devel_01 X:noswissmap":   {Maps: Swiss, Minor: 26, Load: 7, Inflation: 2, Mallocgc: true, LeakProfile: true},
		"1.26.3":                         {Maps: Swiss, Minor: 26, Load: 7, Inflation: 2, Mallocgc: true, LeakProfile: true},
	} {
		if diff := gocmp.Diff(want, RuntimeOf(version)); diff != "" {
			t.Errorf("%q: -want +got:\n%s", version, diff)
		}
	}
}

// TestMeasuredLadder holds the rungs to those measured for map[int64][]byte.
func TestMeasuredLadder(t *testing.T) {
	var got []int64
	for k := 0; k <= topSwiss; k++ {
		got = append(got, Class(rung(Swiss, groupSize(Swiss, 32), k)))
	}
	if want := []int64{288, 576, 1152, 2304, 4864, 9472, 18432, 40960}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// blocksOf a line, one of each size and number.
func blocksOf(name string, of ...[2]int64) (blocks []Block) {
	for _, b := range of {
		blocks = append(blocks, Block{Place{name, "a.go", 1}, b[0], b[0] * b[1], 0})
	}
	return blocks
}

// TestFindCells: what is likely, possible and nothing.
func TestFindCells(t *testing.T) {
	seen := func(p Place) bool { return p.Function == "main.seen" }
	for name, try := range map[string]struct {
		blocks        []Block
		found, likely bool
	}{
		"one size is no ladder":                    {blocksOf("main.put", [2]int64{40960, 1000}), false, false},
		"two tops of a Swiss map, piled":           {blocksOf("main.put", [2]int64{18432, 10}, [2]int64{40960, 1000}), true, true},
		"two tops, as many of each":                {blocksOf("main.put", [2]int64{18432, 100}, [2]int64{40960, 120}), true, false},
		"the same where a CPU profile saw it":      {blocksOf("main.seen", [2]int64{18432, 100}, [2]int64{40960, 120}), true, true},
		"sizes that are no doublings":              {blocksOf("main.seen", [2]int64{18432, 10}, [2]int64{20480, 1000}), false, false},
		"three arrays of an old map":               {blocksOf("main.put", [2]int64{319488, 1}, [2]int64{630784, 1}, [2]int64{1253376, 1}), true, true},
		"two arrays of an old map":                 {blocksOf("main.put", [2]int64{319488, 1}, [2]int64{630784, 1}), true, false},
		"append to a slice of 16 bytes":            {blocksOf("main.put", [2]int64{16384, 9}, [2]int64{32768, 9}, [2]int64{57344, 9}, [2]int64{81920, 9}, [2]int64{106496, 9}, [2]int64{139264, 9}), true, false},
		"two rungs with one between missing":       {blocksOf("main.seen", [2]int64{288, 10}, [2]int64{1152, 10}), false, false},
		"three arrays and what append has between": {blocksOf("main.put", [2]int64{319488, 1}, [2]int64{400000, 1}, [2]int64{500000, 1}, [2]int64{630784, 1}, [2]int64{1253376, 1}), true, false},
		"more sizes than a line of a map has":      {manySizes(), false, false},
		"blocks that cannot be":                    {[]Block{{Place{"f", "", 0}, -1, 5, 0}, {Place{"f", "", 0}, 144, -5, 0}, {Place{"f", "", 0}, 288, 288, -1}, {Place{"f", "", 0}, math.MaxInt64, 1, 1}}, false, false},
	} {
		found := Find(try.blocks, Settings{Rate: 1, Assigns: seen})
		if len(found) > 1 || len(found) == 1 != try.found || try.found && found[0].Likely != try.likely {
			t.Errorf("%s: found %+v, want found %v and likely %v", name, found, try.found, try.likely)
		}
	}
}

// TestValuesAreNotOfTheMap: what else is made on the line is in no sum.
func TestValuesAreNotOfTheMap(t *testing.T) {
	blocks := blocksOf("main.put", [2]int64{18432, 10}, [2]int64{40960, 1000}, [2]int64{112, 5000})
	found := Find(blocks, Settings{Rate: 1})
	if len(found) != 1 || found[0].Allocated != 18432*10+40960*1000 || found[0].Objects != 1010 {
		t.Errorf("found %+v", found)
	}
}

func manySizes() (blocks []Block) {
	for i := range int64(100) {
		blocks = append(blocks, blocksOf("main.put", [2]int64{8 * (i + 1), 10})...)
	}
	return blocks
}

// TestPresizeLimits: nothing is said without the version, on too few samples, or where a small and a large map look alike.
func TestPresizeLimits(t *testing.T) {
	swiss, old := RuntimeOf("go1.26.1"), RuntimeOf("go1.23.1")
	exact := Made{Largest: 2304, Allocated: 460_000, Objects: 1000, Rate: 1}
	few := exact
	few.Rate = 0
	many := few
	many.Allocated, many.Objects = many.Allocated*1e4, many.Objects*1e4
	for name, try := range map[string]struct {
		runtime Runtime
		made    Made
		want    int
	}{
		"exact":             {swiss, exact, 112},
		"100 maps, sampled": {swiss, few, 0},
		"a million":         {swiss, many, 112},
		"either":            {RuntimeOf(""), exact, 0},
		"6 or 6.5":          {RuntimeOf("old"), exact, 0},
		"nothing":           {swiss, Made{}, 0},
		"NaN":               {swiss, Made{Largest: math.NaN(), Allocated: 1, Objects: 1}, 0},
		"infinite":          {swiss, Made{Largest: 1, Allocated: math.Inf(1), Objects: 1}, 0},
		"old, 1.23":         {old, Made{Largest: 40960, Allocated: 81_000 * 100, Objects: 9 * 100, Rate: 1}, 1664},
		"one first group":   {swiss, Made{Largest: 208, Allocated: 208_000, Objects: 1000, Rate: 1}, 8},
	} {
		if got, ok := try.runtime.Presize(try.made); got != try.want || ok != (try.want > 0) {
			t.Errorf("%s: %d entries (known: %v), want %d", name, got, ok, try.want)
		}
	}
}

// about leaves out the last bits of sums, which depend on the order.
var about = gocmp.Options{cmpopts.EquateApprox(1e-9, 1e-6), gocmp.Transformer("rounded", func(n int64) float64 { return float64(n) })}

// FuzzFind: the order and the splitting of blocks do not matter, sums are those of the sizes that were found, never more than there was,
// and a growth looked for in its own profile is itself.
func FuzzFind(f *testing.F) {
	f.Add(uint64(1), []byte{7, 6, 5, 1, 2, 3})
	f.Add(uint64(2), []byte{0x17, 0x16, 0x97, 0x96, 0x95, 0xff})
	f.Fuzz(func(t *testing.T, seed uint64, of []byte) {
		rng := rand.New(rand.NewPCG(seed, 1))
		if len(of) > 200 {
			of = of[:200]
		}
		var blocks []Block
		total := map[Place]int64{}
		for _, b := range of {
			maps := []Maps{Swiss, Old}[b>>7]
			place := Place{"main.put", "a.go", int64(b >> 4 & 3)}
			size := Class(rung(maps, groupSize(maps, 1+int64(b>>4)), int(b&15))) + int64(b>>6&1)
			block := Block{place, size, size * (1 + int64(rng.IntN(50))), size}
			if rng.IntN(30) == 0 {
				block.Allocated = math.MaxInt64 - int64(rng.IntN(3))
			}
			blocks = append(blocks, block)
			total[place] = plus(total[place], block.Allocated)
		}
		set := Settings{Runtime: []string{"", "swiss", "old"}[rng.IntN(3)], Rate: []int64{0, 1, 4096}[rng.IntN(3)]}
		found := Find(blocks, set)
		for _, g := range found {
			if g.Rungs < 2 || len(g.Sizes) < g.Rungs || !slices.IsSorted(g.Sizes) || g.Allocated > total[g.Place] || g.Allocated <= 0 || g.Objects < 0 || g.Samples < 0 ||
				math.IsNaN(g.StdErr) || math.IsInf(g.StdErr, 0) || g.MinGroup > g.MaxGroup || g.Largest != g.Sizes[len(g.Sizes)-1] || g.Assigned {
				t.Fatalf("%+v of %d bytes", g, total[g.Place])
			}
			if diff := gocmp.Diff(g, g.In(blocks, set.Rate), about); diff != "" && g.Allocated < math.MaxInt64/4 {
				t.Fatalf("in its own profile: %s", diff)
			}
		}
		rng.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
		if diff := gocmp.Diff(found, Find(blocks, set), about); diff != "" {
			t.Fatalf("in another order: %s", diff)
		}
	})
}

// BenchmarkFind is a profile of 1000 lines.
func BenchmarkFind(b *testing.B) {
	var blocks []Block
	for i := range int64(1000) {
		for k := range 4 {
			blocks = append(blocks, Block{Place{"main.put", "a.go", i}, Class(rung(Old, 144+8*(i%50), 6+k)), 1 << 20, 0})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		Find(blocks, Settings{})
	}
}
