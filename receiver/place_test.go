// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"os"
	"path/filepath"
	"testing"

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

func checkpointAt(offset int64) gctrace.Checkpoint { return gctrace.Checkpoint{Offset: offset} }

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return inode(info)
}
