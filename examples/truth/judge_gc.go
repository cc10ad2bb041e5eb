// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"sort"
)

const (
	cpuShare = "heapgate_signal_gc_cpu_share_ratio"
	pauseP99 = "heapgate_signal_gc_pause_p99_seconds"
	points   = 0.03 // of the CPU
)

// cpuShares compares the GC's share of the CPU, as each source has it, with the runtime's own account of the same cycles.
func (j *judging) cpuShares() {
	for _, source := range []string{"memstats", "gctrace"} {
		from := label{"heapgate_source", source}
		r := row{kind: cpu, signal: "gc.cpu.share " + source, stated: "3 points", mark: absent}
		if step, ok := j.lastStep(cpuShare, from); ok {
			said, _ := j.at(step, cpuShare, from)
			r.said = percent(said)
			r = j.cpuShare(r, source, step, said)
			if source == "gctrace" { // the check of the other: it counts all processors for a stop that not all have reached
				r.kind = further
			}
		} else if n := len(j.facts.Pauses); n < fewCycles {
			r.kind, r.mark, r.remark = further, note, fmt.Sprintf("%d cycles in all", n)
		}
		j.add(r)
	}
}

// fewCycles have no windows.
const fewCycles = 6

func (j *judging) cpuShare(r row, source string, step int64, said float64) row {
	after, last, ok := j.cyclesOf(source, step)
	if !ok {
		r.kind, r.mark, r.remark = further, note, "its window is not known"
		return r
	}
	truth, ok := j.facts.cpuShare(after, last)
	if !ok {
		r.kind, r.mark, r.remark = further, note, "the program did not look in time"
		return r
	}
	r.truth, r.off = percent(truth), fmt.Sprintf("%+.2f points", 100*(said-truth))
	r.mark, r.remark = within(-points, said-truth, points), j.facts.CPUFrom
	return r
}

// cyclesOf is between the ends of which cycles a source's share was taken, in Unix seconds.
func (j *judging) cyclesOf(source string, step int64) (after, last float64, ok bool) {
	if source == "memstats" {
		from, to, ok := j.window(step)
		return from.lastGC, to.lastGC, ok
	}
	const elapsed, cycles = "heapgate_gc_elapsed_seconds_total", "heapgate_gctrace_cycles_total"
	now, ok := j.at(step, elapsed)
	to, okTo := j.at(step, cycles)
	if !ok || !okTo {
		return 0, 0, false
	}
	for _, s := range j.steps {
		began, known := j.at(s, elapsed)
		from, knownToo := j.at(s, cycles)
		if known && knownToo && began < now && now-began <= j.settings.window.Seconds() {
			return j.endOf(from), j.endOf(to), j.endOf(from) > 0 && j.endOf(to) > 0
		}
	}
	return 0, 0, false
}

// endOf a cycle in Unix seconds, 0 if it was not seen.
func (j *judging) endOf(cycle float64) float64 {
	for _, p := range j.facts.Pauses {
		if float64(p.Cycle) == cycle {
			return float64(p.End) / 1e9
		}
	}
	return 0
}

// pauses compares the 99th percentile with that of the very cycles of the window.
func (j *judging) pauses() {
	r := row{kind: pauses, signal: "gc.pause.p99", mark: absent}
	step, ok := j.lastStep(pauseP99)
	if !ok {
		if n := len(j.facts.Pauses); n < fewCycles {
			r.kind, r.mark, r.remark = further, note, fmt.Sprintf("%d cycles in all", n)
		}
		j.add(r)
		return
	}
	said, _ := j.at(step, pauseP99)
	r.said = micros(said)
	first, last, ok := j.window(step)
	sorted, whole := []float64(nil), false
	if ok {
		sorted, whole = j.facts.pausesOf(first.cycles, last.cycles)
	}
	if !whole {
		r.kind, r.mark, r.remark = further, note, "the program did not see each pause"
		j.add(r)
		return
	}
	low, truth, high := quantum(sorted, 0.99)
	r.truth, r.off, r.stated = micros(truth), relative(said, truth), fmt.Sprintf("%s ... %s", micros(low), micros(high))
	r.mark = within(low-1e-9, said, high+1e-9)
	r.remark = fmt.Sprintf("%d pauses", len(sorted))
	j.add(r)
}

// pauseBounds are those of the receiver's histogram, in seconds.
var pauseBounds = []float64{
	1e-5, 2e-5, 5e-5, 1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7e-3,
	0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5,
}

// quantum is the percentile of sorted pauses, and how near a report of it can come: the pauses ranked before and behind it, and
// the bucket that it is heard in.
func quantum(sorted []float64, q float64) (low, exact, high float64) {
	rank := min(max(int(math.Ceil(q*float64(len(sorted))))-1, 0), len(sorted)-1)
	exact = sorted[rank]
	low, high = sorted[max(rank-1, 0)], sorted[min(rank+1, len(sorted)-1)]
	bucket := sort.SearchFloat64s(pauseBounds, exact)
	if bucket > 0 {
		low = min(low, pauseBounds[bucket-1])
	} else {
		low = 0
	}
	if bucket < len(pauseBounds) {
		high = max(high, pauseBounds[bucket])
	}
	return low, exact, high
}

// rates compares what MemStats say exactly, as a check on the time base.
func (j *judging) rates() {
	const metric = "heapgate_signal_heap_allocation_rate_bytes_per_second"
	step, ok := j.lastStep(metric)
	if !ok {
		j.add(row{signal: "heap.allocation_rate", mark: absent})
		return
	}
	said, _ := j.at(step, metric)
	first := max(j.steps[0], step-j.settings.window.Milliseconds())
	from, fromOK := j.facts.allocatedAt(float64(first) / 1e3)
	to, toOK := j.facts.allocatedAt(float64(step) / 1e3)
	r := row{signal: "heap.allocation_rate", said: bytesText(said) + "/s", mark: note}
	if fromOK && toOK {
		truth := (to - from) / (float64(step-first) / 1e3)
		r.truth, r.off = bytesText(truth)+"/s", relative(said, truth)
	}
	j.add(r)
}
