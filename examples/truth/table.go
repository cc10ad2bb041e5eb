// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// table is what a run came to.
type table struct {
	settings
	at   time.Time
	took time.Duration
	rows []row
}

// goals by kind: the share of rows that must be right.
var goals = []struct {
	kind  kind
	least float64
	text  string
}{
	{growth, 0.95, "growth of a map's site lies in its stated interval"},
	{bytes1, 1, "with memprofilerate=1, the bytes of a site are exact"},
	{cpu, 1, "GC CPU share is within 3 points of the runtime's own account"},
	{pauses, 1, "pause p99 is within one quantum: a rank, or the bucket it is heard in"},
	{class, 0.95, "states and verdicts are right"},
	{alarm, 1, "no map is called unbounded that is steady, presized, churning or warming up"},
}

// count of a kind; what is absent is in none of the two.
func (t *table) count(k kind) (good, judged, missing int) {
	for _, r := range t.rows {
		switch {
		case r.kind != k || r.mark == note:
		case r.mark == absent:
			missing++
		default:
			judged++
			if r.mark == right {
				good++
			}
		}
	}
	return good, judged, missing
}

// missed tells whether a goal is missed.
func (t *table) missed() bool {
	for _, g := range goals {
		if t.misses(g.kind, g.least) {
			return true
		}
	}
	return false
}

// misses tells whether too few are right. What is absent was not claimed and is not wrong, but may not be more than a fifth; in a run
// of chosen scenarios a goal may have nothing to judge. The short form judges so few that 95 % of them are all or all but one: there
// a goal is missed when that many wrong ones would be one chance in a hundred if it were just held.
func (t *table) misses(k kind, least float64) bool {
	good, judged, missing := t.count(k)
	if t.only == "" && (judged == 0 || missing > judged/4) {
		return true
	}
	if t.short && least < 1 {
		return atLeast(judged-good, judged, 1-least) < 0.01
	}
	return float64(good) < least*float64(judged)
}

// atLeast is the binomial probability of k or more among n, each with probability p.
func atLeast(k, n int, p float64) float64 {
	fewer, term := 0.0, math.Pow(1-p, float64(n))
	for i := range k {
		fewer += term
		term *= float64(n-i) / float64(i+1) * p / (1 - p)
	}
	return 1 - fewer
}

// complain lists what counts as wrong, last and short: of a long log the end is read.
func (t *table) complain(w io.Writer) {
	for _, r := range t.rows {
		if r.kind != further && r.mark == wrong {
			_, _ = fmt.Fprintf(w, "wrong: %s\n", strings.Join(r.cells(), "  "))
		}
	}
}

func (t *table) print(w io.Writer) {
	_, _ = fmt.Fprint(w, "\n| goal | right | of | absent | least |\n| --- | --- | --- | --- | --- |\n")
	for _, g := range goals {
		good, judged, missing := t.count(g.kind)
		reached := ""
		if t.misses(g.kind, g.least) || judged == 0 {
			reached = " **missed**"
		}
		_, _ = fmt.Fprintf(w, "| %s | %d | %d | %d | %.0f %%%s |\n", g.text, good, judged, missing, 100*g.least, reached)
	}
	_, _ = fmt.Fprint(w, "\n| scenario | go | signal | said | truth | error | stated | |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range t.rows {
		_, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(r.cells(), " | "))
	}
}
