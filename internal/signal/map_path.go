// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "math"

// level is when a site first had so many bytes in use.
type level struct{ until, inuse float64 }

// path is how the bytes in use of a site rose since it was first judged, on the time base of heapgate.observed_until. The
// memory of one map is a staircase: a step at each doubling of its entries, then nothing for as long as it took to get there. So
// time is measured in steps, not in windows.
type path struct {
	start, until float64 // of the first and the last snapshot learned
	inuse        float64 // in the last snapshot
	samples      float64
	rises        int     // snapshots in which it had allocated and its bytes in use had risen
	risen        float64 // when that last was
	gap          float64 // longest time between two rises, as a share of the path then
	levels       [6]level
	known        int // how many levels there are; the first is the base
}

const (
	step = math.Sqrt2 // between two levels: half a doubling
	// enoughRises to tell from the gaps between them when the next is overdue.
	enoughRises = 6
	leastGap    = 0.25
)

// learn takes the estimate of a new snapshot. base is what doublings count from.
func (p *path) learn(until float64, now sitePoint, base float64) {
	if p.known == 0 || p.base() == 0 || until <= p.until { // nothing was allocated yet, or the clock of the host was set back
		*p = path{start: until, until: until, inuse: now.inuse, samples: now.samples, risen: until, known: 1}
		p.levels[0] = level{until, base}
		return
	}
	if now.samples > p.samples && now.inuse > p.inuse {
		if p.rises++; p.rises >= enoughRises {
			p.gap = max(p.gap, (until-p.risen)/(until-p.start))
		}
		p.risen = until
	}
	if now.inuse >= step*p.top().inuse {
		if p.known == len(p.levels) { // the base stays
			copy(p.levels[1:], p.levels[2:])
			p.known--
		}
		p.levels[p.known] = level{until, now.inuse}
		p.known++
	}
	p.until, p.inuse, p.samples = until, now.inuse, now.samples
}

func (p *path) base() float64 { return p.levels[0].inuse }

// top is the highest level so far.
func (p *path) top() *level { return &p.levels[p.known-1] }

// span is how long it took to get there, seconds.
func (p *path) span() float64 { return p.top().until - p.start }

const slack = 1.5 // times the time in which the next step was to come

// over tells that the site does not grow any more: it never did by half a doubling, or a map that got its entries at a steady rate
// would have doubled since, or it was longer without a rise than twice the longest time before.
func (p *path) over() bool {
	if p.known == 1 {
		return true
	}
	top := p.top()
	if factor := top.inuse / p.base(); p.until-top.until > slack*p.span()*factor/(factor-1) {
		return true
	}
	return p.rises >= enoughRises && (p.until-p.risen)/(p.until-p.start) > max(leastGap, 2*p.gap)
}

// slows tells that the last doubling came at less than half the rate of the one before, whatever the sampling error; noise is the
// standard error of so many bytes in use.
func (p *path) slows(noise func(inuse float64) float64) bool {
	const doubling = 1.9 // levels are taken at snapshots, a bit late
	last := p.top()
	before := p.below(last.inuse / doubling)
	if before == nil {
		return false
	}
	first := p.below(before.inuse / doubling)
	if first == nil {
		first = &p.levels[0]
	}
	if before.until <= first.until || before.inuse <= first.inuse {
		return false
	}
	rise := last.inuse - before.inuse + z95*noise(last.inuse+before.inuse)
	return rise/(last.until-before.until) < 0.5*(before.inuse-first.inuse)/(before.until-first.until)
}

// below is the last level that is not above this, nil if there is none.
func (p *path) below(inuse float64) *level {
	for i := p.known - 1; i >= 0; i-- {
		if p.levels[i].inuse <= inuse {
			return &p.levels[i]
		}
	}
	return nil
}
