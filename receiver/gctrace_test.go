// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// cycleLine is cycle n of a process on 2 processors: 3 ms of GC CPU that is not idle, 5 MB live, a goal of 10 MB.
func cycleLine(n int) string {
	return fmt.Sprintf("gc %d @%d.000s 2%%: 0.032+1.5+0.001 ms clock, 0.064+0.90/1.0/1.3+0.036 ms cpu, 7->8->5 MB, 10 MB goal, 0 MB stacks, 8 MB globals, 2 P\n", n, n)
}

func cycleLines(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		b.WriteString(cycleLine(n))
	}
	return b.String()
}

func write(t *testing.T, path, text string, flags int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func near(want float64) func(float64) bool {
	return func(got float64) bool { return math.Abs(got-want) < 1e-6 }
}

func TestGCTraceIsSummedWhileTheTargetIsDown(t *testing.T) {
	log := filepath.Join(t.TempDir(), "stderr.log")
	write(t, log, "starting\n"+cycleLines(1, 3), 0)
	var out sink
	down := targetAt("p", "http://127.0.0.1:1")
	down.GCTrace.Files = []string{log}
	run(t, &out, down)
	out.wait(t, "p", "heapgate.gctrace.cycles", is(3))
	out.wait(t, "p", "heapgate.target.up", is(0))
	write(t, log, "level=info msg=x\n"+cycleLines(4, 10), os.O_APPEND)
	out.wait(t, "p", "heapgate.gctrace.cycles", is(10))
	for name, want := range map[string]float64{
		"heapgate.gctrace.summed": 10, "heapgate.gc.elapsed": 10.001533, "heapgate.gc.over_goal": 0, "go.processor.limit": 2,
		"heapgate.gc.cpu.time{heapgate.gc.work=assist}": 0.009, "heapgate.gc.cpu.time{heapgate.gc.work=background}": 0.010,
		"heapgate.gc.cpu.time{heapgate.gc.work=idle}": 0.013, "heapgate.gc.cpu.time{heapgate.gc.work=sweep_term}": 0.00064,
		"heapgate.gc.clock.time{heapgate.gc.phase=mark}": 0.015,
		"heapgate.gctrace.heap.live":                     5 << 20, "heapgate.gctrace.heap.goal": 10 << 20,
		"heapgate.gctrace.records{heapgate.record.state=intact}": 10, "heapgate.gctrace.records{heapgate.record.state=bad}": 0,
	} {
		out.wait(t, "p", name, near(want))
	}
}

func TestGCTraceFollowsRotationTruncationAndRestart(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "stderr.log")
	write(t, log, cycleLines(1, 3), 0)
	var out sink
	p := targetAt("p", "http://127.0.0.1:1")
	p.GCTrace.Files = []string{log}
	run(t, &out, p)
	out.wait(t, "p", "heapgate.gctrace.cycles", is(3))

	if err := os.Rename(log, filepath.Join(dir, "stderr.log.1")); err != nil {
		t.Fatal(err)
	}
	write(t, log, cycleLines(4, 6), 0)
	out.wait(t, "p", "heapgate.gctrace.summed", is(6))

	before := out.startOf("p", "heapgate.gctrace.cycles")
	write(t, log, cycleLines(1, 2), os.O_TRUNC)
	out.wait(t, "p", "heapgate.gctrace.summed", is(2))
	out.wait(t, "p", "heapgate.gctrace.cycles", is(2))
	if out.startOf("p", "heapgate.gctrace.cycles") <= before {
		t.Error("the restarted process kept the old start of its sums")
	}
}

// Sums of two processes would be wrong for both: none are emitted, and what was heard is counted.
func TestTwoProcessesInOneFileAreNotSummed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "stderr.log")
	var mixed strings.Builder
	for n := 1; n <= 20; n++ {
		mixed.WriteString(cycleLine(n))
		mixed.WriteString(cycleLine(n + 500))
	}
	write(t, log, mixed.String(), 0)
	var out sink
	p := targetAt("p", "http://127.0.0.1:1")
	p.GCTrace.Files = []string{log}
	run(t, &out, p)
	out.wait(t, "p", "heapgate.gctrace.records{heapgate.record.state=intact}", is(40))
	if v, ok := out.value("p", "heapgate.gc.elapsed"); ok {
		t.Errorf("sums are emitted for two mixed processes: elapsed %v", v)
	}
}

func TestFilesWithoutTargetAreTargetsOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"), cycleLines(1, 2), 0)
	write(t, filepath.Join(dir, "b.log"), cycleLines(1, 4), 0)
	var out sink
	cfg := createDefaultConfig()
	cfg.CollectionInterval = 100 * time.Millisecond
	cfg.GCTrace.Files = []string{filepath.Join(dir, "*.log")}
	start(t, &out, cfg)
	out.wait(t, filepath.Join(dir, "a.log"), "heapgate.gctrace.cycles", is(2))
	out.wait(t, filepath.Join(dir, "b.log"), "heapgate.gctrace.cycles", is(4))
}

// gctrace says how long a cycle began after the start, the heap text when it ended: together they say when the process started.
func TestStartOfTheProcessComesFromBothSources(t *testing.T) {
	log := filepath.Join(t.TempDir(), "stderr.log")
	write(t, log, cycleLines(990, 1000), 0)
	var numGC atomic.Uint64
	numGC.Store(1000) // the heap text's cycle 1000 ended at unix second 1000; gctrace's began 1000 s after the start
	var out sink
	p := targetAt("p", server(t, fake(func() string { return heapText(numGC.Load(), 1000) })))
	p.GCTrace.Files = []string{log}
	run(t, &out, p)
	out.wait(t, "p", "heapgate.process.start_time", func(v float64) bool { return math.Abs(v) < 0.01 })
}
