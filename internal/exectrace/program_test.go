// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/gctrace"
)

var update = flag.Bool("update", false, "rewrite the expectations; with -run TestProgram also record testdata/go1.NN")

// oldGo is the Go of Debian's bookworm, which writes traces of the old format. A machine may lack it.
const oldGo = "/usr/lib/go-1.19/bin/go"

// truth is what testdata/prog/traced and its gctrace say of the time that was traced.
type truth struct {
	cycles, first       int64
	pause, window       time.Duration // by MemStats
	clockSTW, clockMark time.Duration // by gctrace
	assist              time.Duration // P time by gctrace
	cyclesTraced, procs int64
	trace               []byte
}

// TestProgram traces live programs and holds the result to MemStats and to gctrace of the same cycles.
func TestProgram(t *testing.T) {
	tools := map[string]string{"go1.26": "go"}
	if _, err := os.Stat(oldGo); err == nil {
		tools["go1.19"] = oldGo
	}
	for version, goTool := range tools {
		binary := build(t, goTool)
		for _, mode := range []string{"storm", "assist", "forced", "blocked", "idle"} {
			t.Run(version+"/"+mode, func(t *testing.T) {
				seconds := "0.3"
				switch {
				case mode == "idle":
					seconds = "1.2" // a second generation begins after one
				case *update:
					seconds = "0.01"
				}
				var want truth
				var r Result
				for try := range 5 { // a busy machine stretches what it interrupts
					want = run(t, binary, mode, seconds)
					r = read(t, want.trace, Limits{Bytes: 64 << 20})
					if above := checkTruth(t, r, want); above == "" {
						break
					} else if try == 4 {
						t.Error(above)
					}
				}
				if *update {
					if mode != "forced" && (mode != "idle" || version == "go1.26") {
						record(t, version, mode, want.trace)
					}
					return
				}
				checkMode(t, mode, r)
			})
		}
	}
}

