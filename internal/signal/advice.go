// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "math"

// AdviceInput is what the advice on GOGC and GOMEMLIMIT stands on. Sizes are bytes.
type AdviceInput struct {
	Objective      Number // GC CPU share to stay at or below, 0..1; DefaultObjective if absent
	Share          Number // GC CPU share of the available CPU, 0..1, required
	GOGC           Number // effective GOGC in percent: what the goals amount to, required
	Live           Number // live heap, required
	Stack          Number // stacks in use; 0 if absent
	NonHeap        Number // what counts against a memory limit and is not in heap objects or free spans; 0 if absent
	Limit          Number // GOMEMLIMIT, configured or inferred; absent if there is none known
	ContainerLimit Number
	Bound          bool // a memory limit holds the heap goal down
}

// Advice is what would bring the collector to its objective.
type Advice struct {
	GOGC        Number   // percent
	MemoryLimit Number   // GOMEMLIMIT in bytes
	Reason      string   // met, gogc, raise_limit, lower_limit, does_not_fit, not_by_gogc or incomplete
	Text        string   // one sentence with the arithmetic; "" for met and incomplete
	Steps       []string // the arithmetic, a line each
}

const (
	// DefaultObjective is the GC CPU share above which a heap is called heavy.
	DefaultObjective = heavyShare
	// containerShare of a container's limit is what GOMEMLIMIT should leave of it: Go's guide says 5-10 % below, for what the
	// runtime does not count.
	containerShare = 0.90
	// mostContainerShare of a container's limit is what GOMEMLIMIT may be at most.
	mostContainerShare = 0.95
	// goalShare is what the pacer makes a goal of what a memory limit leaves: it keeps 3 % (mgcpacer.go).
	goalShare = 0.97
	// mostGOGC is the most that is advised. A heap that needs more is so small that the number of cycles is not its problem, or
	// its share is not of marking.
	mostGOGC = 1000
	// wholeGOGC and wholeLimit are the steps that advice is rounded up to.
	wholeGOGC  = 10
	wholeLimit = 16 << 20
)

// plan is advice before it is put into words.
type plan struct {
	reason    string
	objective float64
	factor    float64 // by which GOGC must rise
	gogc      float64 // that meets the objective
	goal      float64 // the heap goal at that
	need      float64 // GOMEMLIMIT that leaves that goal
	room      float64 // what the process may use, +Inf if no limit is known
	bestGOGC  float64 // that fits, where gogc does not
	bestShare float64 // GC CPU share at that
	limit     float64 // GOMEMLIMIT to set
}

// Advise says which GOGC or GOMEMLIMIT would meet the objective, and nothing where it is met, cannot be met or is not known.
//
// The model: a cycle costs c*L of CPU and comes after the process allocated L*GOGC/100 bytes, so that at a rate of A bytes
// per second GC CPU = c*A*100/GOGC; load, code and live heap being equal, share * GOGC stays the same. Above 25 % goroutines
// assist and cannot allocate at the rate they would: A is what the collector leaves, and share/(1-share) * GOGC stays the same.
func Advise(in AdviceInput) Advice {
	p := in.plan()
	a := Advice{Reason: p.reason}
	switch p.reason {
	case adviseGOGC:
		a.GOGC = Of(p.gogc)
	case raiseLimit, lowerLimit:
		a.MemoryLimit = Of(p.limit)
	}
	a.Steps, a.Text = in.words(p)
	return a
}

// Reasons of an Advice.
const (
	objectiveMet = "met"
	adviseGOGC   = "gogc"
	raiseLimit   = "raise_limit"
	lowerLimit   = "lower_limit"
	doesNotFit   = "does_not_fit"
	notByGOGC    = "not_by_gogc"
	tooLittle    = "incomplete"
)

