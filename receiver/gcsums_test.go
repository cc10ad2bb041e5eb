// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"math"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/gctrace"
)

// TestElapsedIsTheEndOfTheCycle: with cycles of seconds, CPU times over the time from start to start would be those of another
// time. These are of a process of Go 1.19 on 2 processors that collected half of the time.
func TestElapsedIsTheEndOfTheCycle(t *testing.T) {
	const text = `gc 7 @17.963s 38%: 30+5977+0.005 ms clock, 60+3928/3002/1957+0.010 ms cpu, 300->646->460 MB, 334 MB goal, 0 MB stacks, 6 MB globals, 2 P
gc 8 @24.058s 40%: 0.054+5601+0.004 ms clock, 0.10+3162/2766/2186+0.008 ms cpu, 623->1186->677 MB, 693 MB goal, 0 MB stacks, 6 MB globals, 2 P
gc 9 @29.777s 43%: 0.077+11849+0.003 ms clock, 0.15+6176/5995/4460+0.006 ms cpu, 917->1807->1004 MB, 1019 MB goal, 0 MB stacks, 6 MB globals, 2 P
`
	heard := summed(t, text)
	for i, want := range []float64{17.963 + 6.007005, 24.058 + 5.601058, 29.777 + 11.84908} {
		if got := heard[i].elapsed; math.Abs(got-want) > 1e-9 {
			t.Errorf("at the end of gc %d the process is %v s old, want %v", 7+i, got, want)
		}
	}
	work := func(h heardFile) float64 {
		return h.cpu["sweep_term"] + h.cpu["assist"] + h.cpu["background"] + h.cpu["mark_term"]
	}
	share := (work(heard[2]) - work(heard[0])) / (2 * (heard[2].elapsed - heard[0].elapsed))
	if want := 0.5135; math.Abs(share-want) > 0.01 { // the runtime's own account
		t.Errorf("a share of the CPU of %.4f, want %.4f", share, want)
	}
}

// TestElapsedNeverGoesBack: that would be another process. Times are cut off to milliseconds, and a cycle whose phases were torn
// has only its beginning.
func TestElapsedNeverGoesBack(t *testing.T) {
	const text = `gc 1 @0.010s 2%: 0.50+9.8+0.40 ms clock, 0.50+0/1.0/0+0.40 ms cpu, 7->8->5 MB, 10 MB goal, 0 MB stacks, 8 MB globals, 2 P
gc 2 @0.020s 2%: 0.032+1.5+0.001 ms clock, 0.064+0.90/1.0/1.3+0.036 ms cpu, 7->8->5 MB, 10 MB goal, 0 MB stacks, 8 MB globals, 2 P
`
	heard := summed(t, text)
	if a, b := heard[0].elapsed, heard[1].elapsed; math.Abs(a-0.0207) > 1e-9 || math.Abs(b-0.021533) > 1e-9 {
		t.Errorf("ends at %v and %v", a, b)
	}
	s := newGCSums("p")
	for _, c := range []gctrace.Cycle{
		{GC: 1, At: 0.010, Clock: gctrace.Clock{SweepTerm: 0.5, Mark: 9.8, MarkTerm: 0.4}},
		{GC: 2, At: 0.020, Absent: gctrace.FieldClockMark},
		{GC: 3, At: 0.030, Clock: gctrace.Clock{SweepTerm: 0.5, MarkTerm: 0.4}, Absent: gctrace.FieldClockMark},
	} {
		s.sum(&c)
		if want := []float64{0.0207, 0.0207, 0.030}[c.GC-1]; math.Abs(s.now.elapsed-want) > 1e-9 {
			t.Errorf("after gc %d the process is %v s old, want %v", c.GC, s.now.elapsed, want)
		}
	}
	s.sum(&gctrace.Cycle{GC: 1, At: 0.001})
	if s.now.elapsed != 0.001 {
		t.Errorf("another process is %v s old, want 0.001", s.now.elapsed)
	}
}

// summed is what was heard after each record.
func summed(t *testing.T, text string) (heard []heardFile) {
	t.Helper()
	s := newGCSums("p")
	scanner := gctrace.NewScanner(strings.NewReader(text), gctrace.Settings{})
	for scanner.Scan() {
		s.add(scanner.Record(), place{}, false)
		heard = append(heard, s.now.clone())
	}
	if scanner.Err() != nil {
		t.Fatal(scanner.Err())
	}
	return heard
}
