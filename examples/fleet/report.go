// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// report is what was measured.
type report struct {
	settings
	programs []program
	samples  []sample // from the end of warming up
	gaps     []time.Duration
	texts    int
	scrapes  map[string]float64
}

// Bounds: what a target costs in memory, nobody starves, and nothing grows.
const (
	cpuPerText    = 3 * time.Millisecond // a goal and no bound: a busy machine crosses it
	baseRSS       = 192e6                // of it about 100 MB are pages of the program's file
	rssPerTarget  = 40e3
	starvedAfter  = 2.5 // intervals
	rssGrowth     = 1.1 // of the last third's mean over the middle third's
	goroutineMove = 1.1
)

// print writes a table and says how many bounds were crossed.
func (r *report) print(w io.Writer) (crossed int) {
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	took := last.at.Sub(first.at)
	cpu := last.cpu - first.cpu
	slices.Sort(r.gaps)
	worst := r.gaps[len(r.gaps)-1]
	perText := time.Duration(float64(cpu) / max(1, r.rate()*took.Seconds()))
	peak := slices.MaxFunc(r.samples, func(a, b sample) int { return int(a.rss - b.rss) }).rss
	n := len(r.samples)
	middle, end := r.samples[n/3:2*n/3], r.samples[2*n/3:]
	rss := func(s sample) float64 { return float64(s.rss) }
	goroutines := func(s sample) float64 { return s.goroutines }

	fmt.Fprintf(w, "\n%d targets (%.0f %% hang, %.0f %% of the rest chaotic), interval %s, measured %s on one core\n\n", r.targets, 100*r.hanging, 100*r.chaotic, r.interval, took.Round(time.Second))
	fmt.Fprintf(w, "| what | measured | bound |\n| --- | --- | --- |\n")
	row := func(what, measured, bound string, ok bool) {
		if !ok {
			crossed++
			bound += " **crossed**"
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", what, measured, bound)
	}
	row("CPU share of one core", fmt.Sprintf("%.1f %%", 100*cpu.Seconds()/took.Seconds()), "", true)
	row("CPU for a heap text and what belongs to it", perText.Round(10*time.Microsecond).String(), "goal "+cpuPerText.String(), true)
	bound := baseRSS + rssPerTarget*float64(r.targets)
	row("peak RSS", mib(float64(peak)), mib(bound), float64(peak) <= bound)
	growth := mean(end, rss) / mean(middle, rss)
	row("of it anonymous", mib(float64(slices.MaxFunc(r.samples, func(a, b sample) int { return int(a.anonymous - b.anonymous) }).anonymous)), "", true)
	row("RSS, last third over middle third", fmt.Sprintf("%.3f", growth), fmt.Sprintf("%.1f", rssGrowth), growth <= rssGrowth)
	move := mean(end, goroutines) / max(1, mean(middle, goroutines))
	row("goroutines, last third over middle third", fmt.Sprintf("%.3f of %.0f", move, mean(middle, goroutines)), fmt.Sprintf("%.1f", goroutineMove), move <= goroutineMove)
	starved := time.Duration(starvedAfter * float64(r.interval))
	row("longest wait of a healthy target", worst.Round(time.Millisecond).String(), starved.String(), worst <= starved)
	row("median of the healthy targets' longest waits", r.gaps[len(r.gaps)/2].Round(time.Millisecond).String(), "", true)
	row("heap texts a second", fmt.Sprintf("%.1f", r.rate()), "", true)
	fmt.Fprintf(w, "\n| visits | number |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(r.scrapes)) {
		if labels, ok := strings.CutPrefix(name, "otelcol_receiver_go_runtime_scrapes"); ok {
			fmt.Fprintf(w, "| %s | %.0f |\n", short(labels), r.scrapes[name])
		}
	}
	return crossed
}

// rate is heap texts a second that the healthy targets served while it was measured.
func (r *report) rate() float64 {
	return float64(r.texts) / (r.samples[len(r.samples)-1].at.Sub(r.samples[0].at) + 2*r.interval).Seconds()
}

func mean(samples []sample, of func(sample) float64) float64 {
	sum := 0.0
	for _, s := range samples {
		sum += of(s)
	}
	return sum / float64(max(1, len(samples)))
}

func mib(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }

// short leaves of the labels what differs.
func short(labels string) string {
	_, labels, _ = strings.Cut(labels, "{")
	var kept []string
	for label := range strings.SplitSeq(strings.TrimSuffix(labels, "}"), ",") {
		if strings.HasPrefix(label, "result=") || strings.HasPrefix(label, "source=") {
			kept = append(kept, label)
		}
	}
	return strings.Join(kept, " ")
}
