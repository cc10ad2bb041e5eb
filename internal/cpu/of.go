// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cpu

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/profile"
)

// ErrNotCPU says that the profile is of something else.
var ErrNotCPU = errors.New("not a CPU profile: it must have the sample types samples/count and cpu/nanoseconds")

// errOverflow says that the samples' sum is no time that could have passed.
var errOverflow = errors.New("the sum of the samples is more than an int64 holds")

// Of tells what a CPU profile of Go's says. It keeps nothing of p.
func Of(p *profile.Profile, l Limits) (Result, error) {
	count, nanos, err := columns(p.SampleTypes)
	if err != nil {
		return Result{}, err
	}
	o := of{
		profile: p, limits: l.withDefaults(), meanings: learn(p.Functions),
		classes: map[Class]sum{}, lines: map[profile.Line]sum{},
	}
	for i := range p.Samples {
		s := &p.Samples[i]
		if max(count, nanos) >= len(s.Values) || s.Values[count] < 0 || s.Values[nanos] < 0 {
			o.odd++
			continue
		}
		if err := o.add(s.Locations, sum{nanos: s.Values[nanos], samples: s.Values[count]}); err != nil {
			return Result{}, err
		}
	}
	return o.result(), nil
}

// columns finds the values of a sample: the number of times it was seen, and the CPU time.
func columns(types []profile.ValueType) (count, nanos int, err error) {
	count, nanos = -1, -1
	for i, t := range types {
		switch t {
		case profile.ValueType{Type: "samples", Unit: "count"}:
			count = i
		case profile.ValueType{Type: "cpu", Unit: "nanoseconds"}:
			nanos = i
		}
	}
	if count < 0 || nanos < 0 {
		return 0, 0, fmt.Errorf("%w, got %d others", ErrNotCPU, len(types))
	}
	return count, nanos, nil
}

// of is one profile being added up.
type of struct {
	profile  *profile.Profile
	limits   Limits
	meanings []meaning // by function

	all, observer, growth sum
	classes               map[Class]sum
	lines                 map[profile.Line]sum // growth by site
	odd                   int
}

func (o *of) add(locations []int32, n sum) error {
	if n.nanos > math.MaxInt64-o.all.nanos || n.samples > math.MaxInt64-o.all.samples {
		return errOverflow
	}
	o.all.add(n)
	s := o.walk(locations)
	switch {
	case s.observer:
		o.observer.add(n)
	case s.class != "":
		class := o.classes[s.class]
		class.add(n)
		o.classes[s.class] = class
	case s.grows:
		o.growth.add(n)
		site := o.lines[s.site]
		site.add(n)
		o.lines[s.site] = site
	}
	return nil
}

func (o *of) result() Result {
	program := sum{o.all.nanos - o.observer.nanos, o.all.samples - o.observer.samples}
	r := Result{
		Duration: time.Duration(max(o.profile.DurationNanos, 0)),
		Program:  program.of(program), Observer: o.observer.of(o.all), MapGrowth: o.growth.of(program),
	}
	r.Program.StdErr = 0
	var total, mark sum
	for _, class := range Classes {
		n := o.classes[class]
		r.GC = append(r.GC, ClassShare{class, n.of(program)})
		total.add(n)
		if class == Assist || class == MarkBG {
			mark.add(n)
		}
	}
	r.TotalShare, r.MarkShare = total.of(program), mark.of(program)
	o.sites(&r, program)
	if r.Duration > 0 {
		r.Usage = float64(o.all.nanos) / float64(r.Duration)
	} else {
		r.Warnings = append(r.Warnings, "the profile does not say how long it took: the cores used are not known")
	}
	if o.odd > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d samples have missing or negative values and are left out", o.odd))
	}
	return r
}

// sites gives the growth its call sites. Lines that differ in nothing but their column are one site.
func (o *of) sites(r *Result, program sum) {
	places := map[gofunc.Place]sum{}
	for line, n := range o.lines {
		place := o.place(line)
		n.add(places[place])
		places[place] = n
	}
	type placed struct {
		gofunc.Place
		sum
	}
	all := make([]placed, 0, len(places))
	for place, n := range places {
		all = append(all, placed{place, n})
	}
	kept, rest := gofunc.Top(all, o.limits.Sites, func(p placed) int64 { return p.nanos }, func(p placed) gofunc.Place { return p.Place })
	for _, p := range kept {
		r.Sites = append(r.Sites, Site{p.Place, p.of(program)})
	}
	var other sum
	for _, p := range rest {
		other.add(p.sum)
	}
	r.Other = other.of(program)
}

func (o *of) place(line profile.Line) gofunc.Place {
	if line.Function < 0 {
		return gofunc.Place{Function: "unknown"}
	}
	f := &o.profile.Functions[line.Function]
	place := gofunc.Place{Function: f.Name, File: f.File}
	if line.Line > 0 && line.Line <= math.MaxInt32 {
		place.Line = int(line.Line)
	}
	return place
}
