// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// scenario is what a program does with its maps in one second; t counts the seconds from 0.
type scenario struct {
	name    string
	runtime string
	rate    float64  // MemProfileRate
	end     []string // verdicts that are right at the end
	wrong   []string // verdicts that are wrong at any time: unbounded never, others once in a thousand, by the error of the samples
	start   func(s *sampler) (second func(t int))
}

var bad = []string{"unbounded"}

func newMap(s *sampler, runtime string, slot int64) mapModel {
	if strings.HasPrefix(runtime, "go1.23") {
		return newOld(s, slot)
	}
	return newSwiss(s, slot)
}

func fill(m mapModel, n int) {
	for range n {
		m.insert()
	}
}

// scenarios of one hour, each on old and Swiss maps, sampled and exact.
func scenarios() []scenario {
	var all []scenario
	for _, runtime := range []string{"go1.23.5", "go1.24.4", "go1.26.3"} {
		for _, rate := range []float64{1, 512 << 10} {
			add := func(name string, end, wrong []string, start func(s *sampler) func(int)) {
				all = append(all, scenario{name, runtime, rate, end, wrong, start})
			}
			one := func(s *sampler) mapModel { return newMap(s, runtime, 24) }
			add("one map grows", []string{"unbounded"}, []string{"churn", "request_scoped"}, func(s *sampler) func(int) {
				m := one(s)
				return func(int) { fill(m, 500) }
			})
			add("many maps grow", []string{"unbounded"}, []string{"churn", "request_scoped"}, func(s *sampler) func(int) {
				var maps []mapModel
				for range 64 {
					maps = append(maps, one(s))
				}
				return func(int) {
					for range 800 {
						maps[s.rng.IntN(64)].insert()
					}
				}
			})
			add("more and more small maps", []string{"unbounded"}, []string{"churn", "request_scoped"}, func(s *sampler) func(int) {
				return func(int) {
					for range 3 {
						fill(one(s), 300+s.rng.IntN(300))
					}
				}
			})
			add("one map grows too slowly to be seen in each window", []string{"unbounded", "unknown", "warming"}, []string{"churn", "request_scoped", "settled"}, func(s *sampler) func(int) {
				m := one(s)
				return func(int) { fill(m, 60) }
			})
			add("steady cache", []string{"settled"}, bad, func(s *sampler) func(int) {
				fill(one(s), 400_000)
				return func(int) {}
			})
			add("warm up, then full", []string{"settled"}, bad, func(s *sampler) func(int) {
				m := one(s)
				return func(t int) {
					if t < 400 {
						fill(m, 800)
					}
				}
			})
			add("warm up that slows down", []string{"settled", "warming"}, bad, func(s *sampler) func(int) {
				m := one(s)
				rest := 400_000
				return func(int) {
					n := rest / 300 // e^(-t/300 s)
					rest -= n
					fill(m, n)
				}
			})
			add("requests", []string{"request_scoped"}, bad, func(s *sampler) func(int) {
				var alive []mapModel
				return func(int) {
					for _, m := range alive {
						m.drop()
					}
					alive = alive[:0]
					for range 20 {
						m := one(s)
						fill(m, 1000+s.rng.IntN(500))
						if s.rng.IntN(10) == 0 {
							alive = append(alive, m)
						} else {
							m.drop()
						}
					}
				}
			})
			add("replaced every 5 minutes", []string{"churn", "request_scoped"}, bad, func(s *sampler) func(int) {
				m := one(s)
				return func(t int) {
					if t%300 == 299 {
						m.drop()
						m = one(s)
					}
					fill(m, 1000)
				}
			})
			add("idle", []string{"settled", "unknown"}, bad, func(s *sampler) func(int) {
				fill(one(s), 100)
				return func(int) {}
			})
			if runtime == "go1.23.5" {
				add("keys come and go", []string{"churn"}, bad, func(s *sampler) func(int) {
					m := newOld(s, 24)
					fill(m, 5000)
					return func(t int) {
						if t%2 == 0 {
							m.rebuild()
						}
					}
				})
			}
			if runtime == "go1.24.4" {
				add("tombstones make it eight times as large", []string{"settled"}, bad, func(s *sampler) func(int) {
					m := newSwiss(s, 24)
					fill(m, 40_000)
					return func(t int) {
						if t > 100 && t <= 1100 {
							fill(m, 280)
						}
					}
				})
			}
		}
	}
	return all
}

