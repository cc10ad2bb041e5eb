// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

const (
	rest  = "0.028+6.9+0.006 ms clock, 0.057+2.4/1.3/2.0+0.012 ms cpu, 7->8->4 MB, 8 MB goal, 0 MB stacks, 8 MB globals, 2 P"
	cycle = "gc 1 @0.012s 16%: " + rest
)

func scanAll(in string, set Settings) (records []string, counts Counts) {
	s := NewScanner(strings.NewReader(in), set)
	for s.Scan() {
		if r := s.Record(); r.Cycle != nil {
			records = append(records, r.Cycle.String())
		} else {
			records = append(records, string(r.Bad.Reason))
		}
	}
	return records, s.Counts()
}

// TestEndOfInput: without its newline a record can still become " (forced)"; what has begun is told.
func TestEndOfInput(t *testing.T) {
	for in, want := range map[string]Counts{
		"":                                {},
		"g":                               {},
		"gc":                              {},
		"gc ":                             {},
		"gc 1":                            {},
		"gc 1 @":                          {Records: 1, Bad: 1},
		"gc 1 @0.012s 16%: 0.028+":        {Records: 1, Bad: 1},
		cycle:                             {Records: 1, Ambiguous: 1},
		cycle + " (forced)":               {Records: 1, Intact: 1},
		cycle + "\n":                      {Records: 1, Intact: 1},
		cycle + "2026/11/21 x\n":          {Records: 1, Ambiguous: 1},
		cycle + "2026/11/21 x\n\n":        {Records: 1, Ambiguous: 1},
		cycle + "2026/11/21 x\n (forced)": {Records: 1, Mended: 1},
		"gc 1 @0.012s 162026/11/21 x\n%: " + rest + "\n": {Records: 1, Mended: 1},
		"gc 1 @0.012s 162026/11/21 x\n%: " + rest:        {Records: 1, Ambiguous: 1},
	} {
		if _, got := scanAll(in, Settings{}); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

// TestReaderError gives what was read before the error, then the error.
func TestReaderError(t *testing.T) {
	broken := errors.New("broken pipe")
	s := NewScanner(io.MultiReader(strings.NewReader(cycle+"\ngc 2 @0.0"), &failing{broken}), Settings{})
	var got []string
	for s.Scan() {
		if r := s.Record(); r.Cycle != nil {
			got = append(got, "cycle")
		} else {
			got = append(got, string(r.Bad.Reason))
		}
	}
	if strings.Join(got, " ") != "cycle torn" || !errors.Is(s.Err(), broken) {
		t.Errorf("got %v and %v", got, s.Err())
	}
	s = NewScanner(&failing{}, Settings{})
	if s.Scan() || !errors.Is(s.Err(), io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v, want %v", s.Err(), io.ErrNoProgress)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestDeliversWhileReaderBlocks: a record is there as soon as its last byte is, whole or mended, through every wrapper.
func TestDeliversWhileReaderBlocks(t *testing.T) {
	const torn = "gc 1 @0.012s 162026/11/21 06:00:00 x\n%: " + rest + "\n"
	for _, c := range []struct {
		format   Format
		in, name string
	}{
		{Raw, cycle + "\n", "intact"},
		{Raw, torn, "torn"},
		{Raw, cycle + " (forced)\n", "forced"},
		{Auto, "starting\n" + cycle + "\n", "auto"},
		{Auto, `{"log":"` + cycle + `\n","stream":"stderr","time":"2026-11-21T06:00:00Z"}` + "\n", "docker"},
		{CRI, "2026-11-21T06:00:00.1Z stderr F " + cycle + "\n", "cri"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, out := io.Pipe()
			text, err := Unwrap(in, c.format)
			if err != nil {
				t.Fatal(err)
			}
			written := make(chan error, 1)
			go func() {
				_, err := io.WriteString(out, c.in) // and the pipe stays open
				written <- err
			}()
			s := NewScanner(text, Settings{})
			if !s.Scan() || s.Record().Cycle == nil {
				t.Fatalf("got %+v, %v", s.Record(), s.Err())
			}
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
			<-written
		})
	}
}

// TestLimits: a torn record is given up where too much foreign text stands in it, and what follows is read.
func TestLimits(t *testing.T) {
	const begin, next = "gc 1 @0.012s 1", "\ngc 2 @0.022s 16%: " + rest + "\n"
	for name, c := range map[string]struct {
		set  Settings
		text string
		want Reason
	}{
		"lines":         {Settings{MaxForeignLines: 3}, begin + strings.Repeat("x\n", 4), TooForeign},
		"bytes":         {Settings{MaxForeignBytes: 1000}, begin + strings.Repeat(strings.Repeat("x", 99)+"\n", 11), TooForeign},
		"line":          {Settings{MaxLineBytes: 1000}, begin + strings.Repeat("x", 70_000), LineTooLong},
		"line of words": {Settings{MaxLineBytes: 1000}, begin + strings.Repeat("gc x", 20_000), LineTooLong},
		"default lines": {Settings{}, begin + strings.Repeat("x\n", 65), TooForeign},
		"default bytes": {Settings{}, begin + strings.Repeat(strings.Repeat("x", 9_999)+"\n", 7), TooForeign},
		"default line":  {Settings{}, begin + strings.Repeat("x", 1<<17), LineTooLong},
	} {
		records, _ := scanAll(c.text+next, c.set)
		if len(records) != 2 || records[0] != string(c.want) || !strings.HasPrefix(records[1], "gc 2 @0.022s 16%") {
			t.Errorf("%s: got %q, want %s and gc 2", name, records, c.want)
		}
	}
	for name, text := range map[string]string{"lines": strings.Repeat("x\n", 60), "line": strings.Repeat("x", 15_000) + "\n"} {
		records, counts := scanAll(begin+"2026/11/21 "+text+"%: "+rest+"\n", Settings{})
		if counts.Mended != 1 {
			t.Errorf("just below the limit of one %s: %q", name, records)
		}
	}
}

// endless is text without a newline.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = "gc 1 x"[i%6]
	}
	e.left -= n
	return n, nil
}

// TestLongLine: 40 MB without newline pass through a buffer that does not grow.
func TestLongLine(t *testing.T) {
	for format, size := range map[Format]int{Raw: 40 << 20, Auto: 4 << 20, CRI: 4 << 20, Docker: 4 << 20} {
		text, err := Unwrap(&endless{size}, format)
		if err != nil {
			t.Fatal(err)
		}
		s := NewScanner(text, Settings{})
		for s.Scan() {
		}
		if len(s.buf) != bufferSize || s.Counts().Records != 0 {
			t.Errorf("%s: buffer of %d bytes, %+v", format, len(s.buf), s.Counts())
		}
		if u, ok := text.(*unwrapper); ok && cap(u.in) > 4*maxWrapped {
			t.Errorf("%s: the wrapper holds %d bytes", format, cap(u.in))
		}
	}
}

// TestPositions: lines and offsets are those of the input.
func TestPositions(t *testing.T) {
	filler := strings.Repeat("2026/11/21 06:00:00 some line of a log\n", 5000) // more than one buffer
	in := filler + "x" + cycle + "\n" + filler + "gc 2 @0.022s 162026/11/21 y\n%: " + rest + "\n" + filler + "gc 3 @0.1s"
	s := NewScanner(bytes.NewReader([]byte(in)), Settings{})
	for i, want := range []string{"gc 1", "gc 2", "gc 3"} {
		if !s.Scan() {
			t.Fatal("no record")
		}
		r := s.Record()
		if got := in[r.Offset : r.Offset+4]; got != want || r.Line != (i+1)*5000+[]int{1, 2, 4}[i] {
			t.Errorf("%s: line %d, offset %d: %q", want, r.Line, r.Offset, got)
		}
	}
}

// TestSharedValuesStay: a copy of a cycle is not changed by the next.
func TestSharedValuesStay(t *testing.T) {
	s := NewScanner(strings.NewReader(cycle+"\n"+strings.Replace(cycle, "0 MB stacks, 8 MB", "5 MB stacks, 9 MB", 1)+"\n"), Settings{})
	s.Scan()
	first := *s.Record().Cycle
	s.Scan()
	second := *s.Record().Cycle
	if *first.StacksMB != 0 || *first.GlobalsMB != 8 || *second.StacksMB != 5 || *second.GlobalsMB != 9 {
		t.Errorf("got %v\nand %v", &first, &second)
	}
}
