// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"strconv"
	"strings"
)

func (f fields) heap() *Heap {
	return &Heap{
		At: f.nanoseconds("t"), Start: f.nanoseconds("start"), Cycles: f.number("gc"), Allocated: f.number("alloc"),
		ObservedUntil: f.unix("until"), LastGC: f.unix("last"), ProcessStart: f.unix("born"), CPUFraction: f.number("fraction"),
		PauseMax: f.number("longest"), Inuse: f.number("inuse"), Alloc: f.number("heap"), Goal: f.number("goal"), Profile: f.number("profile") == Of(1),
		Pauses:  Histogram{f.list("bounds"), f.list("pauses")},
		Objects: f.number("objects"), Forced: f.number("forced"), Used: f.number("used"), Stack: f.number("stack"), Idle: f.number("idle"),
		Released: f.number("released"), InuseSpans: f.number("spans"), RSSMax: f.number("rss"), Limit: f.number("limit"),
		ContainerLimit: f.number("container"), Rate: f.number("rate"), ProfileAlloc: f.number("profiled"),
		PauseSum: f.number("paused"),
	}
}

// key is where something is: fn=FUNCTION at=FILE:LINE class=CLASS.
func (f fields) key() SiteKey {
	file, line, _ := strings.Cut(f.word("at"), ":")
	n, _ := strconv.ParseInt(line, 10, 64)
	return SiteKey{Function: f.word("fn"), File: file, Line: n, Class: f.word("class")}
}

func (f fields) word(key string) string {
	text := f.text[key]
	delete(f.text, key)
	return text
}

func (f fields) site() Site {
	return Site{
		SiteKey: f.key(), Allocated: f.number("alloc"), Inuse: f.number("inuse"), Samples: f.number("samples"), StdErr: f.number("stderr"),
		Objects: f.number("objects"), Largest: f.number("largest"),
	}
}

func (f fields) family() Family {
	return Family{SiteKey: f.key(), Allocated: f.number("alloc"), Objects: f.number("objects")}
}

func (f fields) trace() *Trace {
	return &Trace{
		At: f.nanoseconds("t"), Start: f.nanoseconds("start"), Cycles: f.number("gc"), Elapsed: f.number("elapsed"),
		CPU: f.number("cpu"), Procs: f.number("procs"), OverGoal: f.number("over"), Live: f.number("live"), Summed: f.number("summed"),
		Goal: f.number("goal"), STWCPU: f.number("stw"), Assist: f.number("assist"), Background: f.number("background"), IdleCPU: f.number("idle"),
		ClockSweepTerm: f.number("clocksweep"), ClockMark: f.number("clockmark"), ClockMarkTerm: f.number("clockterm"),
	}
}

func (f fields) cpu() *CPUProfile {
	return &CPUProfile{
		At: f.nanoseconds("t"), Samples: f.number("samples"), Usage: f.number("usage"), MarkShare: f.number("mark"), TotalShare: f.number("total"),
		SweepShare: f.number("sweep"),
	}
}

func (f fields) exec() *Exec {
	return &Exec{
		At: f.nanoseconds("t"), Window: f.number("window"), Cycles: f.number("gc"), STW: f.number("stw"), STWMax: f.number("longest"),
		GCTime: f.number("marking"), Goal: f.number("goal"), Blocked: f.number("blocked"),
	}
}

func (f fields) goroutines() *Goroutines {
	return &Goroutines{At: f.nanoseconds("t"), Start: f.nanoseconds("start"), Total: f.number("total"), InMap: f.number("inmap"), Leaks: f.number("leaks")}
}
