// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "strings"

const (
	// limitReads that must show the same limit.
	limitReads = 4
	// sameLimit is how far the limits that they show may be apart, as a share of the goal. The formula is exact; what was
	// allocated between the sums that the runtime takes is not.
	sameLimit = 0.03
	// movedLive is how far the live heap must have moved meanwhile: without a limit, goals would have moved as far.
	movedLive = 0.10
	// movedErrors is the least move in standard errors of the profile: the range of twenty draws of a normal distribution is
	// 3.7 of them on average, and above 6 in one case of thousand.
	movedErrors = 6
	// atLimit of a declared limit, goals show that it holds them down: what they show is exact, 1.00 of it in runs of Go 1.19 and 1.26.
	atLimit = 0.97
)

// inferLimit is GOMEMLIMIT as the goals show it: while the limit holds the goals down, goal + what is not heap stays the same
// whatever is alive; under GOGC the goals move with what is alive. Where goals do not move because nothing moves, and where
// they are at the live heap, they do not show it.
func inferLimit(points []snapshot, runtime string) Number {
	var limits, goals, lives values
	for i := range points {
		p := &points[len(points)-1-i]
		if !p.goal.Known || !p.nonHeap.Known || !p.live.Known || p.live.Value < heapMinimum || p.goal.Value < p.live.Value || p.overGoal.Value == 1 {
			continue
		}
		limits.add(limitOf(p.goal.Value, p.nonHeap.Value, p.used, runtime))
		goals.add(p.goal.Value)
		lives.add(p.live.Value)
	}
	if limits.n < limitReads {
		return Number{}
	}
	live := lives.median().Value
	if lives.spread() < live*max(movedLive, movedErrors*profileError(live)) || limits.spread() > sameLimit*goals.median().Value {
		return Number{}
	}
	return limits.median()
}

// limited is a limit that was declared, and whether the goals show that it holds them down.
type limited struct {
	bytes float64
	binds bool
}

// declaredLimit compares what limit the window's goals amount to with the one that was declared: a goal is the lesser of what
// GOGC and what the limit allow, so that the goals of GOGC amount to a lower one. With a limit below the live heap goals are at
// the live heap, and amount to more.
func declaredLimit(points []snapshot, declared Number, runtime string) limited {
	var limits values
	for i := range points {
		if p := &points[len(points)-1-i]; p.goal.Known && p.nonHeap.Known {
			limits.add(limitOf(p.goal.Value, p.nonHeap.Value, p.used, runtime))
		}
	}
	if !declared.Known || declared.Value <= 0 || limits.n < fewestReads {
		return limited{}
	}
	return limited{declared.Value, limits.median().Value >= atLimit*declared.Value}
}

// limitOf inverts memoryLimitHeapGoal of mgcpacer.go: goal = x - headroom with x = limit - nonHeap - max(used-limit, 0), and
// headroom = 3 % of x, at least 1 MiB; before Go 1.21 always 1 MiB.
func limitOf(goal, nonHeap, used float64, runtime string) float64 {
	x := goal + 1<<20
	if !strings.HasPrefix(runtime, "go1.19") && !strings.HasPrefix(runtime, "go1.20") {
		x = max(x, goal/0.97)
	}
	if limit := x + nonHeap; used <= limit {
		return limit
	}
	return (x + nonHeap + used) / 2
}
