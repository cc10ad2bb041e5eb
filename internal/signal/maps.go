// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"cmp"
	"math"
	"slices"
)

const (
	// z95 is the two-sided 95 % point of the normal distribution.
	z95 = 1.959964
	// noneSeen is -ln(0.025): the upper end of the two-sided 95 % interval of a Poisson mean when nothing was seen. A standard
	// error of 0 would claim that a site without a sample in the window did not grow at all.
	noneSeen = 3.688879
	// rounding in bytes between two estimates of the same samples, which are whole numbers.
	rounding = 2
)

// sitePoint is the estimate of a site in one snapshot; absent if the site was not in it.
type sitePoint struct {
	allocated, inuse, samples, stdErr float64
	known                             bool
}

func pointOf(s *Site) sitePoint {
	return sitePoint{s.Allocated.Value, s.Inuse.Value, s.Samples.Value, s.StdErr.Value, true}
}

// siteTable gives each watched site of a process a slot. A slot is an index into the sites of every snapshot.
type siteTable struct {
	slots      []slot
	index      map[SiteKey]int
	generation int     // of the profile recorded last
	lines      int     // how many were numbered
	rate       Number  // MemProfileRate, the last that was heard: not each observation says it
	shares     []share // empty between two observations
}

type slot struct {
	key     *SiteKey // never changes: signals point to it
	growing bool     // its class is one of a growing map
	line    int      // equal for the sites of one line
	seen    int      // generation
	last    sitePoint
	first   sitePoint // first judged estimate of this process
	made    made
	path    path
	judged  judgement
}

func (t *siteTable) sampled(rate Number) {
	if rate.Known && refusal(rate) == "" {
		t.rate = rate
	}
}

// record takes the sites of a profile and returns them by slot. Sites that are in no snapshot any more give their slot to
// new ones; of more than `most` sites the largest of growing maps are taken, as their estimates are the surest, then the largest others.
func (t *siteTable) record(sites []Site, settled bool, most int, held []snapshot, r *Report) []sitePoint {
	sites = usable(sites, most, r)
	t.generation++
	for i := range sites {
		if slot, ok := t.index[sites[i].SiteKey]; ok {
			t.slots[slot].seen = t.generation
		}
	}
	for i := range sites {
		t.place(&sites[i].SiteKey, most, held)
	}
	points := make([]sitePoint, len(t.slots))
	for i := range sites {
		s := &sites[i]
		p := pointOf(s)
		at := t.index[s.SiteKey]
		slot := &t.slots[at]
		if slot.last.known && (p.allocated < slot.last.allocated-rounding || p.samples < slot.last.samples) {
			r.note(Refused, OfSite, WentBack, 1)
			forget(held, at)
			slot.first, slot.path = sitePoint{}, path{}
		}
		slot.last, slot.made = p, made{s.Objects, s.Largest}
		if settled && !slot.first.known {
			slot.first = p
		}
		points[at] = p
	}
	return points
}

// usable leaves out what cannot be used and what is too much; sites itself stays as it is.
func usable(sites []Site, most int, r *Report) []Site {
	if len(sites) <= most && !slices.ContainsFunc(sites, func(s Site) bool { return s.refusal() != "" }) {
		return sites
	}
	kept := make([]Site, 0, len(sites))
	for i := range sites {
		if why := sites[i].refusal(); why != "" {
			r.note(Refused, OfSite, why, 1)
			continue
		}
		kept = append(kept, sites[i])
	}
	if over := len(kept) - most; over > 0 {
		r.note(Refused, OfSite, TooMany, over)
		slices.SortStableFunc(kept, func(a, b Site) int {
			return cmp.Or(-order(Growing(&a.SiteKey), Growing(&b.SiteKey)), cmp.Compare(b.Allocated.Value, a.Allocated.Value))
		})
		kept = kept[:most]
	}
	return kept
}

// order of two truths: 1 if only the first is true, -1 if only the second.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// growing counts the sites of growing maps.
func growing(sites []Site) (n int) {
	for i := range sites {
		if Growing(&sites[i].SiteKey) {
			n++
		}
	}
	return n
}

// place gives the site a slot: its own, a new one, or that of the site which was not seen for longest. There is one, as
// no more than `most` sites are placed.
func (t *siteTable) place(key *SiteKey, most int, held []snapshot) {
	if _, ok := t.index[*key]; ok {
		return
	}
	at := len(t.slots)
	if at < most {
		t.slots = append(t.slots, slot{})
	} else {
		at = 0
		for i := range t.slots {
			if t.slots[i].seen < t.slots[at].seen {
				at = i
			}
		}
		delete(t.index, *t.slots[at].key)
		forget(held, at)
	}
	if t.index == nil {
		t.index = map[SiteKey]int{}
	}
	owned := *key
	t.slots[at] = slot{}
	t.slots[at] = slot{key: &owned, growing: Growing(&owned), line: t.lineOf(&owned), seen: t.generation}
	t.index[owned] = at
}

