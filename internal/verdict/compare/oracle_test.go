// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// The fit against the normal equations of y ~ 1 + version + x, solved by QR, with noise that is not winsorised.
func TestFitAgainstNormalEquations(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		side := func(n int, level, load float64) track {
			var t track
			for i := range n {
				x := load + rng.Float64()
				t.at, t.x, t.y = append(t.at, int64(i)), append(t.x, x), append(t.y, level+0.7*x+rng.Float64())
			}
			return t
		}
		b, c := side(40+int(seed), 3, 0), side(60, 3.2, 0.3)
		f := newFit([]track{b}, []track{c}, true)
		n := len(b.y) + len(c.y)
		design, y := mat.NewDense(n, 3, nil), mat.NewVecDense(n, nil)
		for i := range n {
			v, at, version := b, i, 0.0
			if i >= len(b.y) {
				v, at, version = c, i-len(b.y), 1
			}
			design.SetRow(i, []float64{1, version, v.x[at]})
			y.SetVec(i, v.y[at])
		}
		var want mat.VecDense
		if err := want.SolveVec(design, y); err != nil {
			t.Fatal(err)
		}
		if math.Abs(f.logRatio-want.AtVec(1)) > 1e-9 || math.Abs(f.slope-want.AtVec(2)) > 1e-9 {
			t.Fatalf("got log ratio %v slope %v, want %v %v", f.logRatio, f.slope, want.AtVec(1), want.AtVec(2))
		}
		if f.sides[0].winsorised+f.sides[1].winsorised != 0 {
			t.Fatal("uniform noise was winsorised")
		}
	}
}

// The variance of the adjusted difference, for independent noise, against the textbook's: s^2 (1/n + 1/m + shift^2/Sxx).
func TestScoresAgainstTextbook(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	sum, textbook := 0.0, 0.0
	for range 300 {
		side := func(n int, load float64) track {
			var t track
			for i := range n {
				x := load + rng.NormFloat64()
				t.at, t.x, t.y = append(t.at, int64(i)*1000), append(t.x, x), append(t.y, x+rng.Float64())
			}
			return t
		}
		b, c := []track{side(160, 0)}, []track{side(160, 1)}
		f := newFit(b, c, true)
		for i, tracks := range [][]track{b, c} {
			numbers, times := grid(tracks)
			v, _, _ := batched(f.scores(i, numbers, times), 1)
			sum += v
		}
		textbook += 1.0 / 12 * (2.0/160 + f.shift*f.shift/f.sxx)
	}
	if r := sum / textbook; r < 0.93 || r > 1.07 {
		t.Errorf("the variance is %v of the textbook's", r)
	}
}

// A score is the residual times what that point moves the estimate by, found here by moving it.
func TestScoresAgainstMovingPoints(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	side := func(load float64) []track {
		var all []track
		for range 2 {
			var t track
			for i := range 30 {
				x := load + rng.NormFloat64()
				t.at, t.x, t.y = append(t.at, int64(i)*1000), append(t.x, x), append(t.y, x+rng.Float64())
			}
			all = append(all, t)
		}
		return all
	}
	b, c := side(0), side(1.3)
	f := newFit(b, c, true)
	for i, tracks := range [][]track{b, c} {
		numbers, times := grid(tracks)
		scores := f.scores(i, numbers, times)
		for at := range times {
			want := 0.0
			for p := range tracks {
				before := tracks[p].y[at]
				tracks[p].y[at] += 1e-6
				moved := newFit(b, c, true)
				tracks[p].y[at] = before
				want += (moved.logRatio - f.logRatio) / 1e-6 * f.sides[i].rest[p][at]
			}
			if math.Abs(scores[at]-want) > 1e-6 {
				t.Fatalf("side %d time %d: score %v, moving the points gives %v", i, at, scores[at], want)
			}
		}
	}
}

