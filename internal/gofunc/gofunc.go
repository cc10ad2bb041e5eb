// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package gofunc knows what Go's functions are by their names: which frames of a stack are the runtime's, which are the
// observer's, and which one is the call site. It is shared by everything that reads stacks.
//
//  1. Place is what a call site is known by: function, file, line.
//  2. PassedOver says which frames are not call sites: the runtime, and the library on the way to it.
//  3. IsObserver says which frames are a profile or a trace being served.
//  4. IsMapGrowth says which frames make a map bigger, in a stack that shows the runtime's frames.
//  5. Clean makes a foreign name fit to be shown and exported; Top keeps the largest sites.
package gofunc

import (
	"cmp"
	"slices"
	"strings"
)

// Place is what a call site is known by.
type Place struct {
	Function, File string
	Line           int // 0 when not known
}

// Compare orders places by function, file and line.
func (p Place) Compare(q Place) int {
	return cmp.Or(strings.Compare(p.Function, q.Function), strings.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line))
}

// passedOver are the beginnings of the functions that are not call sites. sync.newEntry is inlined into sync.(*Map)'s
// methods up to Go 1.23.
var passedOver = []string{
	"runtime.", "internal/runtime/", "reflect.", "maps.", "internal/sync.", "sync.(*Map)", "sync.newEntry", "sync/atomic.",
}

// PassedOver reports whether a function is no call site: what it costs belongs to its first caller that is one.
func PassedOver(name string) bool { return hasAnyPrefix(name, passedOver) }

// IsRuntime reports whether a function is the runtime's own.
func IsRuntime(name string) bool {
	return strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "internal/runtime/")
}

// IsObserver reports whether a function serves or writes a profile or a trace. runtime/pprof.Do is not the observer: it
// runs the user's function, and so do the tasks and regions of runtime/trace.
func IsObserver(name string) bool {
	if strings.HasPrefix(name, "net/http/pprof.") {
		return true
	}
	if called, ok := strings.CutPrefix(name, "runtime/pprof."); ok {
		return called != "Do" && !strings.HasPrefix(called, "Do.")
	}
	if called, ok := strings.CutPrefix(name, "runtime/trace."); ok {
		return called == "Start" || strings.HasPrefix(called, "Start.") || strings.HasPrefix(called, "(*traceMultiplexer)")
	}
	return false
}

// mapGrowth are the functions of the maps before Go 1.24 (first line) and of the Swiss maps that only a growing map, or
// one that is cleaned of its tombstones, runs. The old maps pay most in growWork and evacuate, also when an entry is
// deleted; the Swiss ones pay all of it inside rehash.
var mapGrowth = map[string]bool{
	"runtime.hashGrow": true, "runtime.(*hmap).newoverflow": true, "runtime.(*hmap).createOverflow": true,

	"internal/runtime/maps.(*table).rehash": true, "internal/runtime/maps.(*table).grow": true,
	"internal/runtime/maps.(*table).split": true, "internal/runtime/maps.(*table).uncheckedPutSlot": true,
	"internal/runtime/maps.(*table).pruneTombstones": true,
	"internal/runtime/maps.(*Map).growToSmall":       true, "internal/runtime/maps.(*Map).growToTable": true,
	"internal/runtime/maps.(*Map).installTableSplit": true,
}

// IsMapGrowth reports whether a frame of the runtime makes a map bigger. It is meant for stacks that show the runtime's
// frames: CPU profiles and traces, never the protobuf form of a heap profile.
func IsMapGrowth(name string) bool {
	return mapGrowth[name] || strings.HasPrefix(name, "runtime.growWork") || strings.HasPrefix(name, "runtime.evacuate")
}

// Clean makes a name that a foreign process chose fit to be shown and exported: valid UTF-8, no control characters, at
// most limit bytes and an ellipsis.
func Clean(name string, limit int) string {
	if len(name) > limit {
		name = name[:limit] + "..."
	}
	if isPlain(name) {
		return name
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
}

// isPlain reports whether a name is printable ASCII, as nearly all are.
func isPlain(name string) bool {
	for i := range len(name) {
		if name[i] < ' ' || name[i] >= 0x7f {
			return false
		}
	}
	return true
}

// Top sorts sites by size from the largest, then by place, and cuts them into those that keep their name and the rest.
func Top[S any](sites []S, limit int, size func(S) int64, place func(S) Place) (kept, rest []S) {
	slices.SortFunc(sites, func(a, b S) int {
		if c := cmp.Compare(size(b), size(a)); c != 0 {
			return c // no name is looked at where the size decides
		}
		return place(a).Compare(place(b))
	})
	limit = min(max(limit, 0), len(sites))
	return sites[:limit], sites[limit:]
}

func hasAnyPrefix(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
