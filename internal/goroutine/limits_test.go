// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// TestConstantMemory reads 40 MB and may neither allocate nor hold much: the body is never held whole.
func TestConstantMemory(t *testing.T) {
	text := synthetic(40 << 20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	parsed, err := Parse(bytes.NewReader(text), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("a text of %d MiB made %d KiB of garbage and results, want at most 4 MiB", len(text)>>20, allocated>>10)
	}
	if live := int64(after.HeapAlloc) - int64(before.HeapAlloc); live > 1<<20 {
		t.Errorf("%d KiB are held, want at most 1 MiB", live>>10)
	}
	runtime.KeepAlive(text)
	if parsed.table.Len() != 500 || len(parsed.stacks) != maxTop {
		t.Errorf("%d chains and %d stacks, want 500 and %d", parsed.table.Len(), len(parsed.stacks), maxTop)
	}
}

func TestLimits(t *testing.T) {
	text := string(synthetic(1 << 20))
	for _, test := range []struct {
		name   string
		limits Limits
		want   string
	}{
		{"bytes", Limits{Bytes: 1 << 19}, "more than 524288 bytes"},
		{"line", Limits{LineBytes: 300}, "more than 300 bytes in a line"},
		{"records", Limits{Records: 10}, "more than 10 records"},
		{"groups", Limits{Groups: 10}, "more than 10 call sites"},
		{"addresses", Limits{Addresses: 10}, "more than 10 addresses"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(strings.NewReader(text), test.limits)
			var limit *stacktext.LimitError
			if got != nil || !errors.As(err, &limit) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want a LimitError with %q", got, err, test.want)
			}
		})
	}
}

// TestReaders reads the same from a reader of one byte at a time, and keeps the error of one that breaks off.
func TestReaders(t *testing.T) {
	for _, text := range []string{string(synthetic(1 << 16)), read(t, "testdata/go1.26/goroutine.txt")} {
		dripped, err := Parse(iotest.OneByteReader(strings.NewReader(text)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got, whole := table(dripped.Snapshot(lookup(t, ""))), table(parse(t, text).Snapshot(lookup(t, ""))); got != whole {
			t.Errorf("byte by byte the text says\n%s\nand as a whole\n%s", got, whole)
		}
		broken := errors.New("connection lost")
		_, err = Parse(io.MultiReader(strings.NewReader(text[:len(text)/2]), iotest.ErrReader(broken)), Limits{})
		if !errors.Is(err, ErrTruncated) || !errors.Is(err, stacktext.ErrTruncated) || !errors.Is(err, broken) {
			t.Errorf("got %v, want ErrTruncated and the reader's error", err)
		}
	}
}

// TestCutAnywhere cuts a text after every byte: no part of it is a snapshot.
func TestCutAnywhere(t *testing.T) {
	text := read(t, "testdata/go1.26/goroutine.txt")
	for i := 1; i < len(text); i++ {
		if got, err := Parse(strings.NewReader(text[:i]), Limits{}); got != nil || !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut after %d of %d bytes: got %v, %v; want ErrTruncated", i, len(text), got, err)
		}
	}
}

// TestTopStacks finds the ten largest among many, whatever their order, and adds up what the labels divide.
func TestTopStacks(t *testing.T) {
	var b strings.Builder
	total := 0
	record := func(n, stack int) {
		total += n
		fmt.Fprintf(&b, "%d @ %#x 0x20\n# labels: {\"a\":\"%d\"}\n#\t%#x\tmain.f%d+0x1\t/a.go:1\n#\t0x1f\tmain.main+0x1\t/a.go:2\n\n",
			n, 0x1000+stack*16+1, total, 0x1000+stack*16, stack)
	}
	for round := range 10 {
		for stack := range 300 {
			record(1+(stack*7+round)%5, stack)
			if stack%29 == 0 { // 11 of these
				record(20+stack/29, stack)
			}
		}
	}
	s := parse(t, fmt.Sprintf("goroutine profile: total %d\n%s", total, b.String())).Snapshot(lookup(t, ""))
	checkSums(t, s)
	if len(s.Stacks) != maxTop {
		t.Fatalf("%d stacks", len(s.Stacks))
	}
	sites := map[string]int64{}
	for _, site := range s.Sites {
		sites[site.Function] = site.Count
	}
	for i, stack := range s.Stacks {
		site, caller, _ := strings.Cut(stack.Text, " < ")
		if stack.Count != sites[site] || stack.Count != s.Sites[i].Count || caller != "main.main" {
			t.Errorf("stack %d is %q with %d goroutines; its site has %d, site %d of the largest has %d",
				i, stack.Text, stack.Count, sites[site], i, s.Sites[i].Count)
		}
	}
}

// TestLongStackIsCut: the text of a stack is short, however deep it is.
func TestLongStackIsCut(t *testing.T) {
	var pcs, frames strings.Builder
	for i := range 500 {
		fmt.Fprintf(&pcs, " %#x", 0x1001+i*16)
		fmt.Fprintf(&frames, "#\t%#x\tmain.%s%d+0x1\t/a.go:1\n", 0x1000+i*16, strings.Repeat("x", 60), i)
	}
	s := parse(t, "goroutine profile: total 1\n1 @"+pcs.String()+"\n"+frames.String()+"\n").Snapshot(lookup(t, ""))
	if text := s.Stacks[0].Text; len(text) > maxShownBytes+10 || !strings.HasSuffix(text, " < ...") {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}
