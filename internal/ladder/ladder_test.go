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

// TestHeader: a rung whose blocks have pointers is eight bytes larger above 512. The allocator of this process says so: append gets
// what the block holds beside its header.
func TestHeader(t *testing.T) {
	headed := 0
	for slot := range int64(maxInline) {
		for k, r := range ladders[Swiss]()[slot] {
			if r.raw%8 != 0 {
				t.Fatalf("slot %d, rung %d: %+v", slot+1, k, r)
			}
			pointers := append([]*byte(nil), make([]*byte, r.raw/8)...)
			want := int64(cap(pointers)) * 8
			if r.raw > 512 && want < 32768 { // larger blocks are told about elsewhere
				want += 8
			}
			if r.headed != want || r.plain != Class(r.raw) {
				t.Errorf("slot %d, rung %d: %+v, the allocator gives %d", slot+1, k, r, want)
			}
			if r.headed != r.plain {
				headed++
			}
		}
	}
	if headed < 10 {
		t.Errorf("only %d rungs differ by their header", headed)
	}
	// 512 bytes have none, 576 do, 3200 bytes are 24 an entry, and 32 KiB are whole pages.
	for _, want := range []struct {
		slot, k int
		rungSizes
	}{{63, 0, rungSizes{512, 512, 512}}, {71, 0, rungSizes{576, 576, 640}}, {24, 4, rungSizes{3200, 3200, 3456}}, {255, 4, rungSizes{32768, 32768, 32768}}} {
		if got := ladders[Swiss]()[want.slot-1][want.k]; got != want.rungSizes {
			t.Errorf("slot %d, rung %d: %+v, want %+v", want.slot, want.k, got, want.rungSizes)
		}
	}
	// With and without a header they are one rung: 1600, 3200 (3208) and 6400 bytes.
	found := Find(blocksOf("main.put", [2]int64{1792, 1}, [2]int64{3200, 1}, [2]int64{3456, 1}, [2]int64{6528, 1}), Settings{Rate: 1, Runtime: "swiss"})
	if len(found) != 1 || len(found[0].Sizes) != 4 || found[0].Rungs != 3 || found[0].MinGroup != 200 {
		t.Errorf("blocks with and without a header: %+v, want one ladder, of groups of 200 bytes and more", found)
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

// TestPresizeLimits: nothing is said without the kind of the maps, on too few samples, or where a small and a large map look alike.
//
// The maps of examples/truth/scenario request_scoped have keys of 16 bytes and elements of 8, 1000 of them: a Swiss map allocates
// 208+416+896+1792+3200+6528+13568+3*27264 bytes of groups (200*2^k rounded up), nine headers of 32 and directories of 8 and 16, an
// old one 208+416+896+1792+4096+8192+14336+28672+57344 bytes of buckets.
func TestPresizeLimits(t *testing.T) {
	swiss, old := RuntimeOf("go1.26.1"), RuntimeOf("go1.23.1")
	exact := Made{Largest: 2304, Allocated: 460_000, Objects: 1000, Samples: 1000, Rate: 1}
	few := Made{Largest: 2304, Allocated: 460_000 * 30, Objects: 30_000, Samples: 26}
	many := Made{Largest: 2304, Allocated: 460_000 * 1e4, Objects: 1000 * 1e4, Samples: 8761}
	change := func(m Made, change func(*Made)) Made { change(&m); return m }
	swissRequest := Made{Largest: 27264, Allocated: 752_030_845, Objects: 84_125, Samples: 1404, Rate: 524288}
	oldRequest := Made{Largest: 57344, Allocated: 800_446_129, Objects: 52_936, Samples: 1472, Rate: 524288}
	for name, try := range map[string]struct {
		runtime Runtime
		made    Made
		want    int
	}{
		"exact":              {swiss, exact, 112},
		"3000 maps, sampled": {swiss, few, 0},
		"a million":          {swiss, many, 112},
		"either":             {RuntimeOf(""), exact, 0},
		"nothing":            {swiss, Made{}, 0},
		"NaN":                {swiss, Made{Largest: math.NaN(), Allocated: 1, Objects: 1, Samples: 100}, 0},
		"infinite":           {swiss, Made{Largest: 1, Allocated: math.Inf(1), Objects: 1, Samples: 100}, 0},
		"infinite samples":   {swiss, change(exact, func(m *Made) { m.Samples = math.Inf(1) }), 0},
		"a size of no map":   {swiss, change(exact, func(m *Made) { m.Largest = 2305 }), 0},
		"larger than memory": {old, change(exact, func(m *Made) { m.Largest = 1e300 }), 0},
		"15 samples":         {swiss, change(exact, func(m *Made) { m.Samples = 15; m.Objects = 15; m.Allocated = 15 * 460 }), 0},
		"16 samples":         {swiss, change(exact, func(m *Made) { m.Samples = 16; m.Objects = 16; m.Allocated = 16 * 460 }), 112},
		"old, 1.23":          {old, Made{Largest: 57344, Allocated: 115_952 * 100, Objects: 900, Samples: 900, Rate: 1}, 1664},
		"old, 1.21: 6.0":     {RuntimeOf("go1.21.1"), Made{Largest: 57344, Allocated: 115_952 * 100, Objects: 900, Samples: 900, Rate: 1}, 1536},
		"old, 6 or 6.5":      {RuntimeOf("old"), Made{Largest: 57344, Allocated: 115_952 * 100, Objects: 900, Samples: 900, Rate: 1}, 1536},
		"one first group":    {swiss, Made{Largest: 208, Allocated: 208_000, Objects: 1000, Samples: 1000, Rate: 1}, 8},
		// Two full tables: 2^8 groups of 7 entries.
		"a request, 1.26":               {swiss, swissRequest, 1792},
		"a request, Swiss":              {RuntimeOf("swiss"), swissRequest, 1792},
		"a request in another run":      {swiss, Made{Largest: 27264, Allocated: 725_252_364, Objects: 143_839, Samples: 1354, Rate: 524288}, 1792},
		"a tenth of its samples":        {swiss, Made{Largest: 27264, Allocated: 75_000_000, Objects: 8_412, Samples: 140, Rate: 524288}, 1792},
		"a hundredth of its samples":    {swiss, change(swissRequest, func(m *Made) { m.Allocated /= 100; m.Objects /= 100; m.Samples = 14 }), 0},
		"tables of many maps, or a few": {swiss, Made{Largest: 27264, Allocated: 537_900_000, Objects: 20_000, Samples: 1000, Rate: 524288}, 0},
		// 100 of them, and 100 with four tables, which have four more of 27264 and 32 bytes and a directory of 32.
		"two and four tables": {swiss, Made{Largest: 27264, Allocated: 100 * (108_712 + 217_928), Objects: 100 * (21 + 30), Samples: 5100, Rate: 1}, 1792},
		// 48 bytes an entry and 2^7 buckets, 24 and 2^8, or 96 and 2^6: the middle one, of 6.5 or 6.
		"a request, 1.19":           {RuntimeOf("go1.19.8"), oldRequest, 832},
		"a request, old":            {RuntimeOf("old"), oldRequest, 768},
		"old maps of several sizes": {old, change(oldRequest, func(m *Made) { m.Samples = 1510 }), 0},
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
