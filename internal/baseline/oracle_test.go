// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOracle holds the fast memory to a slow one, which keeps every hour that was heard and reads the package comment word by word.
func TestOracle(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		set := oneKind(2 + rng.IntN(7))
		set.MinSamples = 2 + rng.IntN(set.Weeks-1)
		set.Kinds[0].Signed = seed%4 == 3
		w, slow := New(set), &oracle{set: set, medians: map[int64]float64{}, spreads: map[int64]float64{}}
		present := []float64{1, 0.9, 0.7, 0.3}[rng.IntN(4)]
		for hour := int64(start); hour < start+int64((2+rng.IntN(9))*slots); hour++ {
			if hour%97 == 0 {
				hour += int64(rng.IntN(40))
			}
			if rng.Float64() > present {
				continue
			}
			w.Begin(hour)
			var heard []float64
			for range 3 + rng.IntN(5) {
				v := 1 + 0.5*math.Sin(float64(hour)*math.Pi/12) + 0.1*rng.NormFloat64() + float64((hour-start)/300)
				if !set.Kinds[0].Signed {
					v = math.Abs(v)
				}
				v = float64(float32(v))
				heard = append(heard, v)
				w.Learn(0, hour, v)
			}
			slow.learn(hour, heard)
			if rng.IntN(30) == 0 {
				w.Elapse(hour + 1)
				next := hour + 1 + int64(rng.IntN(30))
				if got, want := w.Expect(0, next), slow.expect(next); !same(got, want) {
					t.Fatalf("seed %d hour %d:\ngot  %+v\nwant %+v", seed, next-start, got, want)
				}
			}
		}
	}
}

func same(a, b Expectation) bool {
	near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-9*max(1, math.Abs(y)) }
	return a.Basis == b.Basis && a.Samples == b.Samples && a.Weeks == b.Weeks && a.Needed == b.Needed && a.Claim == b.Claim &&
		(a.Basis == None || near(a.Expected, b.Expected) && near(a.Low, b.Low) && near(a.High, b.High) && near(a.Scale, b.Scale))
}

// oracle remembers hours in maps and forgets nothing but by age.
type oracle struct {
	set     *Settings
	medians map[int64]float64 // by hour
	spreads map[int64]float64 // by hour of the week
}

func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}

func around(v []float64, centre float64) float64 {
	var off []float64
	for _, x := range v {
		off = append(off, math.Abs(x-centre))
	}
	return 1.4826 * middle(off)
}

func (o *oracle) unit(v float64) float64 {
	if o.set.Kinds[0].Signed {
		return 1
	}
	return max(v, o.set.Kinds[0].Floor)
}

func (o *oracle) learn(hour int64, heard []float64) {
	m := middle(heard)
	sorted := slices.Sorted(slices.Values(heard))
	spread := max(around(heard, m), (sorted[(len(sorted)-1)*95/100]-m)/1.645) / o.unit(m)
	if was, ok := o.spreads[hour%slots]; ok {
		if was > 0 {
			spread = min(spread, 2*was)
		}
		spread = was + (spread-was)/4
	}
	o.spreads[hour%slots] = shorten(spread).value()
	o.medians[hour] = shorten(m).value()
}

// remembered is false of an hour that a later one of the same hour of the week has pushed out.
func (o *oracle) remembered(hour int64) (float64, bool) {
	v, ok := o.medians[hour]
	for later := range o.medians {
		if later%slots == hour%slots && later-hour >= int64(o.set.Weeks)*slots {
			return 0, false
		}
	}
	return v, ok
}

func (o *oracle) season(hour int64, level map[int]float64) (float64, int) {
	var v []float64
	for k := 1; k <= o.set.Weeks; k++ {
		if x, ok := o.remembered(hour - int64(k)*slots); ok {
			v = append(v, x+level[k]*o.unit(x))
		}
	}
	if len(v) == 0 {
		return math.NaN(), 0
	}
	return middle(v), len(v)
}

func (o *oracle) expect(hour int64) Expectation {
	e := Expectation{Needed: o.set.MinSamples}
	level := map[int]float64{}
	for k := 1; k <= o.set.Weeks; k++ {
		var by []float64
		for g := hour - 120; g < hour; g++ {
			now, ok1 := o.remembered(g)
			then, ok2 := o.remembered(g - int64(k)*slots)
			if ok1 && ok2 {
				by = append(by, (now-then)/o.unit(then))
			}
		}
		if len(by) >= 48 {
			level[k] = middle(by)
		}
	}
	e.Expected, e.Weeks = o.season(hour, level)
	if off, ok := o.misses(hour, level); ok && e.Weeks >= o.set.MinSamples {
		e.Basis, e.Samples, e.Claim = HourOfWeek, e.Weeks, true
		e.Scale = o.scale(hour, e.Expected, off*o.unit(e.Expected))
	} else if days := o.every(hour, 24); len(days) >= 5 {
		e.Basis, e.Samples, e.Expected, e.Claim = HourOfDay, len(days), middle(days), len(days) >= 7 && e.Weeks > 0
		e.Scale = o.scale(hour, e.Expected, around(days, e.Expected))
	} else if all := o.every(hour, 1); len(all) >= 24 {
		e.Basis, e.Samples, e.Expected = AllHours, len(all), middle(all)
		e.Scale = o.scale(hour, e.Expected, around(all, e.Expected))
	} else {
		e.Samples = len(all)
	}
	e.Low, e.High = e.Expected, e.Expected
	for near := hour - 1; near <= hour+1; near++ {
		for _, l := range []map[int]float64{nil, level} {
			if season, weeks := o.season(near, l); weeks > 0 {
				e.Low, e.High = min(e.Low, season), max(e.High, season)
			}
		}
	}
	return e
}

func (o *oracle) misses(hour int64, level map[int]float64) (float64, bool) {
	last := int64(0)
	for g := range o.medians {
		last = max(last, g)
	}
	var all, same []float64
	for g := last; g > last-int64(o.set.Weeks)*slots && len(all) < 120; g-- {
		l := level
		if g < hour-120 {
			l = nil
		}
		v, ok := o.remembered(g)
		season, weeks := o.season(g, l)
		if !ok || weeks < 2 {
			continue
		}
		all = append(all, (v-season)/o.unit(season))
		if d := (g - hour) % 24; d == 0 || d == -1 || d == -23 {
			same = append(same, all[len(all)-1])
		}
	}
	if len(all) < 24 {
		return 0, false
	}
	off := around(all, 0)
	if len(same) >= 6 {
		off = max(off, around(same, 0))
	}
	return off, true
}

func (o *oracle) every(hour, step int64) (v []float64) {
	for g := range o.medians {
		if x, ok := o.remembered(g); ok && (g-hour)%step == 0 && g <= hour-12 {
			v = append(v, x)
		}
	}
	return v
}

func (o *oracle) scale(hour int64, expected, off float64) float64 {
	var v []float64
	for _, near := range []int64{hour - 1, hour, hour + 1} {
		if s, ok := o.spreads[near%slots]; ok {
			v = append(v, s)
		}
	}
	for _, step := range []int64{24, 1} {
		if len(v) > 0 {
			break
		}
		for slot, s := range o.spreads {
			if (slot-hour)%step == 0 {
				v = append(v, s)
			}
		}
	}
	within := 0.0
	if len(v) > 0 {
		within = middle(v) * o.unit(expected)
	}
	return max(math.Sqrt(off*off+within*within), 0.05*math.Abs(expected), o.set.Kinds[0].Floor)
}
