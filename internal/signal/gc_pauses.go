// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// ringPauses is what the ring of MemStats says of the window's pauses: the truth, as the runtime itself measured each one.
type ringPauses struct {
	mean   float64 // seconds a cycle
	cycles float64 // that it is the mean of, 0 if it is not known
	at     uint64
}

const (
	// agreementCycles are needed on both sides: pauses differ by a factor of ten from one cycle to the next.
	agreementCycles = 10
	// Two sources disagree outside of these: rounding, and the few cycles by which their windows differ, stay well inside.
	leastAgreement, mostAgreement = 0.5, 2
)

// add takes the pauses between two snapshots and adds the share of the time that they stopped the world. Pauses that had left
// the ring before they were read are taken to be as long as the others on average.
func (p *ringPauses) add(first, last *snapshot, at uint64, r *Report) {
	if first.pauses == nil || last.pauses == nil || !first.pauseSum.Known || !last.pauseSum.Known {
		return
	}
	n, cycles := pauseCount(first, last), last.cycles-first.cycles
	sum := last.pauseSum.Value - first.pauseSum.Value
	if n <= 0 || cycles <= 0 || sum < 0 {
		return
	}
	*p = ringPauses{sum / n, n, at}
	r.addShare(Signal{Name: STWShare, At: at, Value: p.mean * cycles / pauseSpan(first, last)})
	if n < cycles {
		r.warn(STWShare, lostRecords, at, n, cycles)
	}
}

// pauseSpan in seconds of the cycles that ended between two snapshots: from the end of the one's last cycle to that of the other's.
func pauseSpan(first, last *snapshot) float64 {
	if d := last.lastGC.Value - first.lastGC.Value; first.lastGC.Known && last.lastGC.Known && d > 0 {
		return d
	}
	return last.until - first.until
}

// agree adds how far the mean pause of another source is from that of the ring. Means of a cycle, since the windows of two
// sources never begin and end with the same cycle.
func (p *ringPauses) agree(source Source, stopped, cycles float64, at uint64, set Settings, r *Report) {
	if p.cycles == 0 || p.mean <= 0 || cycles <= 0 || stopped < 0 || !fresh(p.at, at, set) {
		return
	}
	ratio := stopped / cycles / p.mean
	r.add(Signal{Name: PauseAgreement, Source: source, At: at, Value: ratio})
	switch had := min(cycles, p.cycles); {
	case had < agreementCycles:
		r.warn(PauseAgreement, fewSamples, at, had, agreementCycles)
	case ratio < leastAgreement || ratio > mostAgreement:
		r.warn(PauseAgreement, disagree, at, 0, 0)
	}
}
