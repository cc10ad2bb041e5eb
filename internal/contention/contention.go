// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package contention

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/profile"
)

// Kind says which of the two profiles it is: their formats do not tell.
type Kind string

const (
	Mutex Kind = "mutex" // /debug/pprof/mutex
	Block Kind = "block" // /debug/pprof/block
)

// Totals is a number of waits and their time.
type Totals struct {
	Count int64
	Delay time.Duration
}

// Site is a place where goroutines waited (Block) or were waited for (Mutex), since the process started.
type Site struct {
	gofunc.Place
	Totals
	Wait Wait // what most of Delay was for
}

// Result is one profile. Sites, Other and Observer add up to Total.
type Result struct {
	Kind     Kind
	Enabled  bool   // false: the program does not take this profile, so nothing is known, which is not zero
	Sites    []Site // by Delay from the largest, then by place; at most Limits.Sites
	Other    Totals // sites behind the limit
	Observer Totals // where the profile itself was served
	Total    Totals
	Warnings []string // what to know before believing the numbers
}

// Limits bound a result. A zero field means its default.
type Limits struct {
	Sites int // named sites; default 100
}

// ErrNotContention says that the profile is of something else.
var ErrNotContention = errors.New("not a mutex or block profile: it must have the sample types contentions/count and delay/nanoseconds")

var errOverflow = errors.New("the sum of the samples is more than an int64 holds")

// Of tells what a mutex or block profile of Go's says. It keeps nothing of p.
func Of(p *profile.Profile, kind Kind, l Limits) (Result, error) {
	count, delay, err := columns(p.SampleTypes)
	if err != nil {
		return Result{}, err
	}
	if l.Sites <= 0 {
		l.Sites = 100
	}
	r := Result{Kind: kind, Enabled: len(p.Samples) > 0}
	places := map[gofunc.Place]map[Wait]Totals{}
	odd := 0
	for i := range p.Samples {
		s := &p.Samples[i]
		if max(count, delay) >= len(s.Values) || s.Values[count] < 0 || s.Values[delay] < 0 {
			odd++
			continue
		}
		t := Totals{s.Values[count], time.Duration(s.Values[delay])}
		if !r.Total.add(t) {
			return Result{}, errOverflow
		}
		place, wait, observer := walk(p, s.Locations)
		if observer {
			r.Observer.add(t)
			continue
		}
		if places[place] == nil {
			places[place] = map[Wait]Totals{}
		}
		t.add(places[place][wait])
		places[place][wait] = t
	}
	r.cut(places, l.Sites)
	if odd > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d samples have missing or negative values and are left out", odd))
	}
	return r, nil
}

// columns finds the values of a sample.
func columns(types []profile.ValueType) (count, delay int, err error) {
	count, delay = -1, -1
	for i, t := range types {
		switch t {
		case profile.ValueType{Type: "contentions", Unit: "count"}:
			count = i
		case profile.ValueType{Type: "delay", Unit: "nanoseconds"}:
			delay = i
		}
	}
	if count < 0 || delay < 0 {
		return 0, 0, fmt.Errorf("%w, got %d others", ErrNotContention, len(types))
	}
	return count, delay, nil
}

// cut names the largest sites and adds up the rest.
func (r *Result) cut(places map[gofunc.Place]map[Wait]Totals, limit int) {
	all := make([]Site, 0, len(places))
	for place, waits := range places {
		site := Site{Place: place}
		most := time.Duration(-1)
		for wait, t := range waits {
			site.add(t)
			if t.Delay > most || t.Delay == most && wait < site.Wait {
				site.Wait, most = wait, t.Delay
			}
		}
		all = append(all, site)
	}
	kept, rest := gofunc.Top(all, limit, func(s Site) int64 { return int64(s.Delay) }, func(s Site) gofunc.Place { return s.Place })
	r.Sites = kept
	for _, site := range rest {
		r.Other.add(site.Totals)
	}
}

// add reports false, and adds nothing, where the sum is too large.
func (t *Totals) add(u Totals) bool {
	if u.Count > math.MaxInt64-t.Count || u.Delay > math.MaxInt64-t.Delay {
		return false
	}
	t.Count += u.Count
	t.Delay += u.Delay
	return true
}
