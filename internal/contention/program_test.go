// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package contention

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pprof "github.com/google/pprof/profile"
)

// oldGo is the Go of Debian's bookworm. A machine may lack it.
const oldGo = "/usr/lib/go-1.19/bin/go"

// rounds and pause are those of testdata/prog/lock: in each round every goroutine waits for one pause.
const (
	rounds = 20
	pause  = 5 * time.Millisecond
)

// waitsOf is what the functions of testdata/prog/lock wait for, each in every round.
var waitsOf = map[string]Wait{
	"main.waitMutex": MutexLock, "main.waitRead": RWMutex, "main.receive": ChanReceive, "main.send": ChanSend, "main.choose": Select,
	"main.waitCond": Cond, "main.waitGroup": WaitGroup,
}

// TestProgram takes the profiles of a live program and holds them to what it did.
func TestProgram(t *testing.T) {
	tools := map[string]string{"go1.26": "go"}
	if _, err := os.Stat(oldGo); err == nil {
		tools["go1.19"] = oldGo
	}
	for version, goTool := range tools {
		t.Run(version, func(t *testing.T) {
			binary := build(t, goTool)
			mutex, block := profiles(t, binary, "enabled")
			checkMutex(t, mutex)
			checkBlock(t, block)
			if *update {
				record(t, version, "mutex", mutex)
				record(t, version, "block", block)
			}
			for i, body := range disabled(t, binary) {
				if r := result(t, body, []Kind{Mutex, Block}[i]); r.Enabled || len(r.Sites) != 0 {
					t.Errorf("a program that takes no %s profile: %+v", r.Kind, r)
				}
			}
		})
	}
}

func disabled(t *testing.T, binary string) [][]byte {
	mutex, block := profiles(t, binary, "disabled")
	return [][]byte{mutex, block}
}

// checkMutex: the one who unlocks two locks was waited for.
func checkMutex(t *testing.T, body []byte) {
	t.Helper()
	r := result(t, body, Mutex)
	got := map[Wait]Totals{}
	for _, s := range r.Sites {
		if s.Function == "main.round" && s.Wait != RuntimeLock {
			sum := got[s.Wait]
			sum.add(s.Totals)
			got[s.Wait] = sum
		}
	}
	for _, wait := range []Wait{MutexLock, RWMutex} {
		checkWaited(t, "main.round "+string(wait), got[wait])
	}
}

// checkBlock: each function waited once a round for what it waits for.
func checkBlock(t *testing.T, body []byte) {
	t.Helper()
	r := result(t, body, Block)
	got := map[string]Totals{}
	for _, s := range r.Sites {
		if want, ok := waitsOf[s.Function]; ok && s.Wait != want {
			t.Errorf("%s waited for %s, want %s", s.Function, s.Wait, want)
		}
		sum := got[s.Function]
		sum.add(s.Totals)
		got[s.Function] = sum
	}
	for function := range waitsOf {
		checkWaited(t, function, got[function])
	}
}

// checkWaited allows for a machine that is slow, never for one that is fast.
func checkWaited(t *testing.T, what string, got Totals) {
	t.Helper()
	const least = rounds * pause / 2 // a goroutine may come late to its wait
	if got.Count < rounds || got.Count > 2*rounds || got.Delay < least || got.Delay > time.Minute {
		t.Errorf("%s waited %d times, %v; want %d times and about %v", what, got.Count, got.Delay, rounds, rounds*pause)
	}
}

// TestFixtures reads recorded profiles, and adds up the same with google/pprof.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/go1.*/*.pb.gz")
	if err != nil || len(files) < 4 {
		t.Fatalf("got %d profiles, want mutex and block of two versions (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.ToSlash(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			kind := Kind(filepath.Base(file)[:len("mutex")])
			r := result(t, body, kind)
			expected := file[:len(file)-len(".pb.gz")] + ".txt"
			if *update {
				if err := os.WriteFile(expected, []byte(table(r)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), table(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkOracle(t, body, r)
		})
	}
}

func checkOracle(t *testing.T, body []byte, r Result) {
	t.Helper()
	p, err := pprof.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var want Totals
	for _, s := range p.Sample {
		want.Count += s.Value[0]
		want.Delay += time.Duration(s.Value[1])
	}
	if r.Total != want {
		t.Errorf("total is %+v, google/pprof says %+v", r.Total, want)
	}
}

func result(t testing.TB, body []byte, kind Kind) Result {
	t.Helper()
	r, err := Of(decode(t, body), kind, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, r)
	return r
}

func build(t *testing.T, goTool string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "prog")
	source, err := filepath.Abs("testdata/prog/lock/main.go")
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

func profiles(t *testing.T, binary, mode string) (mutex, block []byte) {
	t.Helper()
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "mutex"), filepath.Join(dir, "block")}
	if out, err := exec.CommandContext(t.Context(), binary, mode, files[0], files[1]).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bodies := make([][]byte, len(files))
	for i, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies[i] = body
	}
	return bodies[0], bodies[1]
}

func record(t *testing.T, version, name string, body []byte) {
	t.Helper()
	dir := filepath.Join("testdata", version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".pb.gz"), body, 0o644); err != nil {
		t.Fatal(err)
	}
}
