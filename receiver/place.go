// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/heapgate/heapgate/internal/gctrace"
)

// place is a checkpoint in a file that can be known again. Inode numbers are used again and a copied file has another one,
// so the first bytes count too. (The device number does not: it can change when a machine restarts.)
type place struct {
	Inode     uint64 `json:"inode,omitempty"`
	Head      uint64 `json:"head"` // hash of the first HeadBytes bytes
	HeadBytes int    `json:"head_bytes"`
	gctrace.Checkpoint
}

const (
	maxHead     = 1024
	maxSegments = 64
	maxSiblings = 1000
)

// trail remembers from which files the bytes of one reader came.
type trail struct {
	handed   int64 // bytes so far
	segments []segment
}

// segment is what came from one file, between two rotations.
type segment struct {
	from  int64 // bytes that came before it
	base  int64 // offset in the file at which it begins
	inode uint64
	head  []byte // first bytes of the file, as far as they were read
}

func (t *trail) open(inode uint64, offset int64) {
	if len(t.segments) == maxSegments {
		t.segments = append(t.segments[:0], t.segments[1:]...)
	}
	t.segments = append(t.segments, segment{from: t.handed, base: offset, inode: inode})
}

// read notes bytes that stand at an offset of the newest file.
func (t *trail) read(offset int64, b []byte) {
	t.handed += int64(len(b))
	s := &t.segments[len(t.segments)-1]
	if offset == int64(len(s.head)) && len(s.head) < maxHead {
		s.head = append(s.head, b[:min(len(b), maxHead-len(s.head))]...)
	}
}

// place finds the file in which a checkpoint of everything that was read lies. Segments before it are forgotten: later
// checkpoints lie behind it.
func (t *trail) place(c gctrace.Checkpoint) (place, bool) {
	for len(t.segments) > 1 && t.segments[1].from <= c.Offset {
		t.segments = t.segments[1:]
	}
	if len(t.segments) == 0 || t.segments[0].from > c.Offset {
		return place{}, false
	}
	s := &t.segments[0]
	c.Offset = s.base + c.Offset - s.from
	return place{Inode: s.inode, Head: hash(s.head), HeadBytes: len(s.head), Checkpoint: c}, true
}

func hash(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}

// resume goes on at a place, in the file that stands at the path or in one that was renamed from it meanwhile. If there is
// none, the file is read from its start.
func (t *tail) resume(p place) (bool, error) {
	candidates := []string{t.path}
	entries, _ := os.ReadDir(filepath.Dir(t.path)) // not there: nothing to go on with
	for _, entry := range entries[:min(len(entries), maxSiblings)] {
		if strings.HasPrefix(entry.Name(), filepath.Base(t.path)+".") {
			candidates = append(candidates, filepath.Join(filepath.Dir(t.path), entry.Name()))
		}
	}
	for _, path := range candidates {
		if file, head := p.open(path); file != nil {
			err := t.begin(file, p.Offset)
			t.trail.segments[len(t.trail.segments)-1].head = head
			return true, err
		}
	}
	return false, nil
}

// open opens a file if the place is in it.
func (p *place) open(path string) (file *os.File, head []byte) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || inode(info) != p.Inode || info.Size() < p.Offset || p.HeadBytes < 1 || p.HeadBytes > maxHead {
		return nil, nil
	}
	file, err = os.Open(path)
	if err != nil {
		return nil, nil
	}
	head = make([]byte, p.HeadBytes)
	if _, err := io.ReadFull(file, head); err != nil || hash(head) != p.Head {
		_ = file.Close() // only ever read
		return nil, nil
	}
	return file, head
}
