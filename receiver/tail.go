// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

const (
	tailPoll     = 250 * time.Millisecond
	tailPatience = time.Minute // how long a file may be gone before its reader ends
)

// tail reads a file that grows, is rotated or truncated, from its start or from a place in it. Read blocks until there is
// more; it ends with io.EOF when the context does, or when the file has been gone for a minute.
//
//  1. At the end of the open file, look at the path again.
//  2. Another file stands there: read what the old one still holds, go on with the new one.
//  3. The file is shorter than what was read: it was truncated, start again.
type tail struct {
	ctx     context.Context
	path    string
	reached func() // called when everything that is there was read and used; often

	file    *os.File
	offset  int64
	gone    time.Time // since when the path has named nothing
	renamed bool      // the path names another file; this one is read to its end once more
	trail   trail
}

func newTail(ctx context.Context, path string, reached func()) *tail {
	return &tail{ctx: ctx, path: path, reached: reached}
}

func (t *tail) Read(p []byte) (int, error) {
	for {
		if t.ctx.Err() != nil {
			return 0, io.EOF
		}
		if t.file != nil {
			n, err := t.file.Read(p)
			t.trail.read(t.offset, p[:n])
			t.offset += int64(n)
			if n > 0 {
				return n, nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return 0, err
			}
		}
		changed, err := t.reopen()
		switch {
		case err != nil:
			return 0, err
		case changed:
			continue
		}
		t.reached()
		select {
		case <-t.ctx.Done():
			return 0, io.EOF
		case <-time.After(tailPoll):
		}
	}
}

// reopen follows the path to the file that it names now, and reports whether there may be something new to read.
func (t *tail) reopen() (changed bool, err error) {
	now, err := os.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		if t.gone.IsZero() {
			t.gone = time.Now()
		}
		if time.Since(t.gone) > tailPatience {
			return false, io.EOF
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	t.gone = time.Time{}
	if t.file != nil {
		open, err := t.file.Stat()
		if err != nil {
			return false, err
		}
		if os.SameFile(open, now) {
			t.renamed = false
			if now.Size() >= t.offset {
				return now.Size() > t.offset, nil
			}
			return true, t.begin(t.file, 0)
		}
		if !t.renamed { // it may have been written to since it was read
			t.renamed = true
			return true, nil
		}
		t.Close()
	}
	file, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // renamed between Stat and Open: look again
	}
	if err != nil {
		return false, err
	}
	return true, t.begin(file, 0)
}

// begin goes on at an offset of a file, of the open one or another.
func (t *tail) begin(file *os.File, offset int64) error {
	t.file, t.offset, t.renamed = file, offset, false
	info, err := file.Stat()
	if err != nil {
		return err
	}
	t.trail.open(inode(info), offset)
	_, err = file.Seek(offset, io.SeekStart)
	return err
}

func (t *tail) Close() {
	if t.file != nil {
		_ = t.file.Close() // only ever read
		t.file = nil
	}
}
