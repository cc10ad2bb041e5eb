// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "slices"

const (
	maxStanding   = 48 // sites that are remembered: more than the receiver names
	maxToldSites  = 20 // sites that are told, of each signal
	maxStates     = 16 // states that goroutines are counted by
	fewestStands  = 3  // profiles in which a leak's goroutines must be seen, and among which they must rise twice
	leastLeakAge  = 10 * 60
	leastLeak     = 10 // goroutines
	noiseSpan     = 3  // standard deviations of a Poisson number
	flatWork      = 1.1
	leastBlocking = 1.2 // of all goroutines at the start of the window
)

// blockingState is what is remembered of the goroutines of a process.
type blockingState struct {
	epoch     int
	heard     bool
	at, start uint64 // of the last profile that counts goroutines
	profiles  history[standing]
	span      span
	sites     bounded[standingSite]
	states    []*SiteKey // keys that are a state alone, by index
	cpu       CPUProfile
	work      *work // by the last profile; shared by all rises that begin with it
}

// standing is one goroutine profile: how many stand in each state, and how much the process had worked by then.
type standing struct {
	at     float64
	total  float64
	states [maxStates]float32
	work   *work
}

func (p standing) when() float64           { return p.at }
func (p standing) after(standing) standing { return p }

// standingSite is what is remembered of the goroutines of one site in one state.
type standingSite struct {
	key     *SiteKey // owned; nil until the site was told
	place   uint64   // hash of the key without its state
	grown   since
	rise    rise
	count   float64 // now
	fallAt  float64 // when the last fall was
	fall    float32 // the largest of late
	leaked  float32 // that the process's own leak profile has shown
	given   int32   // index in this observation; -1 where it is not in it
	present bool    // in the last profile that counted goroutines
	state   int8    // index of its name
	verdict uint8   // told last, see standingVerdicts
}

// rise is a time in which the goroutines of a site only became more. Before the first step it is the time in which they were
// as many as now.
type rise struct {
	from  mark    // the profile before the first step
	last  float64 // when they last became more
	work  *work   // at its start
	seen  int32   // profiles, the first and the last included
	steps int32   // of them, how many had more than the one before
}

func (s *blockingState) observe(o *Observation, t *Target, set Settings, r *Report) {
	if s.epoch != t.heap.epoch { // goroutines have no number that falls when a process restarts
		*s = blockingState{epoch: t.heap.epoch}
	}
	if o.CPU != nil && o.CPU.Usage.Known && refusal(o.CPU.Usage) == "" {
		s.cpu = *o.CPU
	}
	g := o.Goroutines
	if g == nil {
		return
	}
	if why := g.refusal(); why != "" {
		r.note(Refused, OfGoroutines, why, 1)
		return
	}
	if !g.Total.Known {
		s.proven(g, set, r)
		s.tell(g, r)
		return
	}
	if s.heard {
		refuse, clockSet := late(g.At, s.at, set.Window)
		if refuse {
			r.note(Refused, OfGoroutines, OutOfOrder, 1)
			return
		}
		why := Reason("")
		if g.Start != s.start {
			why = NewStart
		} else if clockSet {
			why = ClockSet
		}
		if why != "" {
			r.note(Restarted, OfGoroutines, why, 1)
			*s = blockingState{epoch: s.epoch, cpu: s.cpu}
		}
	}
	s.remember(g, t, set, r)
	s.derive(g, set, r)
}

// refusal: a leak profile counts nothing but what is leaked.
func (g *Goroutines) refusal() Reason {
	leaks := g.Leaks.Known || slices.ContainsFunc(g.Sites, func(s GoroutineSite) bool { return s.Leaked.Known })
	if g.At == 0 || !g.Total.Known && !leaks {
		return Incomplete
	}
	return refusal(g.Total, g.Leaks)
}

func (g *GoroutineSite) refusal() Reason {
	if !g.Count.Known && !g.Leaked.Known {
		return Incomplete
	}
	return refusal(g.Count, g.Leaked)
}

// remember takes a profile.
func (s *blockingState) remember(g *Goroutines, t *Target, set Settings, r *Report) {
	now, window := seconds(g.At), set.Window.Seconds()
	turn := standingTurn{before: seconds(s.at), now: now, window: window, work: s.worked(t), workBefore: s.work}
	turn.missed = !s.heard || now-turn.before > window // nobody looked: what only rose is not known any more
	s.heard, s.at, s.start, s.work = true, g.At, g.Start, turn.work
	gone, remembered := s.span.push(now, window)
	turn.moments = s.span.n
	if remembered {
		turn.moments--
	}
	for i := range s.sites.all {
		site := &s.sites.all[i].is
		site.grown.push(gone)
		site.given = -1
	}
	p := standing{at: now, total: g.Total.Value, work: turn.work}
	left := s.sites.assign(len(g.Sites), min(set.MaxSites, maxStanding), func(i int) uint64 { return g.Sites[i].hash() }, func(i int, site *standingSite) {
		if !s.take(&g.Sites[i], site, int32(i), &turn) {
			r.note(Refused, OfGoroutines, TooMany, 1)
		}
	})
	for i := range g.Sites {
		site := &g.Sites[i]
		if why := site.refusal(); why != "" {
			r.note(Refused, OfGoroutines, why, 1)
		} else if state := s.state(site.Class); state >= 0 {
			p.states[state] += float32(site.Count.Value)
		}
	}
	if left > 0 {
		r.note(Refused, OfGoroutines, TooMany, left)
	}
	for i := range s.sites.all {
		if site := &s.sites.all[i].is; site.given < 0 {
			site.absent()
		}
	}
	s.profiles.push(p, window, set.MaxSnapshots)
}

