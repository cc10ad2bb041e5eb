// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// oldGo is the Go of Debian's bookworm: maps of old, dumps without gp= and m=. A machine may lack it.
const oldGo = "/usr/lib/go-1.19/bin/go"

// deaths are the ways of testdata/prog/dies and what is to be told of each.
var deaths = []struct {
	way, function string
	kind          Kind
	other         Kind // what it can be as well
	recorded      bool
}{
	{"writes", "main.(*cache).put", MapWrites, "", true},
	{"readwrite", "main.(*cache).get", MapReadWrite, MapWrites, true},
	{"iterwrite", "main.(*cache).sum", MapIterationWrite, MapWrites, true},
	{"oom", "main.grow", OutOfMemory, "", true},
	{"oomsmall", "main.link", OutOfMemory, "", true},
	{"oomstack", "main.deeper", OutOfMemory, "", false},
	{"stack", "main.recurse", StackOverflow, "", true},
	{"deadlock", "main.lockTwice", Deadlock, "", true},
	{"unlock", "main.unlockTwice", Fatal, "", true},
	{"nil", "main.(*point).at", Panic, "", true},
	{"panic", "main.fail", Panic, "", true},
	{"repanic", "main.order", Panic, "", true},
}

// TestProgram lets real programs die, alone and beside a thread that logs all the time, and holds what is told to their
// source.
func TestProgram(t *testing.T) {
	source, err := os.ReadFile("testdata/prog/dies/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for version, goTool := range toolchains() {
		binary := build(t, goTool)
		for _, death := range deaths {
			t.Run(version+"/"+death.way, func(t *testing.T) {
				t.Parallel()
				for _, args := range [][]string{{death.way}, {death.way, "20us"}} {
					if len(args) > 1 && death.kind == Deadlock {
						continue // who logs is not asleep
					}
					dump := die(t, binary, args)
					found := find(dump, 0)
					if len(found) != 1 {
						t.Fatalf("%d crashes\n%s\n%s", len(found), describe(found), dump)
					}
					c := found[0]
					if c.Kind != death.kind && c.Kind != death.other {
						t.Errorf("kind %s, want %s", c.Kind, death.kind)
					}
					torn := strings.Contains(strings.Join(c.Notes, " "), "lines of others")
					if line := lineOf(source, death.way); c.Kind == death.kind && !torn && (c.Function != death.function || c.Line != line || filepath.Base(c.File) != "main.go") {
						t.Errorf("%s:%d in %s, want %s:%d\n%s", c.File, c.Line, c.Function, death.function, line, dump[:min(len(dump), 4000)])
					}
					if *update && death.recorded && len(args) == 1 {
						record(t, version, death.way, dump)
					}
				}
			})
		}
	}
}

// TestJSONCaller: the runtime finds the race inside the standard library; the program's own frame is told as well.
func TestJSONCaller(t *testing.T) {
	for version, goTool := range toolchains() {
		t.Run(version, func(t *testing.T) {
			dump := die(t, build(t, goTool), []string{"json"})
			found := find(dump, 0)
			if len(found) != 1 || found[0].Kind != MapIterationWrite && found[0].Kind != MapWrites {
				t.Fatalf("%s\n%s", describe(found), dump)
			}
			if c := found[0]; c.Kind == MapIterationWrite && (!strings.HasPrefix(c.Function, "encoding/json.") || !strings.HasPrefix(c.Caller.Function, "main.ways.")) {
				t.Errorf("%s called by %s\n%s", c.Function, c.Caller.Function, dump)
			}
		})
	}
}

// TestTraceback has the runtime print all there is, a little, and nothing. (It prints the stack of its own failures, such as
// memory that ran out, even then.)
func TestTraceback(t *testing.T) {
	for version, goTool := range toolchains() {
		binary := build(t, goTool)
		for _, level := range []string{"all", "system", "single", "none"} {
			t.Run(version+"/"+level, func(t *testing.T) {
				want := "main.lockTwice"
				if level == "none" {
					want = ""
				}
				dump := die(t, binary, []string{"deadlock"}, "GOTRACEBACK="+level)
				if found := find(dump, 0); len(found) != 1 || found[0].Kind != Deadlock || found[0].Function != want {
					t.Errorf("%s\n%s", describe(found), dump)
				}
				if found := find(die(t, binary, []string{"panic"}, "GOTRACEBACK="+level), 0); len(found) == 1 != (level != "none") {
					t.Errorf("of a panic: %s", describe(found))
				}
			})
		}
	}
}

func toolchains() map[string]string {
	all := map[string]string{"go1.26": "go"}
	if _, err := os.Stat(oldGo); err == nil {
		all["go1.19"] = oldGo
	}
	return all
}

func build(t *testing.T, goTool string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "dies")
	source, err := filepath.Abs("testdata/prog/dies/main.go")
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

// die is what the program writes to its stderr.
func die(t *testing.T, binary string, args []string, env ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(append(os.Environ(), "GOTRACEBACK=", "GOMAXPROCS=2"), env...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 2 {
		t.Fatalf("%v: %v\n%s", args, err, stderr.Bytes())
	}
	return stderr.Bytes()
}

// lineOf is the line of the source that has the comment of a way to die.
func lineOf(source []byte, way string) int {
	before, _, ok := bytes.Cut(source, []byte("// dies: "+way+"\n"))
	if !ok {
		return -1
	}
	return 1 + bytes.Count(before, []byte{'\n'})
}

func record(t *testing.T, version, way string, dump []byte) {
	t.Helper()
	archive := &txtar.Archive{
		Comment: fmt.Appendf(nil, "What `dies %s` of testdata/prog wrote, built with %s.\n", way, version),
		Files:   []txtar.File{{Name: "in", Data: dump}, {Name: "out", Data: []byte(describe(find(dump, 0)))}},
	}
	if err := os.WriteFile("testdata/"+version+"_"+way+".txtar", txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
