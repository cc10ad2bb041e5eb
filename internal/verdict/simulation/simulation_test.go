// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

var (
	full   = flag.Bool("full", false, "2000 runs a cell and all lengths instead of 200 at 120 points")
	update = flag.Bool("update", false, "with -full, write the tables into docs/statistics.md")
)

const (
	page     = "../../../docs/statistics.md"
	tableTop = "<!-- begin of the tables that `make simulate` writes -->\n"
	tableEnd = "<!-- end of the tables -->\n"
)

// TestErrorRates fails if R6 is wrong more often than it may be.
func TestErrorRates(t *testing.T) {
	runs := 200
	if *full {
		runs = 2000
	}
	judged := Levels(Scenarios(), Methods(), JudgedPoints, runs)
	looks := Looks(pick("S2", "S5", "S7"), runs/4)
	tables := tables(judged, looks, runs)
	t.Logf("%d runs a cell\n%s", runs, tables)
	for _, r := range append(slices.Clone(judged), looks...) {
		switch r.Method {
		case "R6", "R6x", "R6, one look", "R6, O'Brien-Fleming":
			atMost(t, r, "false blocks", r.Equal.Blocked, r.Equal.Runs, MaxFalseBlocks)
			atMost(t, r, "false allows of +10 %", r.Ten.Allowed, r.Ten.Runs, MaxFalseAllows)
		}
	}
	if *update && *full && !t.Failed() {
		write(t, tables)
	}
}

func pick(names ...string) []Scenario {
	var some []Scenario
	for _, s := range Scenarios() {
		if slices.Contains(names, s.Name) {
			some = append(some, s)
		}
	}
	return some
}

// atMost compares a count with its limit: the full form plainly, the short one with the number that a true rate at the
// limit exceeds in one of 1000 such tests.
func atMost(t *testing.T, r Row, what string, count, runs int, limit float64) {
	t.Helper()
	most, says := int(limit/100*float64(runs)), "none"
	if !*full {
		law := distuv.Binomial{N: float64(runs), P: limit / 100}
		for law.CDF(float64(most)) < 0.999 {
			most++
		}
		says = fmt.Sprintf("%d of %d, which a true rate of %v %% exceeds once in 1000", most, runs, limit)
	}
	if count > most {
		t.Errorf("%s %s: %d %s of %d (limit %v %%, allowance for the short form: %s)", r.Scenario.Name, r.Method, count, what, runs, limit, says)
	}
}

func tables(judged, looks []Row, runs int) string {
	var b bytes.Buffer
	section := func(title string) { fmt.Fprintf(&b, "\n%s\n\n", title) }
	section(fmt.Sprintf("**30 minutes (120 points), one look; %d runs a cell.**", runs))
	Print(&b, judged, false)
	if *full {
		for _, points := range []int{20, 40, 240} {
			section(fmt.Sprintf("**%d minutes (%d points), one look; %d runs a cell.**", points/4, points, runs/2))
			Print(&b, Levels(Scenarios(), []Method{method("B1"), method("R6")}, points, runs/2), false)
		}
	}
	section(fmt.Sprintf("**Early stop: looks at 10, 20, ... 60 minutes, %d runs a cell.** In", runs/4) + " brackets the mean points until the answer, on equal and on +20 %.")
	Print(&b, looks, true)
	if *full {
		section("**Pods differ by more or less than the prior of 3 % says; load +20 %, 120 points, 400 runs a cell.**")
		Print(&b, Levels(Sensitivity(), []Method{method("B2"), method("R6x")}, JudgedPoints, runs/5), false)
	}
	section(fmt.Sprintf("**Leaks: percent found by true slope** (4.4 %%/h is the limit in 24 hours), %d runs a cell.", runs/4))
	PrintLeaks(&b, runs/4)
	return b.String()
}

func write(t *testing.T, tables string) {
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(old), tableTop)
	_, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		t.Fatalf("%s lacks %q or %q", page, tableTop, tableEnd)
	}
	if err := os.WriteFile(page, []byte(before+tableTop+tables+"\n"+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The peers must be what they are, or the table means nothing: the interval of kayenta's test against all differences, sorted.
func TestDifferenceAt(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		b, c := make([]float64, 5+rng.IntN(20)), make([]float64, 5+rng.IntN(20))
		for i := range b {
			b[i] = rng.NormFloat64()
		}
		for i := range c {
			c[i] = 1 + rng.NormFloat64()
		}
		slices.Sort(b)
		slices.Sort(c)
		var all []float64
		for _, x := range b {
			for _, y := range c {
				all = append(all, y-x)
			}
		}
		slices.Sort(all)
		for k := range all {
			if got := differenceAt(b, c, float64(k)); math.Abs(got-all[k]) > 1e-9 {
				t.Fatalf("difference %d of %d: got %v, want %v", k, len(all), got, all[k])
			}
		}
	}
}

// The series must be what they say: level, marginal noise, autocorrelation, the ratio and the load.
func TestSeries(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	w := newWalk(rng, 0.8, 0.08)
	var sum, square, next float64
	const n = 200_000
	last := w.next(rng)
	for range n {
		v := w.next(rng)
		sum, square, next, last = sum+v, square+v*v, next+v*last, v
	}
	if sd := math.Sqrt(square / n); math.Abs(sd-0.08) > 0.002 {
		t.Errorf("standard deviation %v, want 0.08", sd)
	}
	if r := next / square; math.Abs(r-0.8) > 0.01 {
		t.Errorf("autocorrelation %v, want 0.8", r)
	}
	p := pick("S3")[0].draw(rng, 1.2, 20_000)
	var load [2]float64
	for i := range p.baseline[0].Points {
		load[0] += p.baseline[0].Points[i].Load
		load[1] += p.candidate[0].Points[i].Load
	}
	if shift := load[1] / load[0]; math.Abs(shift-1.4) > 0.1 {
		t.Errorf("load shift %v, want 1.4", shift)
	}
}

// The same seed gives the same cells, whatever the workers do.
func TestRunIsRepeatable(t *testing.T) {
	rules := []rule{method("R6").once(), method("B1").once()}
	a, b := run(pick("S5")[0], 1.1, 40, 60, rules), run(pick("S5")[0], 1.1, 40, 60, rules)
	if !slices.Equal(a, b) {
		t.Errorf("got %v and %v", a, b)
	}
}
