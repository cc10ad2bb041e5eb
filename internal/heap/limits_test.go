// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
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
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 2<<20 {
		t.Errorf("a text of %d MiB made %d KiB of garbage and results, want at most 2 MiB", len(text)>>20, allocated>>10)
	}
	if live := int64(after.HeapAlloc) - int64(before.HeapAlloc); live > 1<<20 {
		t.Errorf("%d KiB are held, want at most 1 MiB", live>>10)
	}
	runtime.KeepAlive(text)
	if len(parsed.groups) != 500 {
		t.Errorf("%d groups, want 500", len(parsed.groups))
	}
}

func TestLimits(t *testing.T) {
	text := string(synthetic(1 << 20))
	deep := strings.Replace(text, "@ 0x411a10", "@ "+strings.Repeat("0x1 ", 20000), 1)
	loop := "heap profile: 0: 0 [0: 0] @ heap/2\n1: 1 [1: 1] @ 0x11\n" + strings.Repeat("#\t0x10\treflect.a\n#\t0x20\treflect.b\n", 1000) + tail
	for _, test := range []struct {
		name   string
		text   string
		limits Limits
		want   string
	}{
		{"bytes", text, Limits{Bytes: 1 << 19}, "more than 524288 bytes"},
		{"line", deep, Limits{}, "line 2: more than 65536 bytes in a line"},
		{"records", text, Limits{Records: 10}, "more than 10 records"},
		{"groups", text, Limits{Groups: 10}, "more than 10 call sites"},
		{"addresses", text, Limits{Addresses: 10}, "more than 10 addresses"},
		{"path", loop, Limits{Addresses: 100}, "more than 100 addresses"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(strings.NewReader(test.text), test.limits)
			var limit *LimitError
			if got != nil || !errors.As(err, &limit) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want a LimitError with %q", got, err, test.want)
			}
		})
	}
	if _, err := Parse(strings.NewReader(text), Limits{Bytes: int64(len(text))}); err != nil {
		t.Errorf("a text as long as the limit: %v", err)
	}
}

// TestForeignStackIsCheap: lines that meet no PC search the PCs of their record only a few times. Without that bound this
// text takes minutes.
func TestForeignStackIsCheap(t *testing.T) {
	text := "heap profile: 0: 0 [0: 0] @ heap/2\n1: 1 [1: 1] @" + strings.Repeat(" 0x1", 16_000) + "\n" + strings.Repeat("#\t0x9\n", 5_000_000) + tail
	s := parse(t, text).Snapshot(lookup(t, ""))
	if len(s.Sites) != 1 || s.Sites[0].Class != Unknown {
		t.Errorf("got %+v", s.Sites)
	}
}

func TestLongNameIsCutAndCounted(t *testing.T) {
	text := "heap profile: 0: 0 [0: 0] @ heap/2\n1: 1 [1: 1] @ 0x11\n#\t0x10\tmain." + strings.Repeat("x", 100) + "+0x1\t/a.go:1\n" + tail
	parsed, err := Parse(strings.NewReader(text), Limits{NameBytes: 10})
	if err != nil {
		t.Fatal(err)
	}
	s := parsed.Snapshot(lookup(t, ""))
	if s.Sites[0].Function != "main.xxxxx..." || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "1 names were longer") {
		t.Errorf("got %q and warnings %q", s.Sites[0].Function, s.Warnings)
	}
}

// TestReaders reads the same from a reader of one byte at a time, and keeps the error of one that breaks off.
func TestReaders(t *testing.T) {
	text := synthetic(1 << 16)
	whole := parse(t, string(text)).Snapshot(lookup(t, ""))
	dripped, err := Parse(iotest.OneByteReader(bytes.NewReader(text)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := table(dripped.Snapshot(lookup(t, ""))); got != table(whole) {
		t.Error("byte by byte the text says something else")
	}
	broken := errors.New("connection lost")
	_, err = Parse(io.MultiReader(bytes.NewReader(text[:1<<15]), iotest.ErrReader(broken)), Limits{})
	if !errors.Is(err, ErrTruncated) || !errors.Is(err, broken) {
		t.Errorf("got %v, want ErrTruncated and the reader's error", err)
	}
}

// TestCutAnywhere cuts a text after every byte: no part of it is a snapshot.
func TestCutAnywhere(t *testing.T) {
	text := read(t, "testdata/go1.26/heap.txt")
	end := strings.LastIndex(text, "# MaxRSS") // only that line may be missing: not every system prints it
	for i := 0; i < len(text); i += 1 + i/400 {
		if i == end {
			continue
		}
		got, err := Parse(strings.NewReader(text[:i]), Limits{})
		if got != nil || err == nil {
			t.Fatalf("cut after %d of %d bytes: got a text", i, len(text))
		}
		if i > 0 && !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut after %d bytes: got %v, want ErrTruncated", i, err)
		}
	}
	for i := end - 200; i < len(text); i++ {
		if _, err := Parse(strings.NewReader(text[:i]), Limits{}); !errors.Is(err, ErrTruncated) && i != end {
			t.Fatalf("cut %d bytes before the end: got %v, want ErrTruncated", len(text)-i, err)
		}
	}
}
