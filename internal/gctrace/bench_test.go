// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// wholeRecord is the obvious other way to read gctrace, the peer in the benchmarks: one expression, line by line.
var wholeRecord = regexp.MustCompile(`^gc (\d+) @(\d+(?:\.\d+)?)s (\d+)%( \(checking for goroutine leaks\))?: ([\d.]+)\+([\d.]+)\+([\d.]+) ms clock, ([\d.]+)\+([\d.]+)/([\d.]+)/([\d.]+)\+([\d.]+) ms cpu, (\d+)->(\d+)->(\d+) MB, (\d+) MB goal(?:, (\d+) MB stacks, (\d+) MB globals)?, (\d+) P( \(forced\))?$`)

// stream is lines of which one in every is a gctrace line.
func stream(lines, every int) []byte {
	r := rand.New(rand.NewPCG(5, 5))
	var b bytes.Buffer
	for i := range lines {
		if i%every == 0 {
			c := randomCycle(r, int64(i/every+1), float64(i)/1000)
			five := int64(5) // stacks and globals hardly change in a process
			c.StacksMB, c.GlobalsMB = &five, &five
			b.Write(append(c.Append(nil), '\n'))
			continue
		}
		b.WriteString(typical["log"](r, i))
	}
	return b.Bytes()
}

func byScanner(in []byte) (found int) {
	s := NewScanner(bytes.NewReader(in), Settings{})
	for s.Scan() {
		if s.Record().Cycle != nil {
			found++
		}
	}
	return found
}

func byRegexp(in []byte) (found int) {
	lines := bufio.NewScanner(bytes.NewReader(in))
	for lines.Scan() {
		m := wholeRecord.FindSubmatch(lines.Bytes())
		if m == nil {
			continue
		}
		for _, number := range m[1:] { // the values, as a reader of them would
			_, _ = strconv.ParseFloat(string(number), 64)
		}
		found++
	}
	return found
}

func BenchmarkScanner(b *testing.B) {
	const lines = 100_000
	for _, mix := range []struct {
		name  string
		every int
	}{{"pure", 1}, {"5%", 20}} {
		in := stream(lines, mix.every)
		for _, impl := range []struct {
			name string
			read func([]byte) int
		}{{"heapgate", byScanner}, {"regexp", byRegexp}} {
			b.Run("mix="+mix.name+"/impl="+impl.name, func(b *testing.B) {
				b.SetBytes(int64(len(in)))
				b.ReportAllocs()
				cpu := cpuTime(b)
				for b.Loop() {
					if got := impl.read(in); got != lines/mix.every {
						b.Fatalf("found %d of %d records", got, lines/mix.every)
					}
				}
				b.ReportMetric(float64(lines)*float64(b.N)/(cpuTime(b)-cpu).Seconds(), "lines/cpu-s")
			})
		}
	}
}

// cpuTime is what the process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestAllocations pins what a Scanner allocates: itself, and nothing for each cycle whose stacks and globals are those of
// the one before.
func TestAllocations(t *testing.T) {
	in := stream(2000, 2)
	r := bytes.NewReader(in)
	got := testing.AllocsPerRun(10, func() {
		r.Reset(in)
		s := NewScanner(r, Settings{})
		for s.Scan() {
		}
		if n := s.Counts().Intact; n != 1000 {
			t.Fatalf("%d intact cycles, want 1000", n)
		}
	})
	if got > 4 {
		t.Errorf("%v allocations for 1000 cycles, want at most 4: scanner, buffer, stacks, globals", got)
	}
}
