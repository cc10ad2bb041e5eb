// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
)

// mark is how a comparison came out.
type mark string

const (
	right  mark = "right"
	wrong  mark = "**wrong**"
	absent mark = "absent" // nothing was said
	note   mark = "-"      // not judged
)

// kind is the goal that a row counts for.
type kind string

const (
	growth  kind = "growth of maps"
	bytes1  kind = "bytes at memprofilerate=1"
	cpu     kind = "GC CPU share"
	pauses  kind = "pause p99"
	class   kind = "classification"
	alarm   kind = "never unbounded"
	further kind = ""
)

// row is one comparison.
type row struct {
	kind                             kind
	scenario, version, signal        string
	said, truth, off, stated, remark string
	mark                             mark
}

func (r row) cells() []string {
	marked := string(r.mark)
	if r.remark != "" {
		marked += " (" + r.remark + ")"
	}
	return []string{r.scenario, r.version, r.signal, r.said, r.truth, r.off, r.stated, marked}
}

// judge compares what was heard of an act with what it says itself.
func judge(a *actor, h *heard, s settings) []row {
	j := &judging{actor: a, heard: h, settings: s}
	if a.crash != "" {
		j.crashed()
		return j.rows
	}
	if a.exact {
		j.bytes()
		return j.rows
	}
	j.growths()
	j.cpuShares()
	j.pauses()
	j.rates()
	j.classes()
	return j.rows
}

type judging struct {
	*actor
	*heard
	settings settings
	rows     []row
}

func (j *judging) add(r row) {
	r.scenario, r.version = j.name, j.version
	j.rows = append(j.rows, r)
}

// within is right when a number is where it has to be.
func within(low, v, high float64) mark {
	if v >= low && v <= high {
		return right
	}
	return wrong
}

// relative error in percent.
func relative(said, truth float64) string {
	if truth == 0 {
		return ""
	}
	return fmt.Sprintf("%+.1f %%", 100*(said/truth-1))
}

func bytesText(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1<<20:
		return fmt.Sprintf("%.2f MiB", v/(1<<20))
	case a >= 1<<10:
		return fmt.Sprintf("%.1f KiB", v/(1<<10))
	}
	return fmt.Sprintf("%.0f B", v)
}

func percent(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) }

func micros(v float64) string { return fmt.Sprintf("%.0f us", 1e6*v) }
