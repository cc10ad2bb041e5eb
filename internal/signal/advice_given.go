// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "strconv"

const (
	// cyclesToAdvise must be in the window.
	cyclesToAdvise = 10
	// sameAdvice is how far a new number may be from the one given before, that this stands.
	sameAdvice = 0.2
)

// advised is the advice that was given.
type advised struct {
	reason string
	value  float64 // GOGC or bytes
	next   candidate
}

// observe gives advice once it was found twice in a row, and repeats it while it stands.
func (a *advised) observe(o *Observation, t *Target, s *gcState, v *gcView, r *Report) {
	if o.Heap == nil || v.rate*v.window < cyclesToAdvise || v.source == CPUSamples {
		return
	}
	in := adviceInput(o.Heap, t, s, v)
	p := in.plan()
	if p.reason == tooLittle {
		return
	}
	if a.next.confirmed(p.reason, v) {
		a.give(&in, p, v.at, r)
	}
	switch a.reason {
	case adviseGOGC:
		r.add(Signal{Name: AdviceGOGC, At: v.at, Value: a.value})
	case raiseLimit, lowerLimit:
		r.add(Signal{Name: AdviceMemoryLimit, At: v.at, Value: a.value})
	default:
		return
	}
	if !in.ContainerLimit.Known && !in.Limit.Known {
		r.warn(a.name(), "no_limit", v.at, 0, 0)
	}
}

func (a *advised) name() Name {
	if a.reason == raiseLimit || a.reason == lowerLimit {
		return AdviceMemoryLimit
	}
	return AdviceGOGC
}

// give replaces the advice where the new one is another, and says so.
func (a *advised) give(in *AdviceInput, p plan, at uint64, r *Report) {
	value := p.gogc
	if p.reason == raiseLimit || p.reason == lowerLimit {
		value = p.limit
	}
	near := value >= a.value*(1-sameAdvice) && value <= a.value*(1+sameAdvice)
	if p.reason == a.reason && (near || p.reason == doesNotFit || p.reason == notByGOGC || p.reason == objectiveMet) {
		return
	}
	before := *a
	a.reason, a.value = p.reason, value
	if before.reason == "" && p.reason == objectiveMet {
		return // nothing was said, and nothing is to be
	}
	name := a.name()
	if p.reason == objectiveMet {
		name = before.name()
	}
	_, text := in.words(p)
	if text == "" {
		text = "GC takes " + strconv.FormatFloat(100*in.Share.Value, 'f', 1, 64) + " % of the CPU: the objective is met"
	}
	r.Changes = append(r.Changes, Change{Name: name, From: before.label(), To: a.label(), Reason: p.reason, Text: text, At: at})
}

// label is what is advised, "" if nothing is.
func (a *advised) label() string {
	switch a.reason {
	case adviseGOGC, raiseLimit, lowerLimit:
		return strconv.FormatFloat(a.value, 'f', 0, 64)
	}
	return ""
}

func adviceInput(h *Heap, t *Target, s *gcState, v *gcView) AdviceInput {
	in := AdviceInput{
		Share: v.share, GOGC: v.gogc.Number, Live: h.Inuse, Stack: h.Stack, NonHeap: h.nonHeap(),
		Limit: h.Limit, ContainerLimit: h.ContainerLimit, Bound: v.bound(1),
	}
	if !in.Live.Known && s.tracedGOGC.Known {
		in.Live = t.trace.last.live
	}
	if !in.Limit.Known {
		in.Limit = s.limit
	}
	return in
}
