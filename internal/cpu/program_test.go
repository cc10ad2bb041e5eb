// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cpu

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/gctrace"
	"github.com/heapgate/heapgate/internal/profile"
)

var update = flag.Bool("update", false, "rewrite the expectations; with -run TestProgram also record testdata/go1.NN")

// oldGo is the Go of Debian's bookworm: maps of old, no /cpu/classes. A machine may lack it.
const oldGo = "/usr/lib/go-1.19/bin/go"

// toolchains are the go commands that the live programs are built with, by version.
func toolchains(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"go1.26": "go"}
	if _, err := os.Stat(oldGo); err == nil {
		all["go1.19"] = oldGo
	}
	return all
}

// TestProgram profiles live programs and holds the shares to what their runtime says of the same time: /cpu/classes where
// there is, as a part of all of them, to the cpu fields of gctrace otherwise. The tolerance is what a busy machine and 200
// samples need.
func TestProgram(t *testing.T) {
	const tolerance = 0.10
	for version, goTool := range toolchains(t) {
		binary := build(t, goTool, "./testdata/prog/work")
		for _, mode := range []string{"gc", "plain", "maps"} {
			t.Run(version+"/"+mode, func(t *testing.T) {
				run := work(t, binary, mode, "1.5")
				r := result(t, run.profile)
				t.Logf("%s; marked %.3f by %s", r.summary(), run.marked, run.source)
				if used := float64(run.cpu); math.Abs(float64(r.Program.CPU+r.Observer.CPU)-used) > 0.15*used {
					t.Errorf("the profile has %v of CPU, the system %.2fs", r.Program.CPU, used/1e9)
				}
				// Of a process that waits for its turn gctrace tells too much: its clock goes on.
				starved := run.source == "gctrace" && r.Usage < 0.9
				if r.MarkShare.Share-run.marked > tolerance+2*r.MarkShare.StdErr ||
					!starved && run.marked-r.MarkShare.Share > tolerance+2*r.MarkShare.StdErr {
					t.Errorf("mark share is %.3f, %s says %.3f", r.MarkShare.Share, run.source, run.marked)
				}
				checkWork(t, mode, r)
				if *update && mode != "plain" {
					record(t, version, mode, run.profile)
				}
			})
		}
	}
}

// checkWork knows what each mode does.
func checkWork(t *testing.T, mode string, r Result) {
	t.Helper()
	functions := map[string]float64{}
	for _, site := range r.Sites {
		functions[site.Function] += site.Share.Share
	}
	switch mode {
	case "gc":
		if r.MarkShare.Share < 0.15 || r.MapGrowth.Share > 0.01 {
			t.Errorf("mark share %.3f and map growth %.3f in a program that only makes garbage", r.MarkShare.Share, r.MapGrowth.Share)
		}
	case "plain":
		if r.TotalShare.Share > 0.02 || r.MapGrowth.Samples > 0 {
			t.Errorf("GC share %.3f and map growth %.3f in a program that allocates nothing", r.TotalShare.Share, r.MapGrowth.Share)
		}
	case "maps":
		if functions["main.growInt"] < 0.1 || functions["main.growText"] < 0.02 || functions["main.presized"] > functions["main.growInt"]/4 {
			t.Errorf("map growth by function: %v", functions)
		}
	}
}

// running is what a program did and what its runtime says of that.
type running struct {
	profile []byte
	cpu     int64   // ns, by the system
	marked  float64 // the collector's part of the CPU time, 0..1
	source  string  // of marked
}

func build(t *testing.T, goTool, program string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "prog")
	source, err := filepath.Abs(filepath.Join(program, "main.go"))
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

func work(t *testing.T, binary, mode, seconds string) running {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cpu.pb.gz")
	cmd := exec.CommandContext(t.Context(), binary, mode, seconds, file)
	cmd.Env = append(os.Environ(), "GODEBUG=gctrace=1")
	var truth, trace bytes.Buffer
	cmd.Stdout, cmd.Stderr = &truth, &trace
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, trace.Bytes())
	}
	values := map[string]float64{}
	for line := range strings.Lines(truth.String()) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		values[name] = v
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	run := running{profile: body, cpu: int64(values["cpu"])}
	total := values["/cpu/classes/total:cpu-seconds"] - values["/cpu/classes/idle:cpu-seconds"]
	if total > 0 {
		run.marked, run.source = values["/cpu/classes/gc/total:cpu-seconds"]/total, "/cpu/classes"
	} else {
		run.marked, run.source = traced(t, trace.Bytes())/float64(run.cpu), "gctrace"
	}
	return run
}

// traced adds up the P time of all cycles but the one that the program forces at its end, ns.
func traced(t *testing.T, trace []byte) float64 {
	t.Helper()
	var sum float64
	s := gctrace.NewScanner(bytes.NewReader(trace), gctrace.Settings{})
	for s.Scan() {
		if c := s.Record().Cycle; c != nil && !c.Forced {
			sum += c.CPU.SweepTerm + c.CPU.Assist + c.CPU.Background + c.CPU.Idle + c.CPU.MarkTerm
		}
	}
	return sum * 1e6
}

func decode(t testing.TB, body []byte) *profile.Profile {
	t.Helper()
	p, err := profile.NewDecoder(profile.Limits{}).Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func result(t testing.TB, body []byte) Result {
	t.Helper()
	r, err := Of(decode(t, body), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, r)
	return r
}

func (r Result) summary() string {
	return fmt.Sprintf("%d samples, %.2f cores, GC %.3f, mark %.3f±%.3f, maps %.3f", r.Program.Samples, r.Usage,
		r.TotalShare.Share, r.MarkShare.Share, r.MarkShare.StdErr, r.MapGrowth.Share)
}
