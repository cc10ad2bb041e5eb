// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package receiver

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
)

func makePipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPipeIsReadThroughWritersAndNewPipes(t *testing.T) {
	r := &reader{kept: newMemory(), path: filepath.Join(t.TempDir(), "stderr")}
	makePipe(t, r.path)
	r.start(t)
	say := func(text string) {
		t.Helper()
		w, err := os.OpenFile(r.path, os.O_WRONLY, 0) // waits for the reader
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	say(cycleLines(1, 3))
	r.waitFor(t, 3)
	say(cycleLines(4, 5)) // another writer
	r.waitFor(t, 5)
	if err := os.Remove(r.path); err != nil {
		t.Fatal(err)
	}
	makePipe(t, r.path)
	say(cycleLines(6, 7))
	r.waitFor(t, 7)
	r.stop(t, false)
	if files, _ := r.kept.files(t); files != 0 {
		t.Error("a place in a pipe was kept")
	}
}

// A pipe to which nobody writes, and one whose writer says nothing, do not hold up the end.
func TestSilentPipeEndsWithTheReceiver(t *testing.T) {
	for _, writer := range []bool{false, true} {
		r := &reader{kept: newMemory(), path: filepath.Join(t.TempDir(), "stderr")}
		makePipe(t, r.path)
		r.start(t)
		if writer {
			w, err := os.OpenFile(r.path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
		}
		r.waitFor(t, 0)
		ended := make(chan struct{})
		go func() { r.stop(t, false); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("the reader of a silent pipe does not end")
		}
	}
}

func TestPipeHasOneReader(t *testing.T) {
	r := &reader{kept: newMemory(), path: filepath.Join(t.TempDir(), "stderr"), tel: componenttest.NewTelemetry()}
	makePipe(t, r.path)
	r.start(t)
	for range 3 {
		r.follow(t.Context(), "other", []string{r.path})
	}
	if n := len(r.files); n != 1 {
		t.Errorf("%d readers of one pipe", n)
	}
	if n := crossings(t, r.tel, "one_reader_of_a_pipe"); n != 1 {
		t.Errorf("counted %d times", n)
	}
	r.stop(t, false)
}

func TestStdinIsReadOnceAndDoesNotHoldUpTheEnd(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdin
	os.Stdin = in
	defer func() { os.Stdin = was; in.Close() }()
	r := &reader{kept: newMemory(), path: stdinPath}
	r.start(t)
	if _, err := out.WriteString(cycleLines(1, 3)); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, 3)
	second := &reader{kept: newMemory(), path: stdinPath}
	second.start(t)
	second.wait0(t)
	second.stop(t, false)
	out.Close()
	time.Sleep(2 * tailPoll)
	r.waitFor(t, 3) // what was heard stays
	r.stop(t, false)
	if stdinTaken.Load() {
		t.Error("standard input is still taken")
	}
}

// wait0 waits until nothing is read.
func (r *reader) wait0(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		n := len(r.files)
		r.mu.Unlock()
		if n == 0 {
			return
		}
	}
	t.Fatal("standard input is read twice")
}

// Opening never blocks: a pipe without a writer is refused.
func TestRotatedFileThatIsAPipe(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	path := filepath.Join(t.TempDir(), "0.log")
	makePipe(t, path)
	done := make(chan error, 1)
	go func() {
		_, err := openRegular(path)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a pipe is taken for a file")
		}
	case <-ctx.Done():
		t.Fatal("opening a pipe blocks")
	}
}