// checkTruth: cycles are exact. A stopped world is in the trace from the moment it is asked for, some microseconds before
// the runtime's own clock of a pause starts, so the trace's sum is the larger one. So is that of
// assists: gctrace has only the marking in them, not the looking for credit around it. It returns what is too large.
func checkTruth(t *testing.T, r Result, want truth) (above string) {
	t.Helper()
	var stw time.Duration
	var pauses int
	for _, s := range r.STW {
		if strings.HasPrefix(s.Reason, "GC ") {
			stw += s.Time
			pauses += s.Count
		}
	}
	t.Logf("%d bytes, %d events, window %v (%v); STW %v (MemStats %v, gctrace %v); mark %v (gctrace %v); assist %v running %v (gctrace %v)",
		len(want.trace), r.Events, r.Window, want.window, stw, want.pause, want.clockSTW, r.GC.Mark, want.clockMark,
		r.Assist.Time, r.Assist.Running, want.assist)
	if int64(r.GC.Cycles) != want.cycles || want.cyclesTraced != want.cycles || int64(pauses) != 2*want.cycles {
		t.Errorf("%d cycles and %d pauses, MemStats has %d cycles, gctrace %d", r.GC.Cycles, pauses, want.cycles, want.cyclesTraced)
	}
	if r.Procs.Last != want.procs {
		t.Errorf("GOMAXPROCS is %d, want %d", r.Procs.Last, want.procs)
	}
	checkResult(t, r)
	slack := time.Duration(pauses) * 20 * time.Microsecond
	for _, c := range []struct {
		what      string
		got, want time.Duration
		below     float64
		above     time.Duration
	}{
		{"window", r.Window, want.window, 0.01, 200 * time.Millisecond},
		{"STW by MemStats", stw, want.pause, 0.02, slack + want.pause/5},
		{"STW by gctrace", stw, want.clockSTW, 0.05, slack + want.clockSTW/5},
		{"mark by gctrace", r.GC.Mark, want.clockMark, 0.1, slack + want.clockMark/10},
		{"assist by gctrace", r.Assist.Time, want.assist, 0.05, time.Hour},
		{"running assist by gctrace", r.Assist.Running, want.assist, 0.1, time.Hour},
	} {
		if float64(c.got) < float64(c.want)*(1-c.below) {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
		if c.got > c.want+c.above {
			above += fmt.Sprintf("%s: got %v, want %v\n", c.what, c.got, c.want)
		}
	}
	return above
}

// checkMode knows what each mode does.
func checkMode(t *testing.T, mode string, r Result) {
	t.Helper()
	waits := map[State]time.Duration{}
	for _, w := range r.Waits {
		waits[w.State] = w.Time
	}
	switch mode {
	case "storm":
		if len(r.Assist.Sites) == 0 || r.Assist.Sites[0].Function != "main.storm" {
			t.Errorf("assists at %+v, want main.storm", r.Assist.Sites)
		}
	case "assist":
		if r.Assist.Goroutines < 16 || r.Assist.Sites[0].Function != "main.tree" || waits[Runnable] == 0 || waits[GCWait] == 0 {
			t.Errorf("%d goroutines assisted, at %+v; waits %v", r.Assist.Goroutines, r.Assist.Sites, waits)
		}
	case "forced":
		if r.Assist.Count > 2 || waits[GCWait] < r.GC.Mark/2 {
			t.Errorf("%d assists; waits %v", r.Assist.Count, waits)
		}
	case "idle":
		if waits[ChanReceive] < r.GC.Mark/2 {
			t.Errorf("%s for %v of %v marking", ChanReceive, waits[ChanReceive], r.GC.Mark)
		}
	case "blocked":
		for _, state := range []State{ChanReceive, MutexLock, CondWait, IOWait, Sleep} {
			if waits[state] < r.GC.Mark/3 || waits[state] > 3*r.GC.Mark {
				t.Errorf("%s for %v of %v marking", state, waits[state], r.GC.Mark)
			}
		}
		if waits[Waiting] > r.GC.Mark/10 || waits[Unknown] > r.GC.Mark/10 {
			t.Errorf("the runtime's own goroutines are counted: %v", waits)
		}
	}
}

// checkResult holds the parts to their wholes.
func checkResult(t testing.TB, r Result) {
	t.Helper()
	sum := r.Assist.Observer
	sum.add(r.Assist.Other)
	for _, s := range r.Assist.Sites {
		sum.add(s.Totals)
		if s.Running > s.Time || s.Time < 0 || s.Running < 0 || s.Function == "" {
			t.Errorf("site %+v", s)
		}
	}
	if sum != r.Assist.Totals {
		t.Errorf("the assists add up to %+v, total is %+v", sum, r.Assist.Totals)
	}
	if r.Window <= 0 || r.GC.Mark < 0 || r.GC.Mark > r.Window || r.Events <= 0 {
		t.Errorf("window %v, mark %v, %d events", r.Window, r.GC.Mark, r.Events)
	}
	for _, s := range r.STW {
		if s.Count <= 0 || s.Max > s.Time || s.Time > r.Window || s.Max < 0 {
			t.Errorf("stopped %+v in %v", s, r.Window)
		}
	}
	for _, w := range r.Waits {
		if w.Time < 0 || w.Idle < 0 || w.Time+w.Idle == 0 {
			t.Errorf("waited %+v", w)
		}
	}
}

func build(t *testing.T, goTool string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "prog")
	source, err := filepath.Abs("testdata/prog/traced/main.go")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), goTool, "build", "-trimpath", "-o", binary, source)
	cmd.Dir = filepath.Dir(binary) // outside the module, whose go line an old toolchain refuses
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off", "GO111MODULE=auto")
	if goTool != "go" {
		cmd.Env = append(cmd.Env, "GOROOT="+filepath.Dir(filepath.Dir(goTool)))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func run(t *testing.T, binary, mode, seconds string) truth {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), binary, mode, seconds, file)
	cmd.Env = append(os.Environ(), "GODEBUG=gctrace=1")
	var out, lines bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &lines
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, lines.Bytes())
	}
	var want truth
	if _, err := fmt.Fscanf(&out, "cycles %d\nfirst %d\npause %d\nwindow %d\nprocs %d\n", &want.cycles, &want.first, &want.pause,
		&want.window, &want.procs); err != nil {
		t.Fatal(err)
	}
	ms := func(v float64) time.Duration { return time.Duration(v * 1e6) }
	s := gctrace.NewScanner(&lines, gctrace.Settings{})
	for s.Scan() {
		if c := s.Record().Cycle; c != nil && c.GC >= want.first && c.GC < want.first+want.cycles {
			want.cyclesTraced++
			want.clockSTW += ms(c.Clock.SweepTerm + c.Clock.MarkTerm)
			want.clockMark += ms(c.Clock.Mark)
			want.assist += ms(c.CPU.Assist)
		}
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want.trace = body
	return want
}

func record(t *testing.T, version, mode string, body []byte) {
	t.Helper()
	dir := filepath.Join("testdata", version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(body)
	w.Close()
	if err := os.WriteFile(filepath.Join(dir, mode+".trace.gz"), zipped.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, body []byte, l Limits) Result {
	t.Helper()
	r, err := Read(t.Context(), bytes.NewReader(body), l)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
