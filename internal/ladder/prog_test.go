// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// toolchains are today's and, where it is at hand, an old one with the maps before Go 1.24.
var toolchains = map[string][]string{
	"":       {"go"},
	"go1.19": {"/usr/lib/go-1.19/bin/go", "GOTOOLCHAIN=local", "GOROOT=/usr/lib/go-1.19", "GOFLAGS=", "GO111MODULE=off"},
}

// profiled runs testdata/prog and gives what a protobuf profile would say of it.
func profiled(t *testing.T, toolchain string, args ...string) []Block {
	t.Helper()
	how := toolchains[toolchain]
	if _, err := exec.LookPath(how[0]); err != nil {
		t.Skipf("no such toolchain: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	program := filepath.Join(t.TempDir(), "prog")
	build := exec.CommandContext(ctx, how[0], "build", "-o", program, "testdata/prog/main.go")
	build.Env = append(os.Environ(), how[1:]...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var blocks []Block
	for line := range strings.Lines(string(out)) {
		var b Block
		if _, err := fmt.Sscan(line, &b.Function, &b.Line, &b.Size, &b.Allocated, &b.Inuse); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// TestRealPrograms: growing maps are found by their block sizes alone, appending to slices and making values is not mistaken for
// them, and the group sizes are those of the maps.
func TestRealPrograms(t *testing.T) {
	groups := map[Maps]map[string]int64{ // 8 + 8*slot, 16 + 8*(key+element)
		Swiss: {"main.growInts": 136, "main.growSlices": 264, "main.growStrings": 904, "main.fillPairs5000": 264},
		Old:   {"main.growInts": 144, "main.growSlices": 272, "main.growStrings": 912, "main.fillPairs5000": 272},
	}
	for toolchain, maps := range map[string]Maps{"": Swiss, "go1.19": Old} {
		t.Run(string(maps), func(t *testing.T) {
			blocks := profiled(t, toolchain)
			for _, said := range []Maps{maps, Either} {
				found := map[string]Growth{}
				for _, g := range Find(blocks, Settings{Runtime: string(said), Rate: 1}) {
					if g.Likely {
						found[g.Function] = g
					}
				}
				for function, group := range groups[maps] {
					g, ok := found[function]
					if !ok || g.MinGroup > group || g.MaxGroup < group && g.Maps == maps {
						t.Errorf("told %q: %s is found: %v, groups of %d to %d bytes, want %d", said, function, ok, g.MinGroup, g.MaxGroup, group)
					}
				}
				for _, function := range []string{"main.appendInts", "main.appendPairs", "main.values"} {
					if g, ok := found[function]; ok {
						t.Errorf("told %q: %s is taken for a map: %+v", said, function, g)
					}
				}
			}
		})
	}
}

// TestPresizeOfRealPrograms: the size of the maps is known within the factor of two that their capacity leaves.
func TestPresizeOfRealPrograms(t *testing.T) {
	want := map[string][2]int{"main.fillInts100": {100, 209}, "main.fillPairs5000": {5000, 10000}}
	requests := map[string]int64{"main.fillInts100": 100, "main.fillPairs5000": 2}
	for toolchain, version := range map[string]string{"": "go1.26.8", "go1.19": "go1.19.8"} {
		t.Run(version, func(t *testing.T) {
			made := map[string]*Made{}
			for _, b := range profiled(t, toolchain) {
				// Overflow buckets are of another class, and the GC's own allocations of none.
				if want[b.Function] == [2]int{} || version == "go1.19.8" && (b.Size < 144 || b.Allocated/b.Size > requests[b.Function]) {
					continue
				}
				m := made[b.Function]
				if m == nil {
					m = &Made{Rate: 1}
					made[b.Function] = m
				}
				m.Largest = max(m.Largest, float64(b.Size))
				m.Allocated += float64(b.Allocated)
				m.Objects += float64(b.Allocated / b.Size)
				m.Samples = m.Objects
			}
			for function, limits := range want {
				got, ok := RuntimeOf(version).Presize(*made[function])
				if !ok || got < limits[0] || got > limits[1] {
					t.Errorf("%s: presize to %d (known: %v), want %v; of %+v", function, got, ok, limits, *made[function])
				}
			}
		})
	}
}

// TestPresizeOfSampledPrograms: with few of the blocks sampled it is off by one doubling at most. One draw of the samples in forty leaves
// it open, as the 95 % of its intervals say; three in a row are no accident.
func TestPresizeOfSampledPrograms(t *testing.T) {
	capacity := map[string][2]float64{"main.fillInts100": {112, 104}, "main.fillPairs5000": {7168, 6656}} // Swiss and old
	for i, toolchain := range []string{"", "go1.19"} {
		open := []string{"main.fillInts100", "main.fillPairs5000"}
		for draw := 0; draw < 3 && len(open) > 0; draw++ {
			made := sampledMaps(t, toolchain)
			open = slices.DeleteFunc(open, func(function string) bool {
				got, ok := RuntimeOf([]string{"go1.26.8", "go1.19.8"}[i]).Presize(*made[function])
				t.Logf("%s: presize to %d (known: %v) of %+v", function, got, ok, *made[function])
				if want := capacity[function][i]; ok && (float64(got) < want/2 || float64(got) > want*2) {
					t.Errorf("%s: presize to %d, want about %v; of %+v", function, got, want, *made[function])
				}
				return ok
			})
		}
		if len(open) > 0 {
			t.Errorf("%q: not known how to presize %q, in three draws", toolchain, open)
		}
	}
}

// sampledMaps is one draw: what a profile with few samples says of the maps of the program.
func sampledMaps(t *testing.T, toolchain string) map[string]*Made {
	t.Helper()
	const rate = 8192
	bucket := map[string]int64{"main.fillInts100": 144, "main.fillPairs5000": 288}
	made := map[string]*Made{}
	for _, b := range profiled(t, toolchain, "-rate", fmt.Sprint(rate), "-times", "8000") {
		if bucket[b.Function] == 0 || toolchain != "" && b.Size <= bucket[b.Function] { // overflow buckets are of another class
			continue
		}
		m := made[b.Function]
		if m == nil {
			m = &Made{Rate: rate}
			made[b.Function] = m
		}
		p := -math.Expm1(-float64(b.Size) / rate)
		samples := float64(b.Allocated / b.Size)
		m.Largest = max(m.Largest, float64(b.Size))
		m.Allocated += samples * float64(b.Size) / p
		m.Objects += samples / p
		m.Samples += samples
	}
	return made
}
