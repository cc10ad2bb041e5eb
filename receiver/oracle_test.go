// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func same(a, b heardFile) bool {
	for _, sums := range [][2]map[string]float64{{a.clock, b.clock}, {a.cpu, b.cpu}} {
		for name, v := range sums[0] {
			if math.Abs(v-sums[1][name]) > 1e-9 {
				return false
			}
		}
	}
	return fmt.Sprint(a.records, a.cycles, a.summed, a.overGoal, a.live, a.goal, a.procs, a.elapsed) ==
		fmt.Sprint(b.records, b.cycles, b.summed, b.overGoal, b.live, b.goal, b.procs, b.elapsed)
}

// stderrText is what a process, wrapped or not, wrote: whole and torn records between lines of others.
func stderrText(random *rand.Rand, cri bool) string {
	var raw strings.Builder
	for n := 1; n <= 60; n++ {
		line := cycleLine(n)
		switch cut := random.IntN(len(line) - 1); random.IntN(6) {
		case 0:
			raw.WriteString("2026/11/21 06:00:00 request done gc \n")
		case 1:
			line = line[:cut] + "2026/11/21 06:00:00 torn here\n" + line[cut:]
		case 2:
			line = strings.TrimSuffix(line, "\n") + " (forced)\n"
		case 3:
			line = line[:cut] + "\n" // never ends
		}
		raw.WriteString(line)
	}
	if !cri {
		return raw.String()
	}
	var wrapped strings.Builder
	for line := range strings.Lines(raw.String()) {
		if cut := random.IntN(len(line)); random.IntN(4) == 0 {
			wrapped.WriteString("2026-11-21T06:00:00.1Z stderr P " + line[:cut] + "\n")
			line = line[cut:]
		}
		if random.IntN(3) == 0 {
			wrapped.WriteString("2026-11-21T06:00:00.1Z stdout F " + cycleLine(7))
		}
		wrapped.WriteString("2026-11-21T06:00:00.1Z stderr F " + line)
	}
	return wrapped.String()
}

// A reader that is stopped, killed and overtaken by rotation anywhere has the sums of one that read everything at once.
func TestNoCycleIsLostOrCountedTwice(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			text := stderrText(random, seed%2 == 0)
			oracle := &reader{kept: newMemory(), path: filepath.Join(t.TempDir(), "0.log")}
			write(t, oracle.path, text, 0)
			oracle.start(t)
			time.Sleep(time.Second)
			want := oracle.sums(t)
			oracle.stop(t, false)

			dir := t.TempDir()
			r := &reader{kept: newMemory(), path: filepath.Join(dir, "0.log")}
			var did []string
			write(t, r.path, "", 0)
			r.start(t)
			rotations := 0
			for len(text) > 0 {
				n := min(len(text), 1+random.IntN(900))
				write(t, r.path, text[:n], os.O_APPEND)
				text = text[n:]
				rotate := func() {
					rotations++
					if err := os.Rename(r.path, fmt.Sprintf("%s.20261121-06%04d", r.path, rotations)); err != nil {
						t.Fatal(err)
					}
					write(t, r.path, "", 0)
				}
				op := random.IntN(8)
				if op >= 4 {
					time.Sleep(6 * time.Second)
					if saved, ok := r.offsets.take(fileKey{"p", r.path}); !ok || saved.Place.Inode != inodeOf(t, r.path) {
						continue // behind two rotations the file that was read last is not looked for
					}
				}
				switch op {
				case 0, 1: // stopped or killed before everything was read
					r.stop(t, op == 1)
					did = append(did, []string{"stop", "kill"}[op])
					r.start(t)
				case 2, 3:
					time.Sleep(time.Duration(random.IntN(7000)) * time.Millisecond)
					r.stop(t, op == 3)
					did = append(did, []string{"read, stop", "read, kill"}[op-2])
					r.start(t)
				case 4:
					rotate()
					did = append(did, "rotate")
					time.Sleep(6 * time.Second)
				case 5:
					r.stop(t, random.IntN(2) == 0)
					rotate()
					did = append(did, "stop, rotate")
					r.start(t)
					time.Sleep(6 * time.Second)
				}
			}
			time.Sleep(time.Second)
			if got := r.sums(t); !same(got, want) {
				t.Errorf("seed %d after %q:\n%+v\nat once\n%+v", seed, did, got, want)
			}
			r.stop(t, false)
			if t.Failed() {
				t.FailNow()
			}
		})
		if t.Failed() {
			return
		}
	}
}
