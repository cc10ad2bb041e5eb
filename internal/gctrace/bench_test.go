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

	"github.com/heapgate/heapgate/internal/crash"
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

func byScanner(in []byte) (found int) { return scan(in, Settings{}) }

func byScannerWithCrashes(in []byte) (found int) {
	return scan(in, Settings{Crashes: crash.New(func(crash.Crash) {})})
}

func scan(in []byte, set Settings) (found int) {
	s := NewScanner(bytes.NewReader(in), set)
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

// tornStream is a stream whose records have, every 14th of them, a log line between their tokens.
func tornStream(lines, every int) []byte {
	r := rand.New(rand.NewPCG(6, 6))
	var b bytes.Buffer
	for line := range bytes.Lines(stream(lines, every)) {
		if !bytes.HasPrefix(line, []byte("gc ")) {
			b.Write(line)
			continue
		}
		var c Cycle
		_, stacks, globals, _ := intact(bytes.TrimSuffix(line, newline), &c)
		c.StacksMB, c.GlobalsMB = &stacks, &globals
		b.Write(torn(r, []Cycle{c}, 0.002, typical["log"]))
	}
	return b.Bytes()
}

// BenchmarkScanner reads records alone and records among 19 times as many log lines, and both with every 14th record torn.
// heapgate looks for crashes as well, nocrash does not.
func BenchmarkScanner(b *testing.B) {
	const lines = 100_000
	for _, mix := range []struct {
		name    string
		in      []byte
		records int
	}{{"pure", stream(lines, 1), lines}, {"5%", stream(lines, 20), lines / 20}, {"torn", tornStream(lines, 1), lines}, {"torn5%", tornStream(lines, 20), lines / 20}} {
		count := bytes.Count(mix.in, newline)
		for _, impl := range []struct {
			name string
			read func([]byte) int
			min  float64 // share of the records that it finds
		}{{"heapgate", byScannerWithCrashes, 0.99}, {"nocrash", byScanner, 0.99}, {"regexp", byRegexp, 0.9}} {
			b.Run("mix="+mix.name+"/impl="+impl.name, func(b *testing.B) {
				b.SetBytes(int64(len(mix.in)))
				b.ReportAllocs()
				cpu := cpuTime(b)
				for b.Loop() {
					if got := impl.read(mix.in); float64(got) < impl.min*float64(mix.records) {
						b.Fatalf("found %d of %d records", got, mix.records)
					}
				}
				b.ReportMetric(float64(count)*float64(b.N)/(cpuTime(b)-cpu).Seconds(), "lines/cpu-s")
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
