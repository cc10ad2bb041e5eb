// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	gcState       = "heapgate_signal_gc_state"
	heapShape     = "heapgate_signal_heap_shape"
	heapLeak      = "heapgate_signal_heap_leak"
	mapVerdict    = "heapgate_signal_map_verdict"
	goroutineLeak = "heapgate_signal_goroutine_leak"
	familyShare   = "heapgate_signal_family_share_ratio"
)

// classes compares states and verdicts at the end, and alarms at any time.
func (j *judging) classes() {
	j.state("gc.state", gcState, "heapgate_gc_state", j.gcStates())
	j.state("heap.shape", heapShape, "heapgate_heap_shape", j.shape)
	leak := []string{"unknown", "none"}
	if j.leaks {
		leak = leak[:1] // nobody can know within minutes, in either way
	}
	j.state("heap.leak", heapLeak, "heapgate_leak", leak)
	for i := range j.facts.Sites {
		j.mapVerdict(&j.facts.Sites[i])
	}
	if j.goroutine != "" {
		j.goroutines()
	}
	if j.family != nil {
		j.families()
	}
}

// Shares of the CPU from which on the processor calls a collector heavy, and a limit that is too small a death spiral: that
// is with cycles back to back, which a limit that is nearly too small brings about too.
const heavyFrom, spiralFrom = 0.10, 0.20

// left is the part of a threshold below which the processor leaves a state.
const left = 0.8

// gcStates that are right. How dear collecting is depends on the machine and on who else is on it: the runtime's own account tells.
func (j *judging) gcStates() []string {
	want := slices.Clone(j.gcState)
	step, ok := j.lastStep(gcState)
	if !ok {
		return want
	}
	after, last, ok := j.cyclesOf("memstats", step)
	share, known := j.facts.cpuShare(after, last)
	if !ok || !known {
		return want
	}
	if share > left*heavyFrom-points && (slices.Contains(want, "calm") || slices.Contains(want, "storm")) {
		want = append(want, "heavy")
	}
	if share > left*spiralFrom-points && slices.Contains(want, "limit_thrash") {
		want = append(want, "death_spiral")
	}
	return want
}

// state judges a label under which the value is 1.
func (j *judging) state(signal, metric, of string, want []string) {
	if want == nil {
		return
	}
	r := row{kind: class, signal: signal, truth: strings.Join(want, " or "), mark: absent}
	if step, ok := j.lastStep(metric); ok {
		said, why := j.verdictAt(step, metric, of, nil)
		r.said, r.remark, r.mark = said, why, judgeWord(said, want)
		if said == "unknown" { // no claim: minutes are not enough for what takes hours
			r.kind, r.mark = further, note
		}
	}
	j.add(r)
}

func judgeWord(said string, want []string) mark {
	if slices.Contains(want, said) {
		return right
	}
	return wrong
}

// mapVerdict judges the last verdict on a site, and that it was never "unbounded" where it must not be.
func (j *judging) mapVerdict(s *siteFacts) {
	if j.verdict == nil {
		return
	}
	r := row{kind: class, signal: "map.verdict " + s.Name, truth: strings.Join(j.verdict, " or "), mark: absent}
	labels := siteLabels(s)[:2]
	step, ok := j.lastStep(mapVerdict, labels...)
	if ok {
		r.said, r.remark = j.verdictAt(step, mapVerdict, "heapgate_map_verdict", labels)
	}
	if _, any := j.lastStep(mapVerdict); ok || any || slices.Contains(j.verdict, "") {
		r.mark = judgeWord(r.said, j.verdict)
	}
	if r.said == "unknown" && r.mark == wrong { // nothing was claimed
		r.mark = absent
	}
	j.add(r)
	if j.never {
		alarms := 0
		for _, series := range j.all(mapVerdict, label{"heapgate_map_verdict", "unbounded"}) {
			alarms += len(series.Points)
		}
		j.add(row{kind: alarm, signal: "map.verdict at any time", said: fmt.Sprintf("unbounded %d times", alarms), truth: "never", mark: within(0, float64(alarms), 0)})
	}
	j.presize(s, labels)
}

func (j *judging) presize(s *siteFacts, labels []label) {
	const metric = "heapgate_signal_map_presize"
	if s.Presize == 0 {
		return
	}
	r := row{signal: "map.presize " + s.Name, truth: strconv.Itoa(s.Presize), mark: absent}
	if step, ok := j.lastStep(metric, labels...); ok {
		said, _ := j.at(step, metric, labels...)
		r.said, r.off, r.mark = fmt.Sprintf("%.0f", said), relative(said, float64(s.Presize)), note
	}
	j.add(r)
}

// goroutines judges the site that leaks them: its growth, and that two minutes are not enough for the verdict leak.
func (j *judging) goroutines() {
	line, err := lineOf(j.goroutine)
	if err != nil {
		panic(err) // plan.go names a mark that is not there
	}
	at := []label{{"code_line_number", strconv.Itoa(line)}}
	r := row{kind: class, signal: "goroutine.leak", truth: "leak or unknown", mark: absent}
	if step, ok := j.lastStep(goroutineLeak, at...); ok {
		r.said, r.remark = j.verdictAt(step, goroutineLeak, "heapgate_leak", at)
		r.mark = judgeWord(r.said, []string{"leak", "unknown"})
	}
	j.add(r)
	slope := row{signal: "goroutine.slope", truth: "20.0/s", mark: absent}
	if step, ok := j.lastStep("heapgate_signal_goroutine_slope_per_second"); ok {
		said, _ := j.at(step, "heapgate_signal_goroutine_slope_per_second")
		slope.said, slope.off, slope.mark = fmt.Sprintf("%.1f/s", said), relative(said, 20), note
	}
	j.add(slope)
}

// families judges which family has the largest share.
func (j *judging) families() {
	r := row{kind: class, signal: "family.share", truth: strings.Join(j.family, " or "), mark: absent}
	if step, ok := j.lastStep(familyShare); ok {
		most := 0.0
		for _, s := range j.all(familyShare) {
			if v, ok := valueAt(s, step); ok && v > most {
				most, r.said = v, s.Labels["heapgate_family"]
			}
		}
		r.remark, r.mark = percent(most), judgeWord(r.said, j.family)
	}
	j.add(r)
}

// crashed judges what was heard of the end of a process.
func (j *judging) crashed() {
	r := row{kind: class, signal: "process.crashes", truth: j.crash, mark: absent}
	for _, s := range j.all("heapgate_process_crashes_total") {
		if n := len(s.Points); n > 0 && s.Points[n-1].Value > 0 {
			r.said = strings.TrimPrefix(r.said+","+s.Labels["heapgate_crash_kind"], ",")
		}
	}
	if r.said != "" {
		r.mark = judgeWord(r.said, []string{j.crash})
	}
	j.add(r)
}