// observe plays the scenario and gives the observations of each 15 s. A GC ends each second or two; a profile is published one GC late.
func (sc *scenario) observe(seed uint64) []Observation {
	rng := rand.New(rand.NewPCG(seed, 77))
	s := newSampler(rng, sc.rate)
	second := sc.start(s)
	key := SiteKey{"main.put", "main.go", 10, "map_grow"}
	var observations []Observation
	published, pending := s.site(key), s.site(key)
	cycles, until, next := 5.0, float64(epoch), float64(epoch)
	for t := range 3600 {
		second(t)
		if rng.IntN(2) == 0 {
			cycles++
			published, until = pending, next
			pending, next = s.site(key), float64(epoch+t)
		}
		if t%15 == 14 {
			h := Heap{At: uint64(epoch+t) * 1e9, Start: 1, Cycles: Of(cycles), Allocated: Of(float64(t)), ObservedUntil: Of(until), Profile: true, Rate: Of(sc.rate)}
			if published.Samples.Value > 0 {
				h.Sites = []Site{published}
			}
			observations = append(observations, Observation{Heap: &h, Runtime: sc.runtime})
		}
	}
	return observations
}

// TestScenarios: what the maps of simulated programs do is called what it is, whatever the seed.
func TestScenarios(t *testing.T) {
	runs, right, verdicts, wrong := 0, 0, 0, 0
	for _, sc := range scenarios() {
		seeds := uint64(1)
		if sc.rate > 1 && !testing.Short() {
			seeds = 2
		}
		for seed := range seeds {
			last := Signal{}
			seen := map[string]int{}
			what := fmt.Sprintf("%s, %s, one sample every %v B, seed %d", sc.name, sc.runtime, sc.rate, seed)
			for _, s := range playAll(settings, sc.observe(seed)) {
				if s.Name != MapVerdict {
					continue
				}
				last = s
				verdicts++
				seen[s.Label+" "+s.Reason]++
				if !slices.Contains(sc.wrong, s.Label) {
					continue
				}
				wrong++
				if s.Label == mapUnbounded || sc.rate == 1 {
					t.Errorf("%s: %s (%s) after %v s", what, s.Label, s.Reason, seconds(s.At)-epoch)
				}
			}
			runs++
			if slices.Contains(sc.end, last.Label) || last.Label == "" && slices.Contains(sc.end, mapUnknown) {
				right++
				continue
			}
			t.Logf("%s: at the end %q (%s), want %q; on the way %v", what, last.Label, last.Reason, sc.end, seen)
		}
	}
	t.Logf("%d of %d right at the end; %d of %d verdicts wrong on the way", right, runs, wrong, verdicts)
	if float64(right) < 0.95*float64(runs) || float64(wrong) > 0.001*float64(verdicts) {
		t.Errorf("%d of %d verdicts right at the end, want 95 %%; %d of %d wrong on the way, want 0.1 %%", right, runs, wrong, verdicts)
	}
}

// TestVerdictsKeepTheirScale: neither the size of the entries nor the time of the day changes a verdict.
func TestVerdictsKeepTheirScale(t *testing.T) {
	verdicts := func(observations []Observation, seconds float64) (all []string) {
		for _, s := range playAll(settings, observations) {
			if s.Name == MapVerdict {
				all = append(all, fmt.Sprint(s.At-uint64(seconds)*1e9, s.Label, s.Reason))
			}
		}
		return all
	}
	for _, sc := range scenarios() {
		if sc.runtime != "go1.23.5" {
			continue
		}
		observations := sc.observe(1)
		want := verdicts(observations, 0)
		for _, scale := range []float64{0.25, 1024} {
			if got := verdicts(scaled(observations, scale, 0), 0); !slices.Equal(want, got) {
				t.Errorf("%s, one sample every %v B: other verdicts with all sizes times %v", sc.name, sc.rate, scale)
			}
		}
		for _, later := range []float64{1, 86_400, 31_536_000} {
			if got := verdicts(scaled(observations, 1, later), later); !slices.Equal(want, got) {
				t.Errorf("%s, one sample every %v B: other verdicts %v s later", sc.name, sc.rate, later)
			}
		}
	}
}

// scaled makes the sites larger and everything later.
func scaled(observations []Observation, scale, later float64) (all []Observation) {
	for _, o := range observations {
		h := *o.Heap
		h.At += uint64(later) * 1e9
		h.ObservedUntil.Value += later
		if h.Rate.Value > 1 { // at 1 everything is sampled, whatever its size
			h.Rate.Value *= scale
		}
		h.Sites = slices.Clone(h.Sites)
		for i := range h.Sites {
			s := &h.Sites[i]
			for _, n := range []*Number{&s.Allocated, &s.Inuse, &s.StdErr, &s.Largest} {
				n.Value *= scale
			}
		}
		o.Heap = &h
		all = append(all, o)
	}
	return all
}