// forget empties a slot in all snapshots.
func forget(held []snapshot, at int) {
	for i := range held {
		if at < len(held[i].sites) {
			held[i].sites[at] = sitePoint{}
		}
	}
}

// addGrowth adds the signals of each site that is in the last snapshot and in one before.
func (t *siteTable) addGrowth(judged []snapshot, at uint64, r *Report) {
	if len(judged) < 2 {
		return
	}
	for i, p := range judged[len(judged)-1].sites {
		if p.known && t.slots[i].growing {
			t.slots[i].addGrowth(growthOf(judged, i, t.rate), at, r)
		}
	}
}

// growth of one site between the first and the last snapshot it is in.
type growth struct {
	from, to sitePoint
	seconds  float64
	windows  int     // between two snapshots, in which it allocated and its bytes in use rose
	points   int     // snapshots it is in
	low      float64 // least bytes in use of them
	rate     Number  // MemProfileRate
}

// allocated in the window, bytes.
func (g *growth) allocated() float64 { return max(0, g.to.allocated-g.from.allocated) }

// interval of the bytes allocated in the window, 95 %. The objects sampled before the window are the same at both ends, so that
// the increments are independent and the variance of the difference is the difference of the variances.
func (g *growth) interval() (lower, upper float64) {
	allocated, deviation := g.allocated(), g.deviation()
	upper = allocated + deviation
	if g.to.samples == g.from.samples {
		upper = max(upper, allocated+noneSeen*g.unseen())
	}
	return max(0, allocated-deviation), upper
}

func (g *growth) deviation() float64 {
	return z95 * math.Sqrt(max(0, g.to.stdErr*g.to.stdErr-g.from.stdErr*g.from.stdErr))
}

// atMost is what the window allocated, bytes, for claims that stand on one end alone: of a few samples the upper end of the interval,
// that of a normal distribution, is below the Poisson's, which this is not (1 sample: 6.6 for 5.6; 10: 19.9 for 18.4).
func (g *growth) atMost() float64 { return g.allocated() + g.deviation() + noneSeen*g.unseen() }

// unseen is how many bytes are allocated for each sample: MemProfileRate, whatever the sizes of the blocks, since a block of s bytes
// is missed with probability exp(-s/rate). Nothing is missed where the rate is 1. Where it is not known, the mean block's bytes.
func (g *growth) unseen() float64 {
	switch {
	case !(g.rate.Known && g.rate.Value > 0):
		return g.to.weight()
	case g.rate.Value <= 1:
		return 0
	}
	return g.rate.Value
}

func growthOf(judged []snapshot, at int, rate Number) growth {
	g := growth{rate: rate}
	var start float64
	var before sitePoint
	for i := range judged {
		if at >= len(judged[i].sites) || !judged[i].sites[at].known {
			continue
		}
		p := judged[i].sites[at]
		if before.known {
			if p.samples > before.samples && p.inuse > before.inuse {
				g.windows++
			}
		} else {
			g.from, start, g.low = p, judged[i].until, p.inuse
		}
		g.points++
		g.low = min(g.low, p.inuse)
		before, g.to, g.seconds = p, p, judged[i].until-start
	}
	return g
}

func (s *slot) addGrowth(g growth, at uint64, r *Report) {
	if g.seconds <= 0 {
		return // first heard in the last snapshot
	}
	add := func(n Name, v float64) { r.add(Signal{Name: n, Site: s.key, At: at, Value: v}) }
	allocated := g.allocated()
	lower, upper := g.interval()
	add(GrowthRate, allocated/g.seconds)
	add(GrowthRateLower, lower/g.seconds)
	add(GrowthRateUpper, upper/g.seconds)
	if allocated > 0 {
		rise := max(0, g.to.inuse-g.from.inuse)
		if rise <= allocated+rounding {
			rise = min(rise, allocated)
		}
		r.addShare(Signal{Name: RetainedShare, Site: s.key, At: at, Value: rise / allocated})
	}
	if g.to.inuse > 0 {
		add(MapInflation, allocated/g.to.inuse)
	}
	add(GrowthWindows, float64(g.windows))
	add(Samples, g.to.samples-g.from.samples)
	if base := s.base(g.to); base > 0 && g.to.inuse > 0 {
		add(Doublings, math.Log2(g.to.inuse/base))
	}
}

// base is what doublings count from: the bytes in use when the site was first judged in this process, at least one sample.
// Not those at the start of the window, since a map that grows by the same amount each minute doubles ever more rarely.
func (s *slot) base(now sitePoint) float64 {
	one := s.first.weight()
	if one == 0 {
		one = now.weight()
	}
	return max(s.first.inuse, one)
}

// weight is how many bytes one sample stands for, 0 if there is none.
func (p sitePoint) weight() float64 {
	if p.samples == 0 {
		return 0
	}
	return p.allocated / p.samples
}
