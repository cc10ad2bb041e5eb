// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

const gcCycle = "gc %d @0.012s 16%%: 0.028+6.9+0.006 ms clock, 0.057+2.4/1.3/2.0+0.012 ms cpu, 7->8->4 MB, 8 MB goal, 0 MB stacks, 8 MB globals, 2 P\n"

// TestInspectGCTraceFollows: a cycle is on stdout while the input goes on.
func TestInspectGCTraceFollows(t *testing.T) {
	in, write := io.Pipe()
	read, out := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(context.Background(), []string{"inspect", "gctrace"}, streams{in: in, out: out, err: io.Discard})
	}()
	lines := bufio.NewScanner(read)
	for i := range 3 {
		if _, err := fmt.Fprintf(write, gcCycle, i+1); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), fmt.Sprintf(`{"line":%d,"gc":%d,`, i+1, i+1)) {
			t.Fatalf("got %q, %v", lines.Text(), lines.Err())
		}
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != exitPass {
		t.Errorf("exit code %d, want %d", got, exitPass)
	}
}

// TestInspectGCTraceManyBad: the first 20 bad records are told one by one, the rest by its number.
func TestInspectGCTraceManyBad(t *testing.T) {
	code, stdout, stderr := heapgate(strings.Repeat("gc1(1): 1+0+95+0 us, 0 -> 0 MB\n", 23), "inspect", "gctrace", "-")
	if code != exitPass || stdout != "" {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
	if got := strings.Count(stderr, "bad record (unsupported_format)"); got != maxToldBad {
		t.Errorf("%d bad records are told, want %d", got, maxToldBad)
	}
	if want := "and 3 more bad records\nrecords=23 mended=0 ambiguous=0 bad=23\n"; !strings.HasSuffix(stderr, want) {
		t.Errorf("stderr %q, want %q at its end", stderr, want)
	}
}

// TestInspectGCTraceBrokenInput: what was read is written and counted, the error follows, and the code is 1.
func TestInspectGCTraceBrokenInput(t *testing.T) {
	var out, told strings.Builder
	in := io.MultiReader(strings.NewReader(fmt.Sprintf(gcCycle, 1)), brokenPipe{})
	code := run(context.Background(), []string{"inspect", "gctrace", "-"}, streams{in: in, out: &out, err: &told})
	if code != exitFailure || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("exit code %d, stdout %q", code, out.String())
	}
	if want := "records=1 mended=0 ambiguous=0 bad=0\nheapgate: -: the pipe broke\n"; told.String() != want {
		t.Errorf("stderr %q, want %q", told.String(), want)
	}
}

// TestInspectGCTraceBrokenOutput: nobody reads any more.
func TestInspectGCTraceBrokenOutput(t *testing.T) {
	for _, format := range []string{"json", "table"} {
		code := run(context.Background(), []string{"inspect", "gctrace", "-o", format}, streams{in: strings.NewReader(fmt.Sprintf(gcCycle, 1)), out: brokenPipe{}, err: io.Discard})
		if code != exitFailure {
			t.Errorf("%s: exit code %d, want %d", format, code, exitFailure)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Read([]byte) (int, error)  { return 0, errors.New("the pipe broke") }
func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("the pipe broke") }
