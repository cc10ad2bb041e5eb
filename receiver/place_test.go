// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/crash"
	"github.com/heapgate/heapgate/internal/gctrace"
)

// A file of the same name that is another one is read from its start, also where the system gives the inode again.
func TestChangedFileIsReadFromItsStart(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "0.log")
	write(t, log, "first\n"+cycleLines(1, 10), 0)
	tail := newTail(t.Context(), log, func() {})
	defer tail.Close()
	buffer := make([]byte, 10_000)
	n, err := tail.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := tail.trail.place(checkpointAt(int64(n)))
	if !ok {
		t.Fatal("no place")
	}
	resumes := func() bool {
		again := newTail(t.Context(), log, func() {})
		defer again.Close()
		resumed, err := again.resume(at)
		if err != nil {
			t.Fatal(err)
		}
		return resumed
	}
	if !resumes() {
		t.Fatal("the unchanged file is not known again")
	}
	write(t, log, cycleLine(11), os.O_APPEND)
	if !resumes() {
		t.Error("a file that has grown is not known again")
	}
	write(t, log, "other\n"+cycleLines(1, 30), os.O_TRUNC)
	if resumes() {
		t.Error("other text under the same inode is taken for the same file")
	}
	write(t, log, "first\n"+cycleLines(1, 3), os.O_TRUNC)
	if resumes() {
		t.Error("a shorter file is taken for the same")
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if resumes() {
		t.Error("a file that is gone is known again")
	}
	write(t, filepath.Join(dir, "other"), "x", 0)
	write(t, log, "first\n"+cycleLines(1, 10), 0)
	if resumes() && inodeOf(t, log) != at.Inode {
		t.Error("a copy is taken for the same file")
	}
}

// A file that begins as the one of the place did, and goes on otherwise, is another one: plain under the same inode, plain
// under another, and compressed.
func TestPlaceIsKnownByWhatStandsBeforeIt(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "0.log")
	begin := strings.Repeat("the same banner in every log\n", 100)
	write(t, log, begin+cycleLines(1, 10), 0)
	tail := newTail(t.Context(), log, func() {})
	defer tail.Close()
	n, err := tail.Read(make([]byte, 10_000))
	if err != nil {
		t.Fatal(err)
	}
	at, _ := tail.trail.place(checkpointAt(int64(n)))
	if o := at.in(log, false); o == nil {
		t.Fatal("the file itself is not known")
	} else {
		o.Close()
	}
	same, other := begin+cycleLines(1, 12), begin+cycleLines(21, 32)
	for name, text := range map[string]string{"same": same, "other": other} {
		copied := filepath.Join(dir, name)
		write(t, copied, text, 0)
		write(t, copied+".gz", packed(t, []byte(text)), 0)
		for kind, o := range map[string]*opened{"copy": at.in(copied, true), "packed": at.inPacked(copied+".gz", 1<<20)} {
			if (o != nil) != (name == "same") {
				t.Errorf("%s, %s: known is %v", name, kind, o != nil)
			}
			if o != nil {
				rest, err := io.ReadAll(o)
				if err != nil || string(rest) != cycleLines(11, 12) {
					t.Errorf("%s: goes on with %q, %v", kind, rest, err)
				}
				o.Close()
			}
		}
	}
	write(t, log, other, os.O_TRUNC)
	if o := at.in(log, false); o != nil {
		o.Close()
		t.Error("other text under the same inode is taken for the same file")
	}
}

// stream is a feed that never says that everything was read.
type stream struct {
	unkept
	chunks []string
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.chunks) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.chunks[0])
	s.chunks = s.chunks[1:]
	return n, nil
}

func (*stream) place(c gctrace.Checkpoint) (place, bool) { return place{Checkpoint: c}, true }
func (*stream) Close()                                   {}

// The place moves with what was read, also where there is no cycle, and stays before a line that is not whole.
func TestPlaceMovesWithoutCycles(t *testing.T) {
	sums := newGCSums("x")
	r := &reading{feed: &stream{chunks: []string{"a line\n", "another\n", "half of"}}, crashes: crash.New(func(crash.Crash) {}), sums: sums, lines: lineMeter{tooLong: func() {}}}
	var err error
	if r.scanner, err = gctrace.Resume(r, gctrace.Checkpoint{Format: gctrace.Raw}, gctrace.Settings{}); err != nil {
		t.Fatal(err)
	}
	for r.scanner.Scan() {
	}
	if where, _, certain := sums.save(); !certain || where.Offset != int64(len("a line\nanother\n")) {
		t.Errorf("the place is %d (%v)", where.Offset, certain)
	}
}

func checkpointAt(offset int64) gctrace.Checkpoint { return gctrace.Checkpoint{Offset: offset} }

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return inode(info)
}
