// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	noGrace  = 50 * time.Millisecond
	patience = 30 * time.Second // how long a test waits for something that must happen; not a measurement
)

// script starts a shell and returns it with the pid that the script writes first: that of a grandchild.
func script(t *testing.T, start func(program) (*child, error), text string) (c *child, grandchild int) {
	t.Helper()
	stdout := filepath.Join(t.TempDir(), "stdout")
	c, err := start(program{name: "script", path: "/bin/sh", args: []string{"-c", text}, stdout: stdout})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the script writes a pid", func() bool {
		said, err := os.ReadFile(stdout)
		if err != nil {
			t.Fatal(err)
		}
		line, _, whole := strings.Cut(string(said), "\n")
		grandchild, _ = strconv.Atoi(line)
		return whole
	})
	return c, grandchild
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	for name, text := range map[string]string{
		"polite":                  `sleep 1000 & echo $!; wait`,
		"deaf":                    `trap "" TERM; sleep 1000 & echo $!; wait`,
		"grandchild outlives all": `(trap "" TERM; echo $$; exec sleep 1000) & wait`,
		"leader gone already":     `sleep 1000 & echo $!`,
	} {
		t.Run(name, func(t *testing.T) {
			c, grandchild := script(t, start, text)
			c.stop(noGrace)
			for _, pid := range []int{c.pid, grandchild} {
				eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return gone(pid) })
			}
		})
	}
}

func TestFamilyStopsEveryoneWhenItsContextIsCancelled(t *testing.T) {
	parent, interrupt := context.WithCancel(t.Context())
	f, ctx := newFamily(parent, noGrace)
	var pids []int
	for range 3 {
		c, grandchild := script(t, f.start, `sleep 1000 & echo $!; wait`)
		pids = append(pids, c.pid, grandchild)
	}
	interrupt()
	<-ctx.Done()
	f.stop()
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return gone(pid) })
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		t.Errorf("children that were stopped are no failure (got %v)", cause)
	}
}

func TestFamilyEndsWithTheFirstChildThatDies(t *testing.T) {
	f, ctx := newFamily(t.Context(), noGrace)
	defer f.stop()
	survivor, _ := script(t, f.start, `echo 0; exec sleep 1000`)
	dir := t.TempDir()
	if _, err := f.start(program{
		name: "shop bad", path: "/bin/sh", args: []string{"-c", "echo $GREETING; echo no port >&2; exit 3"}, env: []string{"GREETING=hello"},
		stdout: filepath.Join(dir, "out"), stderr: filepath.Join(dir, "err"),
	}); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	want := "shop bad ended early: exit status 3; the end of its output:\nhello\nand of its stderr:\nno port"
	if got := context.Cause(ctx).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if gone(survivor.pid) {
		t.Error("only the context is cancelled; stopping the others is for stop")
	}
}

func TestStartTellsWhatIsWrong(t *testing.T) {
	_, err := start(program{name: "nothing", path: "/no/such/program", stdout: filepath.Join(t.TempDir(), "out")})
	if err == nil || !strings.Contains(err.Error(), "nothing does not start: ") {
		t.Errorf("got %v", err)
	}
}

func TestRunCommandIsKilledWithItsGroup(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- runCommand(ctx, noGrace, writer, io.Discard, "/bin/sh", "-c", `trap "" TERM; sleep 1000 & echo $!; wait`)
	}()
	line := make([]byte, 32)
	n, err := reader.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("seen enough")
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Errorf("got %v, want the cause", err)
	}
	eventually(t, "the grandchild is gone", func() bool { return gone(pid) })
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for name, tt := range map[string]struct {
		text string
		most int64
		want string
	}{
		"short":     {text: "one\ntwo\n", most: 100, want: "one\ntwo"},
		"exact":     {text: "one\ntwo\n", most: 8, want: "one\ntwo"},
		"cut line":  {text: "one\ntwo\n", most: 6, want: "two"},
		"long line": {text: strings.Repeat("x", 50), most: 6, want: "xxxxxx"},
		"empty":     {text: "", most: 6, want: "(nothing)"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := tail(path, tt.most); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := tail(filepath.Join(t.TempDir(), "none"), 10); !strings.Contains(got, "no such file") {
		t.Errorf("got %q", got)
	}
}

// gone is true for a process that does not run any more, be it that nobody has collected its exit status yet.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return bytes.HasPrefix(state, []byte("Z"))
}

func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if happened() {
			return
		}
	}
	t.Fatalf("in vain: %s", what)
}
