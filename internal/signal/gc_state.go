// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"fmt"
	"math"
)

// States of the collector. Cycles per second alone are never pressure: measured, 60-70 of a tiny heap cost 1.4-6 % of the
// CPU, 0.5 of a heap full of pointers 10-33 %, 130-160 near a memory limit 11-20 %, and a limit below the live heap 88 %.
const (
	gcIdle        = "idle"         // no cycles but those that the runtime starts every two minutes
	gcCalm        = "calm"         // some cycles, little CPU
	gcStorm       = "storm"        // many cycles, little CPU: a small heap that is replaced fast
	gcHeavy       = "heavy"        // much CPU, and no memory limit is the cause
	gcLimitOK     = "limit_ok"     // a memory limit holds the goal down, and it costs little CPU
	gcLimitThrash = "limit_thrash" // a memory limit holds the goal down, and it costs much CPU
	gcDeathSpiral = "death_spiral" // the goal is below the live heap: cycles back to back, and little else is done
)

var gcStates = [...]string{gcIdle, gcCalm, gcStorm, gcHeavy, gcLimitOK, gcLimitThrash, gcDeathSpiral}

const (
	// idleRate in cycles per second: one in 120 s is the runtime's own, one in 100 s leaves room for where the window begins.
	idleRate = 0.01
	// stormRate in cycles per second lies between the 0.5 of a heavy heap and the 60 of a storm; servers have one in some seconds.
	stormRate = 10
	// heavyShare of the available CPU: the middle of what heavy heaps were measured at begins here, storms end below.
	heavyShare = 0.10
	// lowGOGC in percent: below it, goals at the live heap are those of a limit. Whoever allocates half a heap while it is marked
	// has them too, or doubles a map, but at the GOGC that he set; near a limit under load, 0 to 12 % were measured.
	lowGOGC = 25
	// boundCycles is the share of cycles with the goal at the live heap from which on a limit binds, if GOGC is that low.
	boundCycles = 0.05
	// boundReads is the same of reads of MemStats, which may fall into marking or before the sweep.
	boundReads = 0.3
	// spiralReads, spiralCycles and spiralShare: goals are at the live heap, and the collector takes most of what its limiter
	// allows, half of the CPU. Every read then finds the heap above its goal; of cycles, each that frees something has a goal above.
	spiralReads  = 0.9
	spiralCycles = 0.5
	spiralShare  = 0.40
	// backToBack is the share of the time spent marking from which cycles follow each other without a pause. Then a quarter of the
	// processors mark all the time, and where others are idle, the share of the CPU is not much above that.
	backToBack      = 0.5
	backToBackShare = 0.20
	// leaveAt is the part of a threshold below which a state is left.
	leaveAt = 0.8
	// confirmations in a row make another state the state.
	confirmations = 2
)

// gcView is what the states are told apart by.
type gcView struct {
	known   bool
	at      uint64
	rate    float64 // cycles per second
	window  float64 // seconds, 0 if no cycle ended in it
	cycles  float64 // number of the last one
	share   Number  // of the CPU
	source  Source  // of the share
	reads   Number  // share of the reads of MemStats with the heap at its goal
	goals   Number  // share of gctrace's cycles with the goal at the live heap
	marking Number  // share of the time
	limit   Number  // inferred, bytes
	limited limited // declared
	gogc    effective
}

// view is not known while neither half tells how many cycles there are, and for observations of which nothing follows.
func (s *gcState) view(o *Observation, t *Target, set Settings) (v gcView) {
	switch {
	case o.Heap != nil && t.heap.accepted:
		v.at = o.Heap.At
		first, last := t.heap.window(v.at, set)
		switch newest := t.heap.snapshots.last(); {
		case first != nil:
			v.window, v.cycles = last.until-first.until, last.cycles
			v.rate, v.known = (last.cycles-first.cycles)/v.window, true
		case newest != nil && o.Heap.Cycles.Value == newest.cycles && seconds(v.at)-newest.at > longestPast(set):
			v.known = true
		}
		v.reads, v.limit, v.limited = t.heap.now.pressure, s.limit, s.limited
	case o.Trace != nil && t.trace.accepted && !fresh(t.heap.at, o.Trace.At, set):
		v.at = o.Trace.At
		if first, last := t.trace.window(v.at, set); first != nil {
			v.window, v.cycles = last.elapsed-first.elapsed, last.cycles
			v.rate, v.known = (last.cycles-first.cycles)/v.window, true
		}
	}
	if v.known {
		s.lookAround(&v, t, set)
	}
	return v
}

// longestPast in seconds the last cycle may lie: one window, and the window may be shorter than a cycle of a large heap takes.
func longestPast(set Settings) float64 { return math.Max(set.Window.Seconds(), 1/idleRate) }

// lookAround takes the CPU share of the best source, and what only gctrace says. MemStats have the runtime's own account, which
// was right to 0.2 points in every run; gctrace takes all processors for stopped while they are still being stopped (mgc.go), which
// on a busy machine was up to 4 points too much.
func (s *gcState) lookAround(v *gcView, t *Target, set Settings) {
	trace := fresh(t.trace.at, v.at, set)
	switch {
	case t.heap.now.share.Known && fresh(t.heap.at, v.at, set):
		v.share, v.source = t.heap.now.share, MemStats
	case trace && t.trace.now.share.Known:
		v.share, v.source = t.trace.now.share, Gctrace
	case s.profiled.share.Known && fresh(s.profiled.at, v.at, set):
		v.share, v.source = s.profiled.share, CPUSamples
	}
	v.gogc = s.gogc
	if !trace {
		return
	}
	v.goals = t.trace.now.pressure
	if !v.gogc.Known {
		v.gogc = s.tracedGOGC
	}
	if first, last := t.trace.window(v.at, set); first != nil && first.byClock && last.byClock {
		v.marking = Of((last.marking - first.marking) / (last.elapsed - first.elapsed))
	}
}

