// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

const mebi = 1 << 20

// TestAdvise: the arithmetic by hand, in MiB.
func TestAdvise(t *testing.T) {
	base := AdviceInput{Share: Of(0.2), GOGC: Of(100), Live: Of(500 * mebi), Stack: Of(20 * mebi), NonHeap: Of(50 * mebi)}
	with := func(change func(in *AdviceInput)) AdviceInput { in := base; change(&in); return in }
	for _, c := range []struct {
		what              string
		in                AdviceInput
		reason            string
		gogc, limit       Number
		inSteps, inChange string // part of the arithmetic
	}{
		// 100*0.2/0.1 = 200; goal 500+520*2 = 1540; 1540/0.97+50 = 1637.6, in 16: 1648
		{"no limit known", base, "gogc", Of(200), Number{}, "= 1540 MiB", "set GOGC to 200"},
		{"it fits the container", with(func(in *AdviceInput) { in.ContainerLimit = Of(1735 * mebi) }), "gogc", Of(200), Number{}, "1648 MiB", "95 % of the container's 1735 MiB are 1648 MiB: set GOGC to 200"},
		// 0.95*1734 = 1647.3
		{"it does not fit by a MiB", with(func(in *AdviceInput) { in.ContainerLimit = Of(1734 * mebi) }), "does_not_fit", Number{}, Number{}, "1648 MiB", "it does not fit"},
		// (0.95*1000-50)*0.97 = 873; (873-500)/520 = 71.7 % -> 71, at 0.2*100/71 = 28.2 %
		{"a smaller container", with(func(in *AdviceInput) { in.ContainerLimit = Of(1000 * mebi) }), "does_not_fit", Number{}, Number{}, "1648 MiB", "GOGC 71 would, at 28.2 % of the CPU; allocate less, keep less alive or give it 1831 MiB"},
		{"nothing fits", with(func(in *AdviceInput) { in.ContainerLimit = Of(520 * mebi) }), "does_not_fit", Number{}, Number{}, "", "leaves no room for any GOGC"},
		{"a limit that does not bind is room", with(func(in *AdviceInput) { in.Limit = Of(1600 * mebi) }), "does_not_fit", Number{}, Number{}, "", "GOMEMLIMIT is 1600 MiB: it does not fit"},
		{"a limit in a container that has room", with(func(in *AdviceInput) { in.Limit, in.ContainerLimit = Of(1600*mebi), Of(4000*mebi) }), "raise_limit", Number{}, Of(3600 * mebi), "", "set GOMEMLIMIT to 3600 MiB"},
		{"a limit binds", with(func(in *AdviceInput) { in.Limit, in.Bound = Of(1000*mebi), true }), "raise_limit", Number{}, Of(1648 * mebi), "", "set GOMEMLIMIT to 1648 MiB"},
		{"a limit binds in a container", with(func(in *AdviceInput) { in.Limit, in.Bound, in.ContainerLimit = Of(1000*mebi), true, Of(1800*mebi) }), "raise_limit", Number{}, Of(1648 * mebi), "", "set GOMEMLIMIT to 1648 MiB"},
		{"a limit binds in a container that is too small", with(func(in *AdviceInput) { in.Limit, in.Bound, in.ContainerLimit = Of(1000*mebi), true, Of(1100*mebi) }), "does_not_fit", Number{}, Number{}, "", "it does not fit"},
		// (0.5/0.5)/(0.1/0.9) = 9: GOGC 10*9 = 90; goal 500+520*0.9 = 968; 968/0.97+50 = 1047.9 -> 1056
		{"above 25 % allocation is held back", with(func(in *AdviceInput) { in.Share, in.GOGC = Of(0.5), Of(10) }), "gogc", Of(90), Number{}, "(50.0/50.0)/(10.0/90.0)", "set GOGC to 90"},
		{"goal at the live heap", with(func(in *AdviceInput) { in.Share, in.GOGC, in.Bound = Of(0.9), Of(0), true }), "raise_limit", Number{}, Of(1056 * mebi), "GOGC 1 * ", ""},
		{"another objective", with(func(in *AdviceInput) { in.Objective = Of(0.05) }), "gogc", Of(400), Number{}, "the objective is 5.0 %", ""},
		{"met", with(func(in *AdviceInput) { in.Share = Of(0.1) }), "met", Number{}, Number{}, "", ""},
		{"met, the limit is above the container's", with(func(in *AdviceInput) { in.Share, in.Limit, in.ContainerLimit = Of(0.05), Of(2000*mebi), Of(2000*mebi) }), "lower_limit", Number{}, Of(1800 * mebi), "90 % is 1800 MiB", ""},
		{"met, and what is alive would not fit", with(func(in *AdviceInput) { in.Share, in.Limit, in.ContainerLimit = Of(0.05), Of(620*mebi), Of(620*mebi) }), "met", Number{}, Number{}, "", ""},
		{"a tiny heap", with(func(in *AdviceInput) { in.Share, in.GOGC = Of(0.21), Of(500) }), "not_by_gogc", Number{}, Number{}, "not a matter of GOGC", ""},
		{"nothing alive", with(func(in *AdviceInput) { in.Live = Of(0) }), "incomplete", Number{}, Number{}, "", ""},
		{"no share", with(func(in *AdviceInput) { in.Share = Number{} }), "incomplete", Number{}, Number{}, "", ""},
		{"no number", with(func(in *AdviceInput) { in.ContainerLimit = Of(math.NaN()) }), "incomplete", Number{}, Number{}, "", ""},
	} {
		a := Advise(c.in)
		if a.Reason != c.reason || a.GOGC != c.gogc || a.MemoryLimit != c.limit {
			t.Errorf("%s: got %s, GOGC %+v, limit %+v, want %s %+v %+v\n%s", c.what, a.Reason, a.GOGC, a.MemoryLimit, c.reason, c.gogc, c.limit, a.Text)
		}
		if steps := strings.Join(a.Steps, "\n"); !strings.Contains(steps, c.inSteps) {
			t.Errorf("%s: want %q in the steps:\n%s", c.what, c.inSteps, steps)
		}
		if !strings.Contains(a.Text, c.inChange) {
			t.Errorf("%s: want %q in %q", c.what, c.inChange, a.Text)
		}
	}
}

