// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"io"
	"strings"
)

// The limits that R6 must keep at 120 points in every scenario, in percent.
const (
	MaxFalseBlocks = 1.5 // blocks of a candidate that is equal
	MaxFalseAllows = 5.0 // allows of a candidate that is 10 % worse
	JudgedPoints   = 120
)

// Row is one method in one scenario at one length: its answers by true ratio.
type Row struct {
	Scenario Scenario
	Method   string
	Points   int
	Equal    Cell // true ratio 1.00
	Ten      Cell // 1.10
	Twenty   Cell // 1.20
	Half     Cell // 1.50
}

// Levels runs methods over scenarios at one length.
func Levels(scenarios []Scenario, methods []Method, points, runs int) []Row {
	var rules []rule
	for _, m := range methods {
		rules = append(rules, m.once())
	}
	return rows(scenarios, methods, rules, points, runs)
}

// Looks runs R6 and its peers with early stop: six looks at 40, 80, ... 240 points. The methods' names say how they look.
func Looks(scenarios []Scenario, runs int) []Row {
	r6, b2 := method("R6"), method("B2")
	methods := []Method{{Name: "B2, one look"}, {Name: "B2, may fail at any look"}, {Name: "R6, one look"}, {Name: "R6, naive looks"}, {Name: "R6, O'Brien-Fleming"}}
	rules := []rule{b2.once(), b2.looks(6, false, true), r6.once(), r6.looks(6, false, false), r6.looks(6, true, false)}
	return rows(scenarios, methods, rules, 240, runs)
}

func rows(scenarios []Scenario, methods []Method, rules []rule, points, runs int) []Row {
	var all []Row
	for _, s := range scenarios {
		equal, ten := run(s, 1.0, points, runs, rules), run(s, 1.1, points, runs, rules)
		twenty, half := run(s, 1.2, points, runs, rules), run(s, 1.5, points, runs, rules)
		for i, m := range methods {
			all = append(all, Row{s, m.Name, points, equal[i], ten[i], twenty[i], half[i]})
		}
	}
	return all
}

// Sensitivity are scenarios in which pods differ by more or less than the prior says, with 20 % more load.
func Sensitivity() []Scenario {
	var all []Scenario
	for _, sd := range []float64{0, 0.03, 0.06, 0.10} {
		for _, pods := range [][2]int{{3, 1}, {3, 3}, {5, 5}} {
			all = append(all, Scenario{Name: fmt.Sprintf("%.0f %%, %d against %d", 100*sd, pods[0], pods[1]), AR: 0.8, LoadSD: 0.2, LoadShift: 1.2, Affine: true, PodSD: sd, Baseline: pods[0], Candidate: pods[1]})
		}
	}
	return all
}

// Print writes rows as a Markdown table: one line a scenario, one column a method,
// "false blocks / false allows of +10 % / blocks of +20 % / blocks of +50 % / inconclusive on equal" in percent.
func Print(w io.Writer, rows []Row, stops bool) {
	var methods []string
	for _, r := range rows {
		if r.Scenario.Name != rows[0].Scenario.Name {
			break
		}
		methods = append(methods, r.Method)
	}
	fmt.Fprintf(w, "| | %s |\n|%s\n", strings.Join(methods, " | "), strings.Repeat(" --- |", len(methods)+1))
	for i, r := range rows {
		if i%len(methods) == 0 {
			fmt.Fprintf(w, "| %s", strings.TrimSuffix(r.Scenario.Name+" "+r.Scenario.Says, " "))
		}
		fmt.Fprintf(w, " | %s", r.text(stops))
		if (i+1)%len(methods) == 0 {
			fmt.Fprintln(w, " |")
		}
	}
}

func (r Row) text(stops bool) string {
	_, blocks, unknown := r.Equal.Percent()
	allows, _, _ := r.Ten.Percent()
	_, twenty, _ := r.Twenty.Percent()
	_, half, _ := r.Half.Percent()
	text := fmt.Sprintf("%s / %s / %s / %s / %s", percent(blocks), percent(allows), percent(twenty), percent(half), percent(unknown))
	if stops {
		text += fmt.Sprintf(" (%.0f, %.0f)", r.Equal.Points, r.Twenty.Points)
	}
	return text
}

// percent has one digit behind the point below 10, since there the limits are.
func percent(v float64) string {
	if v < 10 && v > 0 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// PrintLeaks runs and writes the leak table: percent found by true slope.
func PrintLeaks(w io.Writer, runs int) {
	fmt.Fprint(w, "| | 0 %/h | 2 %/h | 5 %/h | 10 %/h | 30 %/h | unknown at 0 %/h |\n|"+strings.Repeat(" --- |", 7)+"\n")
	for _, s := range LeakScenarios() {
		fmt.Fprintf(w, "| %s", s.Name)
		unknown := 0.0
		for i, slope := range LeakSlopes() {
			_, found, u := runLeaks(s, slope, runs).Percent()
			if i == 0 {
				unknown = u
			}
			fmt.Fprintf(w, " | %s", percent(found))
		}
		fmt.Fprintf(w, " | %s |\n", percent(unknown))
	}
}