// bound tells that a memory limit holds the goal down. slack is 1, or less to stay in a state.
func (v *gcView) bound(slack float64) bool {
	return v.limit.Known || v.limited.binds || v.gogc.low(slack) && (reaches(v.reads, slack*boundReads) || reaches(v.goals, slack*boundCycles))
}

func reaches(n Number, v float64) bool { return n.Known && n.Value >= v }

// pressed tells that goals are at the live heap, by MemStats where they say it.
func (v *gcView) pressed(slack float64) bool {
	if v.reads.Known {
		return v.reads.Value >= slack*spiralReads
	}
	return reaches(v.goals, slack*spiralCycles)
}

// spiral tells that nearly all that the process may do is collect.
func (v *gcView) spiral(slack float64) bool {
	if !v.gogc.low(slack) || !v.pressed(slack) {
		return false
	}
	return v.share.Value >= slack*spiralShare || v.marking.Known && v.marking.Value >= slack*backToBack && v.share.Value >= slack*backToBackShare
}

// judge tells the state and why, "" without a CPU share: what costs much and what little cannot be told apart. Thresholds of
// the state before are a little lower.
func (v *gcView) judge(before string) (state, reason string) {
	slack := func(states ...string) float64 {
		for _, s := range states {
			if s == before {
				return leaveAt
			}
		}
		return 1
	}
	bound := v.bound(slack(gcLimitOK, gcLimitThrash, gcDeathSpiral))
	heavy := v.share.Value >= heavyShare*slack(gcHeavy, gcLimitThrash, gcDeathSpiral)
	switch {
	case !v.share.Known && v.rate <= idleRate && !bound:
		return gcIdle, "cycle_rate"
	case !v.share.Known:
		return "", ""
	case v.spiral(slack(gcDeathSpiral)):
		return gcDeathSpiral, "goal_at_live"
	case bound && heavy:
		return gcLimitThrash, "limit"
	case heavy:
		return gcHeavy, "cpu_share"
	case bound:
		return gcLimitOK, "limit"
	case v.rate >= stormRate*slack(gcStorm):
		return gcStorm, "cycle_rate"
	case v.rate <= idleRate:
		return gcIdle, "cycle_rate"
	}
	return gcCalm, "cpu_share"
}

// text is one sentence on why the state is what it is.
func (v *gcView) text(state string) string {
	text := fmt.Sprintf("GC is %s: %.3g cycles/s", state, v.rate)
	if v.window > 0 {
		text += fmt.Sprintf(" over %.0f s", v.window)
	}
	if v.share.Known {
		text += fmt.Sprintf(", %.1f %% of the CPU (%s)", 100*v.share.Value, v.source)
	}
	if v.marking.Known {
		text += fmt.Sprintf(", marking %.0f %% of the time", 100*v.marking.Value)
	}
	switch {
	case reaches(v.goals, 0.005):
		text += fmt.Sprintf(", goal not above the live heap in %.0f %% of the cycles", 100*v.goals.Value)
	case reaches(v.reads, 0.005):
		text += fmt.Sprintf(", heap at its goal in %.0f %% of the reads", 100*v.reads.Value)
	}
	if v.gogc.low(leaveAt) {
		text += fmt.Sprintf(", effective GOGC %.0f %%", v.gogc.Value)
	}
	switch {
	case v.limited.binds:
		text += fmt.Sprintf(", GOMEMLIMIT of %.0f MiB holds the goal down", v.limited.bytes/(1<<20))
	case v.limit.Known:
		text += fmt.Sprintf(", GOMEMLIMIT of about %.0f MiB holds the goal down", v.limit.Value/(1<<20))
	}
	return text
}

// stateMachine keeps the state from flapping.
type stateMachine struct {
	state  string
	judged uint64 // unix nanoseconds: when something was last known
	next   candidate
}

// candidate is what was found last, and how often in a row something new said so.
type candidate struct {
	what   string
	seen   int
	cycles float64
}

// confirmed tells whether what was found is sure enough. The same cycles read again are nothing new; that there are none is.
func (c *candidate) confirmed(what string, v *gcView) bool {
	if what != c.what {
		*c = candidate{what: what}
	}
	if c.seen == 0 || v.cycles != c.cycles || v.window == 0 {
		c.seen++
		c.cycles = v.cycles
	}
	return c.seen >= confirmations
}

func (m *stateMachine) observe(v *gcView, r *Report) {
	state, reason := v.judge(m.state)
	if state == "" {
		r.warn(GCState, "no_cpu_share", v.at, 0, 0)
		return
	}
	if sure := m.next.confirmed(state, v); state != m.state && (m.state == "" || sure) {
		r.Changes = append(r.Changes, Change{Name: GCState, From: m.state, To: state, Reason: reason, Text: v.text(state), At: v.at})
		m.state = state
	}
	m.judged = v.at
	m.say(v.at, r)
}

// hold says the state again while no other is known: in the middle of a cycle that is longer than the window nothing ends.
func (m *stateMachine) hold(at uint64, set Settings, r *Report) {
	if m.state != "" && at >= m.judged && float64(at-m.judged)/1e9 <= longestPast(set) {
		m.say(at, r)
	}
}

func (m *stateMachine) say(at uint64, r *Report) {
	for _, label := range gcStates {
		value := 0.0
		if label == m.state {
			value = 1
		}
		r.add(Signal{Name: GCState, Label: label, At: at, Value: value})
	}
}