// TestAdviceFits: whatever comes in, what is advised fits the container with its reserve, and meets the objective by the model.
func TestAdviceFits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 42))
	given := map[string]int{}
	for range 20_000 {
		in := AdviceInput{Share: Of(rng.Float64()), GOGC: Of(rng.Float64() * 300), Live: Of(rng.ExpFloat64() * 256 * mebi), Stack: Of(rng.ExpFloat64() * 8 * mebi),
			NonHeap: Of(rng.ExpFloat64() * 32 * mebi), Bound: rng.IntN(2) == 0}
		if rng.IntN(2) == 0 {
			in.ContainerLimit = Of(rng.ExpFloat64() * 2048 * mebi)
		}
		if rng.IntN(2) == 0 {
			in.Limit = Of(rng.ExpFloat64() * 1024 * mebi)
		}
		a := Advise(in)
		given[a.Reason]++
		if (a.GOGC.Known || a.MemoryLimit.Known) && len(a.Steps) == 0 {
			t.Fatalf("%+v: no arithmetic", in)
		}
		if a.MemoryLimit.Known && in.ContainerLimit.Known && a.MemoryLimit.Value > mostContainerShare*in.ContainerLimit.Value {
			t.Fatalf("%+v: a limit of %v does not fit", in, a.MemoryLimit.Value)
		}
		if a.GOGC.Known {
			need := in.goalAt(a.GOGC.Value)/goalShare + in.NonHeap.Value
			if in.ContainerLimit.Known && need > mostContainerShare*in.ContainerLimit.Value {
				t.Fatalf("%+v: GOGC %v needs %v, which does not fit", in, a.GOGC.Value, need)
			}
			if share := in.shareAt(a.GOGC.Value); share > DefaultObjective+1e-9 {
				t.Fatalf("%+v: GOGC %v gives a share of %v", in, a.GOGC.Value, share)
			}
		}
	}
	for _, reason := range []string{objectiveMet, adviseGOGC, raiseLimit, lowerLimit, doesNotFit, notByGOGC} {
		if given[reason] < 20 {
			t.Errorf("%s was given %d times of 20000: not tested", reason, given[reason])
		}
	}
}
