// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"fmt"

	"github.com/heapgate/heapgate/internal/profile"
)

// Limits bound what one message may cost, which is 10 to 20 times what the same profile does when decoded. A zero field
// means its default. Crossing SampleTypes, Samples or Frames refuses the profile with a *profile.LimitError. A label that
// crosses the others is dropped and counted in Stats.DroppedLabels; its sample stays.
type Limits struct {
	SampleTypes int // default 16, at most 64
	Samples     int // of all OTLP profiles of the message; default 500,000
	Frames      int // locations of all distinct stacks; default 4,000,000
	Labels      int // of one sample; default 32
	Attributes  int // distinct, of the message: a program may label by request; default 20,000
}

func (l Limits) withDefaults() Limits {
	for _, limit := range []struct {
		of *int
		to int
	}{{&l.SampleTypes, 16}, {&l.Samples, 500_000}, {&l.Frames, 4_000_000}, {&l.Labels, 32}, {&l.Attributes, 20_000}} {
		if *limit.of <= 0 {
			*limit.of = limit.to
		}
	}
	l.SampleTypes = min(l.SampleTypes, 64) // bits of converter.rowHas
	return l
}

// ReferenceError says what in a profile refers to something that is not there.
type ReferenceError struct {
	From  string // sample, location, line of location
	Index int    // of it
	To    string // location, mapping, function, value
	Got   int    // the index; the number of values
	Want  int    // how many there are
}

func (e *ReferenceError) Error() string {
	if e.To == "value" {
		return fmt.Sprintf("%s %d has %d values, for %d sample types", e.From, e.Index, e.Got, e.Want)
	}
	return fmt.Sprintf("%s %d refers to %s %d, of %d", e.From, e.Index, e.To, e.Got, e.Want)
}

// check makes sure that every index of the profile is one.
func check(p *profile.Profile, limits Limits) error {
	types := len(p.SampleTypes)
	if types > limits.SampleTypes {
		return &profile.LimitError{What: "sample types", Limit: int64(limits.SampleTypes)}
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		if len(s.Values) != types {
			return &ReferenceError{"sample", i, "value", len(s.Values), types}
		}
		for _, at := range s.Locations {
			if at < 0 || int(at) >= len(p.Locations) {
				return &ReferenceError{"sample", i, "location", int(at), len(p.Locations)}
			}
		}
	}
	for i := range p.Locations {
		l := &p.Locations[i]
		if l.Mapping < -1 || int(l.Mapping) >= len(p.Mappings) {
			return &ReferenceError{"location", i, "mapping", int(l.Mapping), len(p.Mappings)}
		}
		for j := range l.Lines {
			if at := l.Lines[j].Function; at < -1 || int(at) >= len(p.Functions) {
				return &ReferenceError{"line of location", i, "function", int(at), len(p.Functions)}
			}
		}
	}
	return nil
}
