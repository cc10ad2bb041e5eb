// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"testing"
)

// TestJudge: the states of views as they were measured, most of them of programs whose state is known.
func TestJudge(t *testing.T) {
	gogc := func(v, off float64) effective { return effective{Of(v), off} }
	for _, c := range []struct {
		what   string
		v      gcView
		before string
		want   string
	}{
		{"a map that doubles", gcView{rate: 0.6, share: Of(0.0005), goals: Of(5. / 54), reads: Of(0.25), gogc: gogc(106, 7)}, "", gcCalm},
		{"a storm", gcView{rate: 10, share: Of(0.2), goals: Of(0.058), reads: Of(0.1), gogc: gogc(197, 32)}, "", gcHeavy},
		{"GOGC=50", gcView{rate: 0.3, share: Of(0.5), goals: Of(0.27), reads: Of(0.4), gogc: gogc(50, 5)}, "", gcHeavy},
		{"GOGC=50, each read falls into marking", gcView{rate: 0.1, share: Of(0.5), marking: Of(0.95), reads: Of(1), gogc: gogc(50, 5)}, "", gcHeavy},
		{"GOGC is not known", gcView{rate: 0.1, share: Of(0.5), goals: Of(0.9), reads: Of(1)}, "", gcHeavy},
		{"few samples of a small heap", gcView{rate: 20, share: Of(0.2), reads: Of(0.4), gogc: gogc(10, 22)}, "", gcHeavy},
		{"a limit above what is alive", gcView{rate: 0.5, share: Of(0.004), gogc: gogc(207, 9), limited: limited{200 * mebi, true}}, "", gcLimitOK},
		{"near the limit", gcView{rate: 5, share: Of(0.42), marking: Of(0.85), reads: Of(0.53), goals: Of(0.48), gogc: gogc(5, 8)}, "", gcLimitThrash},
		{"near the limit, by gctrace", gcView{rate: 5, share: Of(0.42), marking: Of(0.85), goals: Of(0.48), gogc: gogc(5, 1)}, "", gcLimitThrash},
		{"beyond the limit, as some cycles free", gcView{rate: 1, share: Of(0.43), marking: Of(0.93), reads: Of(1), goals: Of(0.37), gogc: gogc(0, 6)}, "", gcDeathSpiral},
		{"beyond the limit, by gctrace", gcView{rate: 1, share: Of(0.43), marking: Of(0.93), goals: Of(0.5), gogc: gogc(0, 1)}, "", gcDeathSpiral},
		{"GOGC of 30 enters no limit", gcView{rate: 1, share: Of(0.2), goals: Of(0.1), gogc: gogc(30, 0)}, "", gcHeavy},
		{"GOGC of 30 stays in one", gcView{rate: 1, share: Of(0.2), goals: Of(0.1), gogc: gogc(30, 0)}, gcLimitThrash, gcLimitThrash},
		{"GOGC of 32 does not", gcView{rate: 1, share: Of(0.2), goals: Of(0.1), gogc: gogc(32, 0)}, gcLimitThrash, gcHeavy},
	} {
		if got, _ := c.v.judge(c.before); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// TestDeclaredLimit: goals that amount to 200 MiB, held to what was declared.
func TestDeclaredLimit(t *testing.T) {
	one := snapshot{collected: collected{goal: Of(0.97 * 190 * mebi), nonHeap: Of(10 * mebi), used: 190 * mebi}}
	for _, c := range []struct {
		what     string
		points   []snapshot
		declared Number
		binds    bool
	}{
		{"the limit", []snapshot{one, one, one}, Of(200 * mebi), true},
		{"within 3 %", []snapshot{one, one, one}, Of(206 * mebi), true},
		{"beyond 3 %", []snapshot{one, one, one}, Of(207 * mebi), false},
		{"exceeded", []snapshot{one, one, one}, Of(100 * mebi), true},
		{"two reads", []snapshot{one, one}, Of(200 * mebi), false},
		{"nothing declared", []snapshot{one, one, one}, Number{}, false},
		{"a limit of nothing", []snapshot{one, one, one}, Of(0), false},
		{"what is not heap is not known", make([]snapshot, 9), Of(200 * mebi), false},
	} {
		if got := declaredLimit(c.points, c.declared, "go1.26.8"); got.binds != c.binds {
			t.Errorf("%s: binds %v, want %v", c.what, got.binds, c.binds)
		}
	}
}

// TestTracedGOGC: goals of 1.5 times of what the cycle before left alive, which falls by half each time.
func TestTracedGOGC(t *testing.T) {
	points := func(step float64) (points []tracePoint) {
		for i, live := range []float64{800, 400, 200, 100} {
			points = append(points, tracePoint{cycles: float64(i) * step, traced: traced{live: Of(live * mebi), goal: Of(3 * live * mebi)}})
		}
		return points
	}
	if got := addTracedGOGC(points(1), nil, 1, &Report{}); math.Abs(got.Value-50) > 1e-9 || got.off >= 1 {
		t.Errorf("cycles in a row: GOGC %v, off by %v, want 50, known to a point", got.Value, got.off)
	}
	// of every other cycle: of goals of thrice what is alive nothing is known but that, and where they differ, not even that
	if got := addTracedGOGC(points(2), nil, 1, &Report{}); math.Abs(got.Value-200) > 1e-9 || got.off >= 1 {
		t.Errorf("every other cycle: GOGC %v, off by %v, want 200, all alike", got.Value, got.off)
	}
	uneven := points(2)
	uneven[0].goal = uneven[0].live
	if got := addTracedGOGC(uneven, nil, 1, &Report{}); got.off < 100 {
		t.Errorf("from 0 to 200: known to %v, want half of the spread and more", got.off)
	}
}
