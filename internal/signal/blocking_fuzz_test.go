// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzStanding: whatever comes in, the signals of lines and goroutines are finite, of no more sites than are told, each once;
// only a slope is negative; a change goes to another verdict than it comes from; and nothing is claimed of a young process.
func FuzzStanding(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x40\x59\x00\x00\x00\x00\x00\x00\x02\x7f\xf8\x00\x00\x00\x00\x00\x00\x83\xff\xf0\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x11\x40\x59\x00\x00\x00\x00\x00\x00\x11\x40\x69\x00\x00\x00\x00\x00\x00\x11\x40\x79\x00\x00\x00\x00\x00\x00\x11\x40\x89\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var target Target
		at, gc := uint64(epoch)*1e9, 10.0
		first, longest := at, uint64(0) // since the clock was set last, and the longest time between two settings
		for ; len(in) >= 9; in = in[9:] {
			op, v := in[0], Of(math.Float64frombits(binary.BigEndian.Uint64(in[1:])))
			at += uint64(op>>4) * 30e9
			if op == 0xff {
				at -= 3600e9
				first = at
			}
			longest = max(longest, at-first)
			gc++
			key := SiteKey{"main.f", "f.go", int64(op & 1), []string{"select", "json", "sleep", ""}[op&3]}
			o := Observation{}
			switch (op >> 2) & 3 {
			case 0:
				o.Goroutines = &Goroutines{At: at, Start: 1, Total: Of(50), Sites: []GoroutineSite{{key, v, Number{}}, {SiteKey{"main.g", "g.go", 1, "select"}, Of(float64(op)), Number{}}}}
			case 1:
				o.Goroutines = &Goroutines{At: at, Start: uint64(op & 1), Total: v, Sites: []GoroutineSite{{key, Of(5), v}}}
			case 2:
				o.Goroutines = &Goroutines{At: at, Start: 1, Sites: []GoroutineSite{{key, Number{}, v}}}
				o.CPU = &CPUProfile{At: at, Samples: Of(1), Usage: v}
			default:
				o.Heap = &Heap{At: at, Start: 1, Cycles: Of(gc), Allocated: Of(gc * 1e6), ObservedUntil: Of(seconds(at) - 1), ProfileAlloc: v, Rate: Of(float64(op)), Families: []Family{{key, v, v}, {SiteKey{"main.g", "g.go", 1, "json"}, Of(gc * 1e5), Number{}}}}
			}
			var r Report
			target.Observe(o, settings, &r)
			type point struct {
				name   Name
				family string
				site   SiteKey
			}
			seen := map[point]bool{}
			for _, s := range r.Signals {
				switch s.Name {
				case FamilyRate, FamilyShare, GoroutineAge, GoroutineBlocked, GoroutineGrowth, GoroutineLeak, GoroutineSlope:
				default:
					continue
				}
				p := point{name: s.Name}
				if s.Name == FamilyShare {
					p.family = s.Label
				}
				if s.Site != nil {
					p.site = *s.Site
				}
				if seen[p] {
					t.Fatalf("twice: %+v", p)
				}
				seen[p] = true
				if !finite(s.Value) || s.Value < 0 && s.Name != GoroutineSlope || s.Value > 1 && (s.Name == FamilyShare || s.Name == GoroutineBlocked || s.Name == GoroutineLeak) {
					t.Fatalf("%v is %v", s.Name, s.Value)
				}
				if s.Label == "leak" && s.Reason == "only_rises" && seconds(longest) < leastLeakAge {
					t.Fatalf("a leak of %v s", seconds(longest))
				}
			}
			for _, c := range r.Changes {
				if c.Name == GoroutineLeak && (c.From == c.To || c.From != "leak" && c.To != "leak" || c.Text == "" || c.Site == nil) {
					t.Fatalf("change %+v", c)
				}
			}
		}
	})
}
