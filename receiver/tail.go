// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/heapgate/heapgate/internal/gctrace"
)

const (
	tailPoll     = 250 * time.Millisecond
	tailPollMax  = time.Second // of a file to which nothing is written
	tailPatience = time.Minute // how long a file may be gone before its reader ends
)

// tail reads a file that grows, is rotated or truncated, from its start or from a place in it. Read blocks until there is
// more; it ends with io.EOF when the context does, or when the file has been gone for a minute.
//
//  1. At the end of the open file, look at the path again.
//  2. Another file stands there: read what the old one still holds, go on with the rotated files that are newer, oldest
//     first, compressed or not (rotated.go), and then with the new one.
//  3. The file is shorter than what was read, or what was read last does not stand there any more: it was truncated. If
//     there is a copy of what it was, read the rest of that; start again.
type tail struct {
	ctx      context.Context
	path     string
	reached  func()                     // called when everything that is there was read and used; often
	lost     func(path string, _ error) // a rotated file cannot be read, or not to its end
	maxBytes int64                      // of a compressed file, inflated

	open    *opened
	real    string    // where the path leads, as far as is known
	offset  int64     // in the open file, inflated
	gone    time.Time // since when the path has named nothing
	ended   bool      // the open file was read to its end; look at the path before reading on
	renamed bool      // the path names another file; this one is read to its end once more
	idle    time.Duration
	written time.Time // when the open file was last written to, as far as is known
	told    string    // the damaged file that was told of last
	trail   trail
}

const maxRotatedBytes = 1 << 30

// errMoved: a file was renamed since it was listed; look again.
var errMoved = errors.New("renamed meanwhile")

func newTail(ctx context.Context, path string, reached func()) *tail {
	return &tail{ctx: ctx, path: path, reached: reached, lost: func(string, error) {}, maxBytes: maxRotatedBytes, real: path}
}

func (t *tail) Read(p []byte) (int, error) {
	for {
		if t.ctx.Err() != nil {
			return 0, io.EOF
		}
		if t.open != nil && !t.ended {
			n, err := t.open.Read(p)
			t.ended = n == 0
			if n > 0 {
				t.trail.read(t.offset, p[:n], time.Now())
				t.offset += int64(n)
				t.idle = 0
				return n, nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				if !t.open.packed() {
					return 0, err
				}
				t.damaged(t.open.file.Name(), err)
			}
		}
		changed, err := t.reopen()
		switch {
		case err != nil:
			return 0, err
		case changed:
			t.ended = false
			continue
		}
		t.reached()
		t.idle = min(max(2*t.idle, tailPoll), tailPollMax)
		select {
		case <-t.ctx.Done():
			return 0, io.EOF
		case <-time.After(t.idle):
		}
	}
}

// reopen follows the path to the file that it names now, and reports whether there may be something new to read.
func (t *tail) reopen() (changed bool, err error) {
	now, err := os.Stat(t.path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return false, err
	}
	if t.open != nil {
		open, err := t.open.file.Stat()
		if err != nil {
			return false, err
		}
		if !missing && os.SameFile(open, now) {
			t.renamed = false
			return t.same(now)
		}
		if !t.open.packed() && (!t.renamed || open.Size() > t.offset) { // it may have been written to since it was read
			t.renamed = true
			return true, nil
		}
		changed, err := t.change(t.newer()...)
		switch {
		case errors.Is(err, errMoved):
			return false, nil
		case changed || err != nil:
			t.gone = time.Time{}
			return changed, err
		}
	}
	if missing {
		if t.gone.IsZero() {
			t.gone = time.Now()
		}
		if time.Since(t.gone) > tailPatience {
			return false, io.EOF
		}
		return false, nil
	}
	t.gone = time.Time{}
	return t.arrive()
}

// arrive goes on with the file at the path, unless one that comes before it was rotated while it was being opened.
func (t *tail) arrive() (changed bool, err error) {
	t.resolve()
	file, err := openRegular(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // renamed since it was looked at: look again
	}
	if err != nil {
		return false, err
	}
	if t.open != nil {
		if newer := t.newer(); len(newer) > 0 {
			_ = file.Close() // only ever read
			changed, err := t.change(newer...)
			if errors.Is(err, errMoved) {
				return false, nil
			}
			if changed || err != nil {
				return changed, err
			}
			if file, err = openRegular(t.path); err != nil { // none of them can be read
				return false, nil
			}
		}
	}
	return true, t.begin(&opened{file: file}, 0)
}

// resolve follows links, beside whose end the rotated files lie.
func (t *tail) resolve() {
	if path, err := filepath.EvalSymlinks(t.path); err == nil {
		t.real = path
	}
}

// same looks at what became of the open file.
func (t *tail) same(now fs.FileInfo) (changed bool, err error) {
	switch {
	case now.Size() == t.offset && now.ModTime().Equal(t.written):
		return false, nil
	case now.Size() >= t.offset && t.intact():
		t.written = now.ModTime()
		return now.Size() > t.offset, nil
	}
	here := t.trail.here()
	if copied := here.among(rotations(t.real), true, t.maxBytes); copied != nil { // what was written behind the last read is only there
		return true, t.goOn(copied, &here)
	}
	return true, t.begin(t.open, 0)
}

// intact is true where what was read last still stands in the open file.
func (t *tail) intact() bool {
	near := t.trail.newest().near
	b := make([]byte, len(near))
	_, err := t.open.file.ReadAt(b, t.offset-int64(len(near)))
	return err == nil && bytes.Equal(b, near)
}

// newer are the files that were rotated after the open one, oldest first.
func (t *tail) newer() []rotatedFile {
	all := rotations(t.real)
	open, err := t.open.file.Stat()
	if err != nil {
		return nil
	}
	for i, r := range all {
		if os.SameFile(open, r.info) {
			return all[i+1:]
		}
	}
	here := t.trail.here()
	for i, r := range all { // it was compressed meanwhile
		if r.packed {
			if o := here.inPacked(r.path, t.maxBytes); o != nil {
				o.Close()
				return all[i+1:]
			}
		}
	}
	return since(all, here.After, here.Seen)
}

// change goes on with the first of some files that can be opened. What cannot be unpacked is lost, and left out.
func (t *tail) change(to ...rotatedFile) (changed bool, err error) {
	for _, r := range to {
		next, err := r.open(t.maxBytes)
		switch {
		case err == nil:
			return true, t.begin(next, 0)
		case errors.Is(err, fs.ErrNotExist):
			return false, errMoved
		case !r.packed:
			return false, err
		}
		t.damaged(r.path, err)
	}
	return false, nil
}

// damaged tells once that a file is lost, or the rest of it.
func (t *tail) damaged(path string, err error) {
	if t.told != path {
		t.lost(path, err)
	}
	t.told = path
}

// begin goes on at an offset of a file; a compressed one stands there already.
func (t *tail) begin(file *opened, offset int64) error {
	if t.open != nil && t.open != file {
		t.open.Close()
	}
	t.open, t.offset, t.ended, t.renamed, t.idle, t.written = file, offset, false, false, 0, time.Time{}
	info, err := file.file.Stat()
	if err != nil {
		return err
	}
	t.trail.open(inode(info), offset, cmp.Or(file.date, newestDate(rotations(t.real))), time.Now())
	if file.packed() {
		return nil
	}
	_, err = file.file.Seek(offset, io.SeekStart)
	return err
}

func (t *tail) place(c gctrace.Checkpoint) (place, bool) { return t.trail.place(c) }

func (t *tail) Close() {
	if t.open != nil {
		t.open.Close()
		t.open = nil
	}
}