// Pods that are scraped at their own offsets share the times of a grid.
func TestGrid(t *testing.T) {
	tracks := []track{{at: []int64{0, 15_000, 30_000, 60_000}}, {at: []int64{3_000, 18_000, 33_000, 48_000}}, {at: []int64{48_001}}}
	numbers, times := grid(tracks)
	if times != 5 || !slices.Equal(numbers[0], []int{0, 1, 2, 4}) || !slices.Equal(numbers[1], []int{0, 1, 2, 3}) || !slices.Equal(numbers[2], []int{3}) {
		t.Errorf("got %v of %d", numbers, times)
	}
	if _, times := grid([]track{{at: []int64{7, 7, 7}}}); times != 0 {
		t.Errorf("one time makes %d", times)
	}
}

// tau against a plain sum of autocorrelations over the same pairs, and against the law of AR(1), (1+a)/(1-a).
func TestTau(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for _, a := range []float64{0, 0.5, 0.8, 0.9} {
		series := make([]float64, 50_000)
		for i := 1; i < len(series); i++ {
			series[i] = a*series[i-1] + rng.NormFloat64()
		}
		want := (1 + a) / (1 - a)
		if got := tau(series); math.Abs(got-want) > 0.25*want {
			t.Errorf("AR %v: tau %v, want about %v", a, got, want)
		}
		short := series[len(series)-200:]
		if got, want := tau(short), naiveTau(short); math.Abs(got-want) > 1e-9 {
			t.Errorf("AR %v: tau %v, the naive sum %v", a, got, want)
		}
	}
	for _, flat := range [][]float64{{}, {1}, {2, 2, 2, 2}} {
		if got := tau(flat); got != 1 {
			t.Errorf("tau of %v is %v, want 1", flat, got)
		}
	}
	if got := tau([]float64{1, -1, 1, -1, 1, -1, 1, -1}); got != 1 {
		t.Errorf("tau of an alternating series is %v, want 1: batches are not made longer by it", got)
	}
}

func naiveTau(series []float64) float64 {
	m := mean(series)
	rho := func(k int) float64 {
		top, bottom := 0.0, 0.0
		for i := range series {
			bottom += (series[i] - m) * (series[i] - m)
			if i+k < len(series) {
				top += (series[i] - m) * (series[i+k] - m)
			}
		}
		return top / bottom
	}
	sum := 1.0
	for k := 1; k < len(series); k++ {
		if k%2 == 0 && rho(k)+rho(k+1) <= 0 || k == 1 && 1+rho(1) <= 0 {
			break
		}
		sum += 2 * rho(k)
	}
	return max(1, sum)
}

func TestBatchesBounds(t *testing.T) {
	for _, tc := range []struct {
		n, batches     int
		tau, inflation float64
	}{{120, 16, 1, 1}, {120, 4, 9, 1}, {120, 4, 10, 1}, {120, 4, 40, 4}, {120, 8, 5, 1}, {16, 5, 1, 1}, {16, 4, 2, 1.5}} {
		series := make([]float64, tc.n)
		if _, batches, inflation := batched(series, tc.tau); batches != tc.batches || math.Abs(inflation-tc.inflation) > 1e-12 {
			t.Errorf("%d points, tau %v: %d batches inflated by %v, want %d and %v", tc.n, tc.tau, batches, inflation, tc.batches, tc.inflation)
		}
	}
}

// Student's t as used, against printed tables.
func TestCriticalValues(t *testing.T) {
	for _, tc := range []struct{ free, level, want float64 }{{1, 0.05, 6.314}, {4, 0.05, 2.132}, {8, 0.01, 2.896}, {30, 0.025, 2.042}, {5, 0.0005, 6.869}} {
		if got := (distuv.StudentsT{Sigma: 1, Nu: tc.free}).Quantile(1 - tc.level); math.Abs(got-tc.want) > 0.001 {
			t.Errorf("t(%v) at %v: got %v, want %v", tc.free, tc.level, got, tc.want)
		}
	}
}

func TestSatterthwaite(t *testing.T) {
	if got := satterthwaite(3, [3]float64{1, 1, 1}, [3]float64{4, 4, 4}); math.Abs(got-12) > 1e-12 {
		t.Errorf("three equal parts of 4: %v, want 12", got)
	}
	if got := satterthwaite(1, [3]float64{0, 0, 1}, [3]float64{3, 3, 4}); math.Abs(got-4) > 1e-12 {
		t.Errorf("one part of 4: %v, want 4", got)
	}
}

