// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "math"

// cpuShare is what the last CPU profile said.
type cpuShare struct {
	at    uint64
	share Number // of the available CPU, else of the used
}

const (
	// samplesForShare bring a share of 10 % to within 3 points: 1.96 * sqrt(0.1*0.9/400) = 0.029.
	samplesForShare = 400
	// samplesForSweep of GC work bring a share of half of it to within 10 points.
	samplesForSweep = 100
)

// ofCPU adds what the last CPU profile says of the collector. Of the work that gctrace and MemStats count, assists and
// background marking, it gives the same share: a check that holds under throttling too, where they count time on a
// processor that the process did not have.
func (s *gcState) ofCPU(c *CPUProfile, t *Target, set Settings, r *Report) {
	if why := c.refusal(); why != "" {
		r.note(Refused, OfCPU, why, 1)
		return
	}
	if refuse, _ := late(c.At, s.profiled.at, set.Window); refuse {
		r.note(Refused, OfCPU, OutOfOrder, 1)
		return
	}
	s.profiled = cpuShare{c.At, c.MarkShare}
	if c.MarkShare.Known && c.Samples.Value < samplesForShare {
		r.warn(GCCPUShare, fewSamples, c.At, c.Samples.Value, samplesForShare)
	}
	if procs := t.procs(c.At, set); procs.Known && procs.Value > 0 && c.Usage.Known && c.MarkShare.Known {
		s.profiled.share = r.addShare(Signal{Name: GCCPUShare, Source: CPUSamples, At: c.At, Value: c.MarkShare.Value * c.Usage.Value / procs.Value})
	}
	if c.SweepShare.Known && c.TotalShare.Known && c.TotalShare.Value > 0 {
		r.addShare(Signal{Name: SweepShare, At: c.At, Value: c.SweepShare.Value / c.TotalShare.Value})
		if had := c.Samples.Value * c.TotalShare.Value; had < samplesForSweep {
			r.warn(SweepShare, fewSamples, c.At, had, samplesForSweep)
		}
	}
}

func (c *CPUProfile) refusal() Reason {
	if c.At == 0 || !c.Samples.Known {
		return Incomplete
	}
	if why := refusal(c.Samples, c.Usage, c.MarkShare, c.TotalShare, c.SweepShare); why != "" {
		return why
	}
	if max(c.MarkShare.Value, c.TotalShare.Value, c.SweepShare.Value) > 1 {
		return OutOfRange
	}
	return ""
}

// ofExec adds what an execution trace of a few seconds says: its stops of the world as a check of the ring, and how much of
// the time it saw marking where no gctrace tells.
func (s *gcState) ofExec(e *Exec, t *Target, set Settings, r *Report) {
	if why := e.refusal(); why != "" {
		r.note(Refused, OfExec, why, 1)
		return
	}
	if refuse, _ := late(e.At, s.execAt, set.Window); refuse {
		r.note(Refused, OfExec, OutOfOrder, 1)
		return
	}
	s.execAt = e.At
	if e.STW.Known && e.Cycles.Known {
		s.ring.agree(ExecTrace, e.STW.Value, e.Cycles.Value, e.At, set, r)
	}
	if e.GCTime.Known && !fresh(t.trace.at, e.At, set) {
		r.addShare(Signal{Name: MarkShare, At: e.At, Value: e.GCTime.Value / e.Window.Value})
	}
}

func (e *Exec) refusal() Reason {
	if e.At == 0 || !e.Window.Known {
		return Incomplete
	}
	if why := refusal(e.Window, e.Cycles, e.STW, e.STWMax, e.GCTime, e.Goal, e.Blocked); why != "" {
		return why
	}
	if e.Window.Value == 0 {
		return OutOfRange
	}
	return ""
}

// Shares of the CPU disagree when they are both some points and a quarter of the larger apart.
const (
	sharesApart = 0.03
	sharesPart  = 0.25
	// sameCycles is by which part of the window's cycles the two windows may differ: one dear cycle more makes another share.
	sameCycles = 0.1
)

// compareShares holds the shares of MemStats and of gctrace of the same cycles to each other, when the latter was heard: it comes
// with the former or behind it.
func compareShares(t *Target, at uint64, set Settings, r *Report) {
	a, b := t.heap.now.share, t.trace.now.share
	first, last := t.heap.window(at, set)
	from, to := t.trace.window(at, set)
	if !a.Known || !b.Known || first == nil || from == nil {
		return
	}
	if most := sameCycles * (last.cycles - first.cycles); math.Abs(last.cycles-to.cycles) > most || math.Abs(first.cycles-from.cycles) > most {
		return
	}
	if d := math.Abs(a.Value - b.Value); d > sharesApart && d > sharesPart*max(a.Value, b.Value) {
		r.warn(GCCPUShare, disagree, at, 0, 0)
	}
}
