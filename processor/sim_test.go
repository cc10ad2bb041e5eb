// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// sim is a simulated Go process as the receiver hears it. It knows the truth: everything that it allocates is a function of
// its age, so that a profile can be of any moment.
type sim struct {
	kind     string
	resource map[string]string
	born     time.Time     // of the process, by the true clock
	heard    time.Time     // by the receiver, for the first time in this life
	host     time.Duration // by which the clock of its host is wrong
	rng      *rand.Rand

	rate  float64 // By/s that it allocates
	live  func(age float64) float64
	limit float64 // GOMEMLIMIT that holds the goal down; 0 for none
	pause float64 // seconds a cycle stops the world
	sites []*simSite
	rooms func(age float64) float64 // goroutines
	leaks bool                      // goroutines stand at one site and become more

	cycles         float64 // that ended
	last, previous float64 // age at the end of the last two
	cpu            float64 // seconds of GC work
	over           float64 // cycles above their goal
	pauses         []uint64
	longest        float64
	paused         float64 // seconds
	age            float64 // up to which it was simulated
	allocated      float64
}

// simSite is a call site. Its estimates are of a Poisson number of samples, as the runtime's are.
type simSite struct {
	function, class string
	line            int64
	block           float64                   // bytes of one allocation
	allocated       func(age float64) float64 // bytes, rising
	inuse           func(age float64) float64

	samples, at float64 // at the age of `at`
}

// memProfileRate is the runtime's default: bytes between two samples on average.
const memProfileRate = 512 << 10

// weight is how many bytes a sample stands for.
func (s *simSite) weight() float64 { return s.block / -math.Expm1(-s.block/memProfileRate) }

func (s *simSite) sample(rng *rand.Rand, age float64) {
	if more := s.allocated(age) - s.allocated(s.at); age > s.at && more > 0 {
		s.samples += poisson(rng, more/s.weight())
		s.at = age
	}
}

func poisson(rng *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	n, p := 0.0, rng.Float64()
	for limit := math.Exp(-mean); p > limit; p *= rng.Float64() {
		n++
	}
	return n
}

var simBounds = []float64{1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 1}

// restart begins another life.
func (s *sim) restart(now time.Time) {
	*s = sim{kind: s.kind, resource: s.resource, rng: s.rng, host: s.host, born: now, heard: now.Add(5 * time.Second), pauses: make([]uint64, len(simBounds)+1)}
	shapes[s.kind](s)
}

// goal is the heap at which the next cycle begins.
func (s *sim) goal(live float64) float64 {
	goal := max(4e6, 2*live)
	if s.limit > 0 {
		goal = max(live*0.99, min(goal, s.limit))
	}
	return goal
}

// until simulates up to a moment. A process collects at least every two minutes.
func (s *sim) until(now time.Time) {
	end := now.Sub(s.born).Seconds()
	s.longest = 0
	for {
		live := s.live(s.last)
		goal := s.goal(live)
		period := min(120, max(0.01, (goal-live)/max(s.rate, 1)))
		n := 1.0
		if period < 1 { // many short ones at once
			n = math.Floor(1 / period)
		}
		if s.last+n*period > end {
			break
		}
		s.cycles += n
		s.previous, s.last = s.last+(n-1)*period, s.last+n*period
		if n == 1 {
			s.previous = s.last - period
		}
		s.cpu += n * live * 1e-9
		if s.limit > 0 && goal <= live {
			s.over += n
		}
		pause := s.pause * (0.5 + s.rng.Float64())
		s.longest = max(s.longest, pause)
		s.paused += n * pause
		at := 0
		for at < len(simBounds) && pause > simBounds[at] {
			at++
		}
		s.pauses[at] += uint64(n)
	}
	s.allocated += s.rate * max(0, end-s.age)
	s.age = end
}

func linear(perSecond float64) func(float64) float64 {
	return func(age float64) float64 { return perSecond * age }
}

func constant(v float64) func(float64) float64 { return func(float64) float64 { return v } }

// filling up to a size: what is in use after each age.
func filling(size, tau float64) func(float64) float64 {
	return func(age float64) float64 { return -size * math.Expm1(-age/tau) }
}

func (s *sim) site(function, class string, block float64, allocated, inuse func(float64) float64) {
	s.sites = append(s.sites, &simSite{function: function, class: class, line: int64(len(s.sites) + 1), block: block, allocated: allocated, inuse: inuse})
}

// shapes are what the simulated processes do, by kind. A map that grows allocates twice what it keeps.
var shapes = map[string]func(*sim){
	"idle":   func(s *sim) { s.shape(1e3, constant(3e6)) },
	"steady": func(s *sim) { s.shape(2e7, constant(1e8)) },
	"churn": func(s *sim) {
		s.shape(5e7, constant(6e7))
		s.site("main.churn", "map_grow", 4096, linear(3e6), constant(2e7))
	},
	"unbounded": func(s *sim) {
		s.shape(3e7, func(age float64) float64 { return 3e7 + 1e5*age })
		s.site("main.unbounded", "map_grow", 27264, linear(2e5), linear(1e5))
	},
	"warming": func(s *sim) {
		s.shape(3e7, func(age float64) float64 { return 3e7 + filling(3e8, 900)(age) })
		s.site("main.warming", "map_grow", 27264, filling(6e8, 900), filling(3e8, 900))
	},
	"leak":   func(s *sim) { s.shape(2e7, func(age float64) float64 { return 5e7 + 3e4*age }) },
	"storm":  func(s *sim) { s.shape(2e9, constant(2e7)) },
	"thrash": func(s *sim) { s.shape(5e7, constant(2e8)); s.limit = 1.95e8 },
	"shop": func(s *sim) { // what the benchmark has many of
		s.shape(5e7, func(age float64) float64 { return 1e8 + 1e4*age })
		s.site("main.unbounded", "map_grow", 27264, linear(2e5), linear(1e5))
		s.site("main.churn", "map_grow", 4096, linear(3e6), constant(2e7))
		s.site("main.overflow", "map_overflow", 4096, linear(1e5), constant(2e6))
		s.site("main.sync", "sync_map", 512, linear(2e5), constant(2e6))
		for i := range 14 {
			s.site(fmt.Sprint("main.value", i), "value", 512, linear(1e6), constant(1e6))
		}
	},
	"goroutines": func(s *sim) {
		s.shape(1e7, constant(5e7))
		s.rooms, s.leaks = func(age float64) float64 { return 100 + age/2 }, true
	},
}

// shape is what all kinds have: a site of another class, and a map that was filled once.
func (s *sim) shape(rate float64, live func(float64) float64) {
	s.rate, s.live, s.pause, s.rooms = rate, live, 2e-4, constant(100)
	s.site("main.render", "value", 512, linear(rate/2), constant(1e6))
	s.site("main.settled", "map_grow", 8192, filling(40e6, 30), filling(20e6, 30))
}
