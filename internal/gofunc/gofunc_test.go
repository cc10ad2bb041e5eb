// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gofunc

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestNames: what the rules say of functions that differ in little.
func TestNames(t *testing.T) {
	const passed, runtime, observer, grows = "passed", "runtime", "observer", "grows"
	for name, want := range map[string]string{
		"main.main":                                 "",
		"runtimes.f":                                "",
		"example.com/runtime.f":                     "",
		"runtime.mallocgc":                          "passed runtime",
		"internal/runtime/maps.(*Map).PutSlot":      "passed runtime",
		"internal/runtime/maps.(*table).rehash":     "passed runtime grows",
		"internal/runtime/maps.(*table).rehashed":   "passed runtime",
		"runtime.hashGrow":                          "passed runtime grows",
		"runtime.growWork_fast64":                   "passed runtime grows",
		"runtime.evacuate_faststr":                  "passed runtime grows",
		"runtime.growslice":                         "passed runtime",
		"runtime.mapassign_fast64":                  "passed runtime",
		"runtime/debug.FreeOSMemory":                "",
		"runtime/pprof.profileWriter":               "observer",
		"runtime/pprof.Do":                          "",
		"runtime/pprof.Do.func1":                    "",
		"runtime/pprof.DoX":                         "observer",
		"net/http/pprof.Index":                      "observer",
		"net/http.HandlerFunc.ServeHTTP":            "",
		"runtime/trace.Start":                       "observer",
		"runtime/trace.Start.func1":                 "observer",
		"runtime/trace.(*traceMultiplexer).addFull": "observer",
		"runtime/trace.StartRegion":                 "",
		"runtime/trace.WithRegion":                  "",
		"sync.(*Map).Store":                         "passed",
		"sync.(*Mutex).Lock":                        "",
		"internal/sync.(*HashTrieMap[...]).Load":    "passed",
		"sync/atomic.(*Value).Store":                "passed",
		"reflect.Value.SetMapIndex":                 "passed",
		"maps.Clone":                                "passed",
	} {
		got := []string{}
		for _, rule := range []struct {
			name string
			is   bool
		}{{passed, PassedOver(name)}, {runtime, IsRuntime(name)}, {observer, IsObserver(name)}, {grows, IsMapGrowth(name)}} {
			if rule.is {
				got = append(got, rule.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for name, want := range map[string]string{
		"main.f":           "main.f",
		"main.été":         "main.été",
		"a\x1b[31mb":       "a\uFFFD[31mb",
		"a\xffb":           "a\uFFFDb",
		"0123456789abcdef": "0123456789...",
		"012345678é":       "012345678\uFFFD...",
	} {
		if got := Clean(name, 10); got != want || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestTop(t *testing.T) {
	type site struct {
		Place
		size int64
	}
	all := []site{{Place{"b", "", 1}, 1}, {Place{"a", "", 2}, 1}, {Place{"c", "", 0}, 9}, {Place{"a", "", 1}, 1}}
	names := func(sites []site) (s string) {
		for _, site := range sites {
			s += site.Function + string(rune('0'+site.Line))
		}
		return s
	}
	for _, limit := range []int{-1, 0, 2, 9} {
		kept, rest := Top(slices.Clone(all), limit, func(s site) int64 { return s.size }, func(s site) Place { return s.Place })
		if len(kept) != min(max(limit, 0), 4) || names(kept)+names(rest) != "c0a1a2b1" {
			t.Errorf("limit %d: %s and %s", limit, names(kept), names(rest))
		}
	}
}
