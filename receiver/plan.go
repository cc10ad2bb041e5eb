// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

// plan says when each source of one target is due. Only the target's loop touches it, so that two sources of a target are
// never asked at once: a CPU profile shows no other scrape, and no trace runs beside it.
//
//  1. Each source has a phase, hash(target, source) mod interval, so that a fleet is spread over the interval.
//  2. What a visit cost the process is estimated; the median of the last visits stands for the next one.
//  3. Where cost/interval of all sources together crosses the budget, the budget is shared out max-min fair, and the
//     dearer sources' intervals are stretched until they fit, to maxStretched at most.
//  4. A source that the process has not, or that somebody else uses, is asked more and more seldom.
type plan struct {
	sources []*planned // the one that tells whether the target is up first
	budget  float64    // share of one core
}

// planned is one source of a target.
type planned struct {
	configuredSource
	interval time.Duration // chosen
	lasts    time.Duration // what it is asked to gather now; at most what is configured
	due      time.Time
	asked    time.Time       // when it was last
	costs    []time.Duration // of the last visits, at most costsKept
	vain     int             // visits in a row that found the page absent or taken
}

const (
	costsKept    = 5
	maxStretched = time.Hour
	maxVain      = 6
	leastTrace   = 50 * time.Millisecond
)

func newPlan(id string, now time.Time, sources []configuredSource, budget float64) *plan {
	p := &plan{budget: budget}
	for i, s := range sources {
		name := id
		if i > 0 {
			name += "\x00" + string(s.source)
		}
		p.sources = append(p.sources, &planned{configuredSource: s, interval: s.every, lasts: s.lasts, due: now.Add(phase(name, s.every))})
	}
	return p
}

// phase is hash(name) mod interval.
func phase(name string, interval time.Duration) time.Duration {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return time.Duration(hash.Sum64() % uint64(interval))
}

// lead is the source that tells whether the target is up.
func (p *plan) lead() *planned { return p.sources[0] }

// next is the source that is due first.
func (p *plan) next() *planned {
	return slices.MinFunc(p.sources, func(a, b *planned) int { return a.due.Compare(b.due) })
}

// done notes what a visit cost, zero if that is not known, and when the source is due again: on its beat, or at the next
// beat that is still to come.
func (p *plan) done(s *planned, now time.Time, cost time.Duration, vain bool) {
	if cost > 0 {
		s.costs = append(s.costs, cost)
		if len(s.costs) > costsKept {
			s.costs = s.costs[1:]
		}
	}
	if vain {
		s.vain = min(s.vain+1, maxVain)
	} else {
		s.vain = 0
	}
	s.asked = now
	p.balance()
	p.postpone(s, now)
}

// postpone lets the source wait for its next beat.
func (p *plan) postpone(s *planned, now time.Time) {
	s.due = s.due.Add(s.interval)
	if late := now.Sub(s.due); late >= 0 {
		s.due = s.due.Add((late/s.interval + 1) * s.interval)
	}
}

// renew forgets what was learned of a process that is gone.
func (p *plan) renew() {
	for _, s := range p.sources {
		s.vain, s.lasts = 0, s.configuredSource.lasts
	}
}

// shorten halves what the process is asked to gather, down to what a page takes.
func (s *planned) shorten() {
	least := leastTrace
	if s.source == sourceCPUProfile {
		least = time.Second
	}
	s.lasts = max(s.lasts/2, least)
}

// soon makes a source due now, unless that is more than its equal part of the budget allows.
func (p *plan) soon(of source, now time.Time) {
	for _, s := range p.sources {
		rest := time.Duration(float64(s.cost()) / (p.budget / float64(len(p.sources))))
		if s.source == of && now.Before(s.due) && now.Sub(s.asked) >= rest {
			s.due = now
		}
	}
}

// cost is the median of the last visits' costs.
func (s *planned) cost() time.Duration {
	if len(s.costs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.costs))
	return sorted[len(sorted)/2]
}

// wanted is the interval without a budget.
func (s *planned) wanted() time.Duration {
	if s.vain == 0 {
		return s.every
	}
	return max(s.every, min(s.every<<s.vain, maxStretched))
}

// demand is the share of a core that the source takes without a budget.
func (s *planned) demand() float64 { return float64(s.cost()) / float64(s.wanted()) }

// balance chooses the intervals.
func (p *plan) balance() {
	byDemand := slices.SortedFunc(slices.Values(p.sources), func(a, b *planned) int { return cmp.Compare(a.demand(), b.demand()) })
	left := p.budget
	for i, s := range byDemand {
		s.interval = s.wanted()
		fair := left / float64(len(byDemand)-i)
		if demand := s.demand(); demand > fair {
			stretched := time.Duration(float64(s.cost()) / fair)
			s.interval = max(s.interval, min(stretched, maxStretched))
			left -= fair
		} else {
			left -= demand
		}
	}
}

// stretched is how many sources have a longer interval than configured for the budget's sake.
func (p *plan) stretched() (n int) {
	for _, s := range p.sources {
		if s.interval > s.wanted() {
			n++
		}
	}
	return n
}
