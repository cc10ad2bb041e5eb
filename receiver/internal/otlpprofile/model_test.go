// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/profile"
)

// model is a process: what each stack and size has allocated and has in use.
type model map[[3]int][4]int64 // by leaf, caller and size

// grow lets the process work for a while.
func (m model) grow(random *rand.Rand) {
	for range random.IntN(8) {
		key := [3]int{random.IntN(6), random.IntN(4), 8 << random.IntN(3)}
		v := m[key]
		n := int64(1 + random.IntN(100))
		v[0], v[1] = v[0]+n, v[1]+n*int64(key[2])
		v[2], v[3] = int64(random.IntN(3)), int64(random.IntN(100))
		m[key] = v
	}
}

// profile is what the process would say, in any order, with some stacks in two samples.
func (m model) profile(random *rand.Rand, at int64) *profile.Profile {
	p := &profile.Profile{SampleTypes: kinds["heap"], TimeNanos: at, Functions: []profile.Function{{Name: "f"}}}
	places := random.Perm(10)
	p.Locations = make([]profile.Location, 10)
	for i, at := range places {
		p.Locations[at] = profile.Location{Mapping: -1, Address: uint64(i + 1), Lines: []profile.Line{{Function: 0, Line: int64(i)}}}
	}
	for key, v := range m {
		s := profile.Sample{Locations: []int32{int32(places[key[0]]), int32(places[6+key[1]])}, Labels: []profile.Label{{Key: "bytes", Num: int64(key[2])}}, Values: v[:]}
		if random.IntN(5) == 0 && v[0] > 1 {
			part := s
			part.Values = []int64{1, 1, 0, 0}
			s.Values = []int64{v[0] - 1, v[1] - 1, v[2], v[3]}
			p.Samples = append(p.Samples, part)
		}
		p.Samples = append(p.Samples, s)
	}
	random.Shuffle(len(p.Samples), func(i, j int) { p.Samples[i], p.Samples[j] = p.Samples[j], p.Samples[i] })
	return p
}

// TestDeltaModel follows processes that work, restart and are not heard for a while, and holds each message to the
// difference of two maps.
func TestDeltaModel(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		delta, m, before := NewDelta(DeltaLimits{}, nil), model{}, model(nil)
		for at := range int64(30) {
			m.grow(random)
			restarted := random.IntN(15) == 0
			if restarted {
				m = model{}
				m.grow(random)
			}
			message, stats, err := Convert(m.profile(random, at), Options{Delta: delta, Restarted: restarted})
			if err != nil {
				t.Fatal(err)
			}
			mustConform(t, message)
			want := map[string]int64{}
			outcome := OutcomeDelta
			switch {
			case before == nil:
				outcome = OutcomeFirst
			case restarted:
				outcome = OutcomeReset
			}
			if stats.Delta != outcome {
				t.Fatalf("seed %d, scrape %d: %s, want %s", seed, at, stats.Delta, outcome)
			}
			for key, v := range m {
				for i, name := range []string{"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"} {
					n := v[i]
					if i < 2 {
						n -= before[key][i]
					}
					if n != 0 && (i >= 2 || outcome == OutcomeDelta) {
						want[fmt.Sprint(name, key)] += n
					}
				}
			}
			got := map[string]int64{}
			d := message.Dictionary()
			b := &reader{dict: d}
			for _, p := range message.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().All() {
				for _, s := range p.Samples().All() {
					stack := d.StackTable().At(int(s.StackIndex())).LocationIndices()
					line := func(i int) int { return int(d.LocationTable().At(int(stack.At(i))).Lines().At(0).Line()) }
					key := [3]int{line(0), line(1) - 6, int(b.attributes(s.AttributeIndices())["bytes"].Value().Int())}
					got[fmt.Sprint(b.text(p.SampleType().TypeStrindex()), key)] += s.Values().At(0)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d, scrape %d (-want +got):\n%s", seed, at, diff)
			}
			before = maps.Clone(m)
		}
	}
}