func (in *AdviceInput) plan() (p plan) {
	p.objective = DefaultObjective
	if in.Objective.Known {
		p.objective = in.Objective.Value
	}
	if why := refusal(in.Objective, in.Share, in.GOGC, in.Live, in.Stack, in.NonHeap, in.Limit, in.ContainerLimit); why != "" ||
		!in.Share.Known || !in.GOGC.Known || !in.Live.Known || in.Live.Value <= 0 || in.Share.Value > 1 || p.objective <= 0 || p.objective >= 1 {
		p.reason = tooLittle
		return p
	}
	p.room = in.room()
	if in.Share.Value <= p.objective {
		in.planSpared(&p)
		return p
	}
	p.factor = in.factor(p.objective)
	p.gogc = roundUp(in.gogc()*p.factor, wholeGOGC)
	p.goal = in.goalAt(p.gogc)
	p.need = roundUp(p.goal/goalShare+in.NonHeap.Value, wholeLimit)
	switch {
	case p.gogc > mostGOGC:
		p.reason = notByGOGC
	case p.need > p.room:
		p.reason = doesNotFit
		p.bestGOGC = math.Floor(max(0, 100*((p.room-in.NonHeap.Value)*goalShare-in.Live.Value)/(in.Live.Value+in.Stack.Value)))
		if p.bestGOGC > 0 {
			p.bestShare = in.shareAt(p.bestGOGC)
		}
	case in.Bound || in.Limit.Known && p.need > in.Limit.Value:
		p.reason, p.limit = raiseLimit, in.limitFor(p.need)
	default:
		p.reason = adviseGOGC
	}
	return p
}

// planSpared is for a process that meets its objective: a limit may still be too near to the container's.
func (in *AdviceInput) planSpared(p *plan) {
	p.reason = objectiveMet
	c := in.ContainerLimit
	if !in.Limit.Known || !c.Known || in.Limit.Value <= mostContainerShare*c.Value {
		return
	}
	limit := math.Floor(containerShare * c.Value)
	if in.goalAt(0)/goalShare+in.NonHeap.Value > limit {
		return // what is alive would not fit below: a lower limit would only thrash
	}
	p.reason, p.limit = lowerLimit, limit
}

// assists begin where background marking ends, which may take 25 % of the CPU (gcBackgroundUtilization in mgcpacer.go).
const assists = 0.25

// factor by which GOGC must rise to bring the share down to the objective.
func (in *AdviceInput) factor(objective float64) float64 {
	if share := in.Share.Value; share > assists {
		return share / max(1-share, 0.01) * (1 - objective) / objective
	}
	return in.Share.Value / objective
}

// shareAt another GOGC, the other way round.
func (in *AdviceInput) shareAt(gogc float64) float64 {
	if share := in.Share.Value; share > assists {
		ratio := share / max(1-share, 0.01) * in.gogc() / gogc
		return ratio / (1 + ratio)
	}
	return min(1, in.Share.Value*in.gogc()/gogc)
}

// gogc is at least 1: where the goal is at the live heap the model says nothing, but any room is more than none.
func (in *AdviceInput) gogc() float64 { return max(1, in.GOGC.Value) }

// room is how much the process may use: what should be left of the container is not its.
func (in *AdviceInput) room() float64 {
	switch {
	case in.ContainerLimit.Known:
		return mostContainerShare * in.ContainerLimit.Value
	case in.Limit.Known && !in.Bound:
		return in.Limit.Value // whoever set it knows why
	}
	return math.Inf(1)
}

// limitFor what is needed is what should be left of the container, if that is enough.
func (in *AdviceInput) limitFor(need float64) float64 {
	if in.ContainerLimit.Known {
		return max(need, math.Floor(containerShare*in.ContainerLimit.Value))
	}
	return need
}

func (in *AdviceInput) goalAt(gogc float64) float64 {
	return in.Live.Value + (in.Live.Value+in.Stack.Value)*gogc/100
}

func roundUp(v, step float64) float64 { return math.Ceil(v/step) * step }
