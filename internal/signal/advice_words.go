// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"fmt"
	"math"
)

// words are the arithmetic of a plan, a line each, and all of it in one sentence.
func (in *AdviceInput) words(p plan) (steps []string, text string) {
	switch p.reason {
	case tooLittle, objectiveMet:
		return nil, ""
	case lowerLimit:
		step := fmt.Sprintf("GOMEMLIMIT %s is more than %.0f %% of the container's %s, so that the container ends before the limit holds: %.0f %% is %s",
			mib(in.Limit.Value), 100*mostContainerShare, mib(in.ContainerLimit.Value), 100*containerShare, mib(p.limit))
		return []string{step}, step
	}
	say := func(format string, a ...any) { steps = append(steps, fmt.Sprintf(format, a...)) }
	say("GC takes %.1f %% of the CPU at an effective GOGC of %.0f, the objective is %.1f %%", 100*in.Share.Value, in.GOGC.Value, 100*p.objective)
	formula := fmt.Sprintf("%.1f/%.1f", 100*in.Share.Value, 100*p.objective)
	if in.Share.Value > assists {
		formula = fmt.Sprintf("(%.1f/%.1f)/(%.1f/%.1f)", 100*in.Share.Value, 100*(1-in.Share.Value), 100*p.objective, 100*(1-p.objective))
	}
	say("GC CPU is c*A*100/GOGC: GOGC %.0f * %s = %.0f, rounded up to %.0f", in.gogc(), formula, in.gogc()*p.factor, p.gogc)
	if p.reason == notByGOGC {
		say("more than %d is not a matter of GOGC: the heap is small, or its cost is not in marking; allocate less", mostGOGC)
		return steps, steps[0] + "; " + steps[1] + "; " + steps[2]
	}
	say("heap goal = %s live + (%s live + %s stacks) * %.0f/100 = %s", mib(in.Live.Value), mib(in.Live.Value), mib(in.Stack.Value), p.gogc, mib(p.goal))
	say("GOMEMLIMIT for it = %s/%.2f + %s that is not heap, rounded up to %s", mib(p.goal), goalShare, mib(in.NonHeap.Value), mib(p.need))
	say("%s", in.conclusion(&p))
	return steps, fmt.Sprintf("%s; GOGC %.0f * %s = %.0f needs a goal of %s and %s in all; %s",
		steps[0], in.gogc(), formula, p.gogc, mib(p.goal), mib(p.need), steps[len(steps)-1])
}

// conclusion says whether it fits, and what to do.
func (in *AdviceInput) conclusion(p *plan) string {
	room := "no memory limit is known that it must fit"
	switch {
	case in.ContainerLimit.Known:
		room = fmt.Sprintf("%.0f %% of the container's %s are %s", 100*mostContainerShare, mib(in.ContainerLimit.Value), mib(p.room))
	case !math.IsInf(p.room, 1):
		room = fmt.Sprintf("GOMEMLIMIT is %s", mib(p.room))
	}
	switch p.reason {
	case doesNotFit:
		if p.bestGOGC <= 0 {
			return fmt.Sprintf("%s: it does not fit, and what is alive leaves no room for any GOGC; keep less alive or give it more memory", room)
		}
		return fmt.Sprintf("%s: it does not fit; GOGC %.0f would, at %.1f %% of the CPU; allocate less, keep less alive or give it %s",
			room, p.bestGOGC, 100*p.bestShare, mib(p.need/containerShare))
	case raiseLimit:
		return fmt.Sprintf("%s: set GOMEMLIMIT to %s", room, mib(p.limit))
	}
	return fmt.Sprintf("%s: set GOGC to %.0f", room, p.gogc)
}

func mib(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }
