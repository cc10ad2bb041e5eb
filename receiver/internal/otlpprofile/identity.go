// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"hash/maphash"

	"github.com/heapgate/heapgate/internal/profile"
)

var textSeed = maphash.MakeSeed()

func hashText(h uint64, s string) uint64 { return fold(h, maphash.String(textSeed, s)) }

// placeOf hashes a location: its address, which stays while the process lives, or else its lines.
func placeOf(p *profile.Profile, at int32) uint64 {
	l := &p.Locations[at]
	if l.Address != 0 {
		return fold(seed, l.Address)
	}
	h := seed
	for _, line := range l.Lines {
		if line.Function >= 0 {
			f := &p.Functions[line.Function]
			h = hashText(hashText(h, f.Name), f.File)
		}
		h = fold(fold(h, uint64(line.Line)), uint64(line.Column))
	}
	return h
}

// labelsOf hashes labels, whose order does not matter.
func labelsOf(labels []profile.Label) uint64 {
	var sum uint64
	for i := range labels {
		l := &labels[i]
		sum += hashText(fold(hashText(hashText(seed, l.Key), l.Str), uint64(l.Num)), l.NumUnit)
	}
	return sum
}

// epochOf hashes what the profiles of one process have in common: the program, how it samples, what it counts.
func epochOf(p *profile.Profile) uint64 {
	h := seed
	for _, t := range p.SampleTypes {
		h = hashText(hashText(h, t.Type), t.Unit)
	}
	h = fold(hashText(hashText(h, p.PeriodType.Type), p.PeriodType.Unit), uint64(p.Period))
	if len(p.Mappings) > 0 { // the first is the program, by profile.proto
		h = fold(hashText(hashText(h, p.Mappings[0].File), p.Mappings[0].BuildID), p.Mappings[0].Start)
	}
	return h
}
