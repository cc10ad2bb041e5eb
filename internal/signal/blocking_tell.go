// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// blocks are the states in which a goroutine waits for another one, or for the network. One that sleeps, runs, or works for
// the collector goes on by itself.
var blocks = map[string]bool{
	"chan receive": true, "chan send": true, "select": true, "select (no cases)": true, "IO wait": true, "semacquire": true, "waiting": true,
	"sync.Mutex.Lock": true, "sync.RWMutex.Lock": true, "sync.RWMutex.RLock": true, "sync.WaitGroup.Wait": true, "sync.Cond.Wait": true,
}

// standingVerdicts are the values of Label of a GoroutineLeak.
var standingVerdicts = [...]string{"", "none", "unknown", "leak"}

const (
	untold uint8 = iota
	noLeak
	unknownLeak
	isLeak
)

// derive adds what follows from a profile that counts goroutines.
func (s *blockingState) derive(g *Goroutines, set Settings, r *Report) {
	s.addSlope(g.At, r)
	s.addBlocked(g.At, set, r)
	s.tell(g, r)
}

// addSlope adds the slope of the line through the window's numbers (least squares).
func (s *blockingState) addSlope(at uint64, r *Report) {
	points := s.profiles.points
	if len(points) < 2 {
		return
	}
	first, n := points[0].at, float64(len(points))
	var t, v, tt, tv float64
	for i := range points {
		x, y := points[i].at-first, points[i].total
		t, v, tt, tv = t+x, v+y, tt+x*x, tv+x*y
	}
	if spread := n*tt - t*t; spread > 0 {
		r.add(Signal{Name: GoroutineSlope, At: at, Value: (n*tv - t*v) / spread})
	}
}

// fewestBlocked profiles, over half a window, say whether goroutines rise while the process works no more.
const fewestBlocked = 3

// addBlocked tells for each state that blocks whether it is what most of the new goroutines wait for. Without any measure of
// work nothing is said.
func (s *blockingState) addBlocked(at uint64, set Settings, r *Report) {
	points := s.profiles.points
	if len(points) < fewestBlocked {
		return
	}
	first, middle, last := &points[0], &points[len(points)/2], &points[len(points)-1]
	if last.at-first.at < set.Window.Seconds()/2 {
		return
	}
	ratio, source, ok := workRatio(first.work, middle.work, last.work)
	if !ok {
		return
	}
	grown := last.total - first.total
	rises := grown >= leastLeak && grown > noiseOf(first.total) && last.total >= leastBlocking*first.total
	most := -1
	if rises && ratio <= flatWork {
		for i := range s.states {
			if grown := last.states[i] - first.states[i]; grown > 0 && (most < 0 || grown > last.states[most]-first.states[most]) {
				most = i
			}
		}
	}
	for i, state := range s.states {
		if !blocks[state.Class] {
			continue
		}
		value := 0.0
		if i == most {
			value = 1
		}
		r.add(Signal{Name: GoroutineBlocked, Label: state.Class, At: at, Value: value})
	}
	if rises && source != "" {
		r.warn(GoroutineBlocked, source, at, 0, 0)
	}
}

// tell adds what is known of the sites: those with a verdict, and those that grow.
func (s *blockingState) tell(g *Goroutines, r *Report) {
	now := seconds(max(g.At, s.at)) // a leak profile may be older than the last count
	var order [maxStanding]int32
	sites := order[:0]
	for i := range s.sites.all {
		if site := &s.sites.all[i].is; site.verdict != untold || site.grown[0] > 0 || site.isSuspect(s.states[site.state].Class) {
			sites = append(sites, int32(i))
		}
	}
	slices.SortStableFunc(sites, func(a, b int32) int {
		x, y := &s.sites.all[a].is, &s.sites.all[b].is
		return cmp.Or(cmp.Compare(y.leaked, x.leaked), cmp.Compare(y.grown[0], x.grown[0]), cmp.Compare(y.count, x.count))
	})
	told := 0
	for _, i := range sites {
		site := &s.sites.all[i].is
		if site.key == nil {
			if site.given < 0 || told == maxToldSites {
				continue
			}
			owned := g.Sites[site.given].SiteKey
			site.key = &owned
		}
		verdict, reason := s.judge(site, now)
		suspect := site.isSuspect(s.states[site.state].Class)
		if verdict != site.verdict && (verdict == isLeak || site.verdict == isLeak) {
			r.Changes = append(r.Changes, Change{
				Name: GoroutineLeak, Site: site.key, From: standingVerdicts[site.verdict], To: standingVerdicts[verdict], Reason: reason,
				Text: site.text(verdict, reason, now), At: g.At,
			})
		}
		if !suspect {
			verdict = untold
		}
		site.verdict = verdict
		if told == maxToldSites || !suspect && site.grown[0] <= 0 {
			continue
		}
		told++
		if site.present && site.grown[0] > 0 {
			r.add(Signal{Name: GoroutineGrowth, Site: site.key, At: g.At, Value: float64(site.grown[0])})
		}
		if site.present && site.rise.steps > 0 {
			r.add(Signal{Name: GoroutineAge, Site: site.key, At: g.At, Value: now - site.rise.from.at})
		}
		if suspect {
			r.add(Signal{Name: GoroutineLeak, Site: site.key, Label: standingVerdicts[verdict], Reason: reason, At: g.At, Value: 1})
		}
	}
}