// hash is 0 for the rest, which is no site, for what counts nothing, and for what cannot be.
func (g *GoroutineSite) hash() uint64 {
	if isRest(&g.SiteKey) || !g.Count.Known || g.refusal() != "" {
		return 0
	}
	return hashOf(&g.SiteKey)
}

// standingTurn is what all sites of a profile have in common.
type standingTurn struct {
	before, now, window float64
	missed              bool
	moments             int
	work, workBefore    *work
}

// proven takes a leak profile: whom it shows can never go on, so that is known as long as the process lives.
func (s *blockingState) proven(g *Goroutines, set Settings, r *Report) {
	for i := range s.sites.all {
		s.sites.all[i].is.given = -1
	}
	s.sites.turn++
	tooMany := 0
	for i := range g.Sites {
		leak := &g.Sites[i]
		if why := leak.refusal(); why != "" {
			r.note(Refused, OfGoroutines, why, 1)
			continue
		}
		if !leak.Leaked.Known || leak.Leaked.Value == 0 || isRest(&leak.SiteKey) {
			continue
		}
		site := s.standingAt(leak)
		if site == nil {
			key := leak.SiteKey
			if key.Class == "" {
				key.Class = "unknown"
			}
			state := s.state(key.Class)
			place := s.sites.give(hashOf(&key), min(set.MaxSites, maxStanding))
			if place == nil || state < 0 {
				tooMany++
				continue
			}
			site = &place.is
			site.key, site.place, site.given, site.state = &key, hashOfPlace(&key), -1, int8(state)
		}
		site.leaked = float32(leak.Leaked.Value)
		if site.key == nil {
			key := leak.SiteKey
			key.Class = s.states[site.state].Class
			site.key = &key
		}
	}
	if tooMany > 0 {
		r.note(Refused, OfGoroutines, TooMany, tooMany)
	}
}

// standingAt is the site of leaked goroutines: of several states at one place, the one that blocks and has most.
func (s *blockingState) standingAt(leak *GoroutineSite) (found *standingSite) {
	place := hashOfPlace(&leak.SiteKey)
	for i := range s.sites.all {
		site := &s.sites.all[i].is
		if site.place == place && (found == nil || site.count > found.count) {
			found = site
		}
	}
	return found
}

func hashOfPlace(key *SiteKey) uint64 {
	return hashOf(&SiteKey{Function: key.Function, File: key.File, Line: key.Line})
}

// state is the index of a state's name, -1 where there are too many.
func (s *blockingState) state(name string) int {
	for i := range s.states {
		if s.states[i].Class == name {
			return i
		}
	}
	if len(s.states) == maxStates {
		return -1
	}
	s.states = append(s.states, &SiteKey{Class: name})
	return len(s.states) - 1
}

// take takes how many goroutines stand at a site now; false where its state is one too many.
func (s *blockingState) take(g *GoroutineSite, p *standingSite, given int32, turn *standingTurn) bool {
	state := s.state(g.Class)
	if state < 0 {
		return false
	}
	count, before := g.Count.Value, p.count
	afresh := rise{from: mark{turn.now, count}, last: turn.now, seen: 1, work: turn.work}
	if turn.now-p.fallAt > turn.window {
		p.fall = 0
	}
	switch {
	case !p.present || turn.missed:
		p.rise = afresh
		p.grown = since{}
		before = count
	case count < before:
		p.fallAt, p.fall = turn.now, max(float32(before-count), p.fall)
		p.rise = afresh
	case count > before:
		if p.rise.steps == 0 {
			p.rise = rise{from: mark{turn.before, before}, seen: 1, work: turn.workBefore}
		}
		p.rise.seen++
		p.rise.steps++
		p.rise.last = turn.now
	default:
		p.rise.seen++
		if p.rise.steps > 0 && turn.now-p.rise.last >= leastLeakAge { // they have stopped
			p.rise = rise{from: mark{p.rise.last, count}, last: p.rise.last, seen: 1, work: turn.work}
		}
	}
	p.grown.add(count-before, turn.moments)
	p.place, p.state, p.given, p.present, p.count = hashOfPlace(&g.SiteKey), int8(state), given, true, count
	p.leaked = max(p.leaked, float32(g.Leaked.Value))
	return true
}

// absent: the site is among the rest, or has no goroutine any more. Which is not known, so it has not only risen.
func (p *standingSite) absent() {
	p.present, p.grown, p.rise, p.count = false, since{}, rise{}, 0
}
