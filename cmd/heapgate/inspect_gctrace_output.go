// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/heapgate/heapgate/internal/gctrace"
)

// cycleJSON is one line of output. A pointer is nil where the record does not tell the value, which is null in JSON.
type cycleJSON struct {
	Line      int          `json:"line"`
	GC        *int64       `json:"gc"`
	At        *float64     `json:"at_s"`
	Percent   *int         `json:"percent"`
	Clock     clockJSON    `json:"clock_ms"`
	CPU       cpuJSON      `json:"cpu_ms"`
	Heap      heapSizeJSON `json:"heap_mb"`
	Goal      *int64       `json:"goal_mb"`
	Stacks    *int64       `json:"stacks_mb"`
	Globals   *int64       `json:"globals_mb"`
	Procs     *int         `json:"procs"`
	Forced    *bool        `json:"forced"`
	LeakCheck *bool        `json:"leak_check"`
	Mended    bool         `json:"mended"`
	Ambiguous bool         `json:"ambiguous"`
}

// Scan and Sync are in Go 1.5's records alone.
type clockJSON struct {
	SweepTerm *float64 `json:"sweep_term"`
	Mark      *float64 `json:"mark"`
	MarkTerm  *float64 `json:"mark_term"`
	Scan      *float64 `json:"scan,omitempty"`
	Sync      *float64 `json:"sync,omitempty"`
}

type cpuJSON struct {
	SweepTerm  *float64 `json:"sweep_term"`
	Assist     *float64 `json:"assist"`
	Background *float64 `json:"background"`
	Idle       *float64 `json:"idle"`
	MarkTerm   *float64 `json:"mark_term"`
	Scan       *float64 `json:"scan,omitempty"`
	Sync       *float64 `json:"sync,omitempty"`
}

type heapSizeJSON struct {
	Start *int64 `json:"start"`
	End   *int64 `json:"end"`
	Live  *int64 `json:"live"`
}

// told is the value where the record tells it with certainty.
func told[T any](c *gctrace.Cycle, field gctrace.Field, value T) *T {
	if !c.Has(field) {
		return nil
	}
	return &value
}

func jsonOf(c *gctrace.Cycle) cycleJSON {
	return cycleJSON{
		Line: c.Line, GC: told(c, gctrace.FieldGC, c.GC), At: told(c, gctrace.FieldAt, c.At), Percent: told(c, gctrace.FieldPercent, c.Percent),
		Clock: clockJSON{
			SweepTerm: told(c, gctrace.FieldClockSweepTerm, c.Clock.SweepTerm), Mark: told(c, gctrace.FieldClockMark, c.Clock.Mark),
			MarkTerm: told(c, gctrace.FieldClockMarkTerm, c.Clock.MarkTerm),
			Scan:     told(c, gctrace.FieldClockScan, c.Clock.Scan), Sync: told(c, gctrace.FieldClockSync, c.Clock.Sync),
		},
		CPU: cpuJSON{
			SweepTerm: told(c, gctrace.FieldCPUSweepTerm, c.CPU.SweepTerm), Assist: told(c, gctrace.FieldCPUAssist, c.CPU.Assist),
			Background: told(c, gctrace.FieldCPUBackground, c.CPU.Background), Idle: told(c, gctrace.FieldCPUIdle, c.CPU.Idle),
			MarkTerm: told(c, gctrace.FieldCPUMarkTerm, c.CPU.MarkTerm),
			Scan:     told(c, gctrace.FieldCPUScan, c.CPU.Scan), Sync: told(c, gctrace.FieldCPUSync, c.CPU.Sync),
		},
		Heap: heapSizeJSON{
			Start: told(c, gctrace.FieldHeapStart, c.Heap.Start), End: told(c, gctrace.FieldHeapEnd, c.Heap.End), Live: told(c, gctrace.FieldHeapLive, c.Heap.Live),
		},
		Goal: told(c, gctrace.FieldGoal, c.GoalMB), Stacks: c.StacksMB, Globals: c.GlobalsMB, Procs: told(c, gctrace.FieldProcs, c.Procs),
		Forced: told(c, gctrace.FieldForced, c.Forced), LeakCheck: told(c, gctrace.FieldLeakCheck, c.LeakCheck),
		Mended: c.Mended, Ambiguous: c.Ambiguous,
	}
}

func writeCycleJSON(out io.Writer) func(*gctrace.Cycle) error {
	encoder := json.NewEncoder(out)
	return func(c *gctrace.Cycle) error { return encoder.Encode(jsonOf(c)) }
}

// writeCycleTable writes rows of fixed width, since the next row may come minutes later.
func writeCycleTable(out io.Writer) func(*gctrace.Cycle) error {
	const row = "%6s %10s %5s %9s %9s %9s %9s %9s %9s %7s %7s %7s %8s %3s %s\n"
	head := false
	return func(c *gctrace.Cycle) error {
		if !head {
			head = true
			if _, err := fmt.Fprintf(out, row, "GC", "AT s", "CPU%", "SWEEP ms", "MARK ms", "TERM ms", "ASSIST", "BACKGR", "IDLE",
				"START", "END", "LIVE MB", "GOAL MB", "P", "NOTES"); err != nil {
				return err
			}
		}
		j := jsonOf(c)
		_, err := fmt.Fprintf(out, row, cell(j.GC), cell(j.At), cell(j.Percent), cell(j.Clock.SweepTerm), cell(j.Clock.Mark), cell(j.Clock.MarkTerm),
			cell(j.CPU.Assist), cell(j.CPU.Background), cell(j.CPU.Idle), cell(j.Heap.Start), cell(j.Heap.End), cell(j.Heap.Live), cell(j.Goal), cell(j.Procs), notes(c))
		return err
	}
}

func cell[T int | int64 | float64](value *T) string {
	if value == nil {
		return "?"
	}
	return strconv.FormatFloat(float64(*value), 'f', -1, 64)
}

func notes(c *gctrace.Cycle) string {
	var notes []string
	for _, note := range []struct {
		is   bool
		name string
	}{{c.Forced, "forced"}, {c.LeakCheck, "leak-check"}, {c.Mended, "mended"}, {c.Ambiguous, "ambiguous"}} {
		if note.is {
			notes = append(notes, note.name)
		}
	}
	if notes == nil {
		return "-"
	}
	return strings.Join(notes, " ")
}