// isSuspect tells the sites that get a verdict.
func (p *standingSite) isSuspect(state string) bool {
	return p.leaked > 0 || blocks[state] && p.present && p.count >= leastLeak
}

// noiseOf is how far a number of goroutines may rise by chance.
func noiseOf(count float64) float64 { return noiseSpan * math.Sqrt(max(count, 1)) }

// judge tells whether a site leaks. A claim needs goroutines that wait, that became more and never fewer in three profiles and
// ten minutes, by more than chance and more than what the process's work explains. The process's own leak profile proves it
// at once.
func (s *blockingState) judge(p *standingSite, now float64) (verdict uint8, reason string) {
	grown, age := p.count-p.rise.from.value, now-p.rise.from.at
	switch {
	case p.leaked > 0:
		return isLeak, "leak_profile"
	case !p.present:
		return unknownLeak, "absent"
	case !blocks[s.states[p.state].Class]:
		return noLeak, "not_blocking"
	case grown <= 0 && p.fall > 0:
		return noLeak, "falls"
	case grown <= 0 && age >= leastLeakAge:
		return noLeak, "steady"
	case p.rise.seen < fewestStands || age < leastLeakAge:
		return unknownLeak, "young"
	case grown < leastLeak || grown <= noiseOf(p.rise.from.value)+float64(p.fall) || p.rise.steps < fewestStands-1:
		return unknownLeak, "noise"
	case s.works(p, grown):
		return unknownLeak, "work_rises"
	}
	return isLeak, "only_rises"
}

// worksAlong is the part of the goroutines' growth that the process's work must have grown by to explain it.
const worksAlong = 0.5

// works tells that the process has more to do, so that more goroutines are no wonder.
func (s *blockingState) works(p *standingSite, grown float64) bool {
	points := s.profiles.points
	ratio, _, ok := workRatio(p.rise.work, points[len(points)/2].work, points[len(points)-1].work)
	from := max(p.rise.from.value, 1)
	return ok && ratio > flatWork && ratio-1 >= worksAlong*((from+0.75*grown)/(from+0.25*grown)-1) // of the halves of an even rise
}

// text is the sentence about a verdict that changed.
func (p *standingSite) text(verdict uint8, reason string, now float64) string {
	where := fmt.Sprintf("%s (%s:%d)", p.key.Function, p.key.File, p.key.Line)
	switch {
	case reason == "leak_profile":
		return fmt.Sprintf("%s leaks goroutines: the process's own leak profile shows %.0f that nothing can wake any more", where, p.leaked)
	case verdict == isLeak:
		return fmt.Sprintf("%s seems to leak goroutines: %.0f wait in %s, %.0f more than %s ago, and they never became fewer. Find who should end them",
			where, p.count, p.key.Class, p.count-p.rise.from.value, lasting(now-p.rise.from.at))
	case reason == "absent":
		return fmt.Sprintf("%s is no longer told apart from other sites, so nothing is known of a leak there", where)
	}
	why := map[string]string{
		"falls": fmt.Sprintf("%.0f went at once", p.fall), "steady": "for " + lasting(now-p.rise.from.at) + " they became no more",
		"work_rises": "the process has more to do", "noise": "they became more by no more than chance",
	}[reason]
	if why == "" {
		why = "it is too early to tell"
	}
	return fmt.Sprintf("%s no longer seems to leak goroutines: %.0f wait in %s, %s", where, p.count, p.key.Class, why)
}
