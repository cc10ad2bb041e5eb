// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRuntimeOfTrimmedPrograms: without the path of a toolchain the stacks of maps tell Go 1.26 and later from those before, in
// recorded texts and in what this machine's toolchains build.
func TestRuntimeOfTrimmedPrograms(t *testing.T) {
	old, swiss := Runtime{Maps: OldMaps}, Runtime{SwissMaps, "go1.26"}
	for version, want := range map[string]Runtime{"go1.19": old, "go1.23": old, "go1.26": swiss} {
		dir := filepath.Join("testdata", version)
		if got := snapshotOf(t, filepath.Join(dir, "heap.txt"), filepath.Join(dir, "symbols.txt")).Runtime; got != want {
			t.Errorf("%s: %+v, want %+v", dir, got, want)
		}
	}
	for tool, want := range map[string]Runtime{"go": swiss, oldGo: old} {
		if _, err := os.Stat(tool); err != nil && tool == oldGo {
			continue
		}
		dir := buildProto(t, tool, "exe") // with -trimpath
		for _, run := range runProto(t, dir, "4096", "40", "first") {
			if got := parse(t, run.text).Snapshot(lookup(t, run.symbols)).Runtime; got != want {
				t.Errorf("built by %s: %+v, want %+v", tool, got, want)
			}
		}
	}
}

// TestRuntimeIsNoGuess: one stack that does not fit takes the version back, and so does a name that is not known.
func TestRuntimeIsNoGuess(t *testing.T) {
	const (
		grow  = "1: 10 [1: 10] @ 0x11 0x13 0x101\n#\t0x100\tmain.f+0x1\tx.go:1\n\n"
		bare  = "1: 10 [1: 10] @ 0x13 0x103\n#\t0x102\tmain.g+0x1\tx.go:2\n\n"
		value = "1: 10 [1: 10] @ 0x11 0x105\n#\t0x104\tmain.h+0x1\tx.go:3\n\n"
		gc    = "1: 10 [1: 10] @ 0x11 0x15 0x13 0x101\n#\t0x100\tmain.f+0x1\tx.go:1\n\n"
		dated = "1: 10 [1: 10] @ 0x11 0x13 0x107 0x101\n#\t0x106\treflect.Value.SetMapIndex+0x1\t/usr/local/go1.27.1/src/reflect/map.go:9\n#\t0x100\tmain.f+0x1\tx.go:1\n\n"
		other = "1: 10 [1: 10] @ 0x19 0x105\n#\t0x104\tmain.h+0x1\tx.go:3\n\n"
		blind = "1: 10 [1: 10] @ 0x21 0x13 0x101\n#\t0x100\tmain.f+0x1\tx.go:1\n\n"
		shown = "1: 10 [1: 10] @ 0x109 0x101\n#\t0x108\tinternal/runtime/maps.(*table).rehash+0x1\tinternal/runtime/maps/table.go:9\n#\t0x100\tmain.f+0x1\tx.go:1\n\n"
		both  = "1: 10 [1: 10] @ 0x17 0x101\n#\t0x100\tmain.f+0x1\tx.go:1\n\n"
		names = "0x10 runtime.mallocgc\n0x12 internal/runtime/maps.(*table).rehash\n0x14 runtime.gcAssistAlloc\n0x16 runtime.hashGrow\n0x18 runtime.malg\n"
	)
	for name, try := range map[string]struct {
		text, symbols string
		want          Runtime
	}{
		"each stack of a map":         {grow + value, names, Runtime{SwissMaps, "go1.26"}},
		"one does not":                {grow + bare, names, Runtime{Maps: SwissMaps}},
		"none does":                   {bare + value, names, Runtime{Maps: SwissMaps}},
		"no map":                      {value, names, Runtime{Maps: UnknownMaps}},
		"the collector's own":         {bare + gc, names, Runtime{Maps: SwissMaps}},
		"only the collector's own":    {gc, names, Runtime{Maps: SwissMaps}},
		"the allocator has no name":   {grow, names[len("0x10 runtime.mallocgc\n"):], Runtime{Maps: SwissMaps}},
		"a path says more":            {dated, names, Runtime{SwissMaps, "go1.27.1"}},
		"one begins with no name":     {grow + blind, names, Runtime{SwissMaps, "go1.26"}},
		"one of no map does not":      {grow + other, names, Runtime{SwissMaps, "go1.26"}},
		"one hides nothing":           {grow + shown, names, Runtime{SwissMaps, "go1.26"}},
		"maps of both kinds, no such": {grow + both, names, Runtime{Maps: UnknownMaps}},
	} {
		s := parse(t, "heap profile: 0: 0 [0: 0] @ heap/2\n"+try.text+tail).Snapshot(lookup(t, try.symbols))
		if s.Runtime != try.want {
			t.Errorf("%s: %+v, want %+v", name, s.Runtime, try.want)
		}
	}
}