// The constants against the recursion, and the recursion against walks drawn by chance.
func TestObrienFleming(t *testing.T) {
	for of := 1; of <= MaxLooks; of++ {
		if got := crossing(obrienFleming[of], of); math.Abs(got-0.05) > 2e-5 {
			t.Errorf("%d looks: the constant %v is crossed with chance %v, want 0.05", of, obrienFleming[of], got)
		}
		sum := 0.0
		for k := 1; k <= of; k++ {
			level := Look{k, of}.share(0.05)
			if k > 1 && level <= (Look{k - 1, of}).share(0.05) {
				t.Errorf("look %d of %d gets less than the one before", k, of)
			}
			sum += level
		}
		if last := (Look{of, of}).share(0.05); last > 0.05 || sum < 0.05 {
			t.Errorf("%d looks: the last gets %v, all together %v", of, last, sum)
		}
	}
	if got := (Look{3, 4}).share(0.025); math.Abs(got-distuv.UnitNormal.Survival(2.0242*math.Sqrt(4.0/3))) > 1e-4 {
		t.Errorf("look 3 of 4 at 2.5 %%: %v; Jennison and Turnbull's table 2.3 has C = 2.024", got)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	const walks = 60_000
	crossed := 0
	for range walks {
		w := 0.0
		for range 6 {
			w += rng.NormFloat64() / math.Sqrt(6)
			if w > obrienFleming[6] {
				crossed++
				break
			}
		}
	}
	if share := float64(crossed) / walks; math.Abs(share-0.05) > 0.004 {
		t.Errorf("%v of the walks cross, want 0.05", share)
	}
}

// FuzzSignal: whatever the points, nothing is NaN, an outcome and its reason agree, and units do not matter.
func FuzzSignal(f *testing.F) {
	f.Add(uint64(1), []byte("heapgate"), 1.0, 100.0)
	f.Add(uint64(2), []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f, 1, 1, 1, 1, 1, 1, 1, 1, 9, 9}, 1e300, 0.0)
	f.Add(uint64(3), []byte{}, math.NaN(), math.Inf(1))
	f.Fuzz(func(t *testing.T, seed uint64, raw []byte, scale, load float64) {
		c := scaled(pods(seed, 1+int(seed%3), 40, 100, 100), scale)
		if len(raw) > 0 {
			c = each(c, func(i, j int, p *Point) {
				switch at := (j*7 + i) % len(raw); raw[at] % 11 {
				case 0:
					if at+8 <= len(raw) {
						p.Value = math.Float64frombits(binary.LittleEndian.Uint64(raw[at:]))
					}
				case 1:
					p.Load = load
				case 2:
					p.At += int64(raw[at])<<uint(raw[at]%48) - 1e9
				}
			})
		}
		b := pods(seed+1, 2, 40, 100, 100)
		r := Signal(b, c, Default(), Look{1 + int(seed%6), 6})
		sound(t, r)
		sound(t, Signal(c, b, Default(), single))
		leak := Leak(b, c, scale, DefaultLeak())
		if (leak.State == LeakUnknown) != (leak.Reason != "") {
			t.Fatalf("state %q with reason %q", leak.State, leak.Reason)
		}
		encodes(t, leak)
		if r.Ratio == nil || r.Reason == ReasonLoadNotComparable {
			return
		}
		times := func(pods []Pod) []Pod { return each(pods, func(_, _ int, p *Point) { p.Value *= 4 }) } // a power of two: exact
		if got := Signal(times(b), times(c), Default(), Look{1 + int(seed%6), 6}); got.Ratio != nil && math.Abs(math.Log(*got.Ratio / *r.Ratio)) > 1e-6 {
			t.Fatalf("four times both changes the ratio from %v to %v: %+v, then %+v", *r.Ratio, *got.Ratio, r.Steps, got.Steps)
		}
	})
}
