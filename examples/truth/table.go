// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
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

// missed tells whether a goal is missed. What is absent was not claimed, and is not wrong; a goal without anything judged is missed
// unless the run was of chosen scenarios.
func (t *table) missed() bool {
	for _, g := range goals {
		good, judged, _ := t.count(g.kind)
		if judged == 0 && t.only == "" || float64(good) < g.least*float64(judged) {
			return true
		}
	}
	return false
}

func (t *table) print(w io.Writer) {
	_, _ = fmt.Fprint(w, "\n| goal | right | of | absent | least |\n| --- | --- | --- | --- | --- |\n")
	for _, g := range goals {
		good, judged, missing := t.count(g.kind)
		reached := ""
		if float64(good) < g.least*float64(judged) || judged == 0 {
			reached = " **missed**"
		}
		_, _ = fmt.Fprintf(w, "| %s | %d | %d | %d | %.0f %%%s |\n", g.text, good, judged, missing, 100*g.least, reached)
	}
	_, _ = fmt.Fprint(w, "\n| scenario | go | signal | said | truth | error | stated | |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range t.rows {
		_, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(r.cells(), " | "))
	}
}
