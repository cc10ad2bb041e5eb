// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cpu

import (
	"math"
	"time"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// Class is a kind of the collector's work.
type Class string

const (
	Assist       Class = "assist"        // marking that an allocating goroutine had to do
	MarkBG       Class = "mark_bg"       // marking by the background workers, idle ones included
	Sweep        Class = "sweep"         // in the background, and while allocating
	Scavenge     Class = "scavenge"      // giving memory back to the system
	Control      Class = "control"       // starting and ending cycles
	WriteBarrier Class = "write_barrier" // flushing the buffers of the write barrier
	MarkAlloc    Class = "mark_alloc"    // allocating black while a cycle marks
)

// Classes are all classes, in the order of Result.GC.
var Classes = [...]Class{Assist, MarkBG, Sweep, Scavenge, Control, WriteBarrier, MarkAlloc}

// Share is a part of the program's CPU time.
type Share struct {
	Share   float64       // 0..1
	StdErr  float64       // standard error of Share
	CPU     time.Duration // what the samples stand for
	Samples int64
}

// ClassShare is the share of one class.
type ClassShare struct {
	Class Class
	Share
}

// Site is a call site whose map grew.
type Site struct {
	gofunc.Place
	Share
}

// Result is what a CPU profile says. Every share is one of Program, so the observer is in none of them.
type Result struct {
	Duration time.Duration // of the profile; 0 when it does not say
	Program  Share         // all samples but the observer's: Share is 1, or 0 without any sample
	Observer Share         // who wrote the profile: Share is one of all samples
	Usage    float64       // cores used, observer included; 0 when Duration is

	GC         []ClassShare // all Classes, in their order; disjoint
	TotalShare Share        // the sum of GC
	MarkShare  Share        // assist and mark_bg: what /cpu/classes/gc/total and gctrace tell

	MapGrowth Share  // growing maps, without the collector's work therein
	Sites     []Site // of MapGrowth, the largest first, at most Limits.Sites
	Other     Share  // sites behind the limit; Sites and Other add up to MapGrowth

	Warnings []string // what to know before believing the numbers
}

// Limits bound a result. A zero field means its default.
type Limits struct {
	Sites int // named sites; default 100
}

func (l Limits) withDefaults() Limits {
	if l.Sites <= 0 {
		l.Sites = 100
	}
	return l
}

// sum is CPU time and samples being added up.
type sum struct{ nanos, samples int64 }

func (s *sum) add(t sum) {
	s.nanos += t.nanos
	s.samples += t.samples
}

// of makes s a share of all. The standard error is the binomial one after two successes and two failures are added
// (Agresti and Coull 1998), so that none of 30 samples is not taken for a certain zero.
func (s sum) of(all sum) Share {
	share := Share{CPU: time.Duration(s.nanos), Samples: s.samples}
	if all.nanos > 0 {
		share.Share = float64(s.nanos) / float64(all.nanos)
	}
	if n := float64(all.samples) + 4; all.samples > 0 {
		p := (float64(s.samples) + 2) / n
		share.StdErr = math.Sqrt(p * (1 - p) / n)
	}
	return share
}
