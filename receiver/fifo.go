// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/heapgate/heapgate/internal/gctrace"
)

// unkept is what feeds have in common that cannot say where they stand: bytes that were read are nowhere any more.
type unkept struct{}

func (unkept) resume(place) (bool, error)                     { return false, nil }
func (unkept) place(gctrace.Checkpoint) (where place, _ bool) { return place{}, false }

// pipe reads a named pipe. It never waits for a writer where a context cannot end it: the pipe is opened without blocking and
// read with deadlines. When the last writer leaves, the next one is waited for; when the path names another pipe, that one
// is opened. Read ends with io.EOF when the path has named no pipe for a minute.
type pipe struct {
	unkept
	ctx     context.Context
	path    string
	reached func()
	file    *os.File
	gone    time.Time
}

func newPipe(ctx context.Context, path string, reached func()) *pipe {
	return &pipe{ctx: ctx, path: path, reached: reached}
}

func isPipe(path string) bool {
	if path == stdinPath {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

func (p *pipe) Read(b []byte) (int, error) {
	for p.ctx.Err() == nil {
		if !p.same() {
			p.Close()
			if !p.open() {
				if time.Since(p.gone) > tailPatience {
					return 0, io.EOF
				}
				p.reached()
				p.wait()
				continue
			}
		}
		if err := p.file.SetReadDeadline(time.Now().Add(tailPoll)); err != nil {
			return 0, err
		}
		n, err := p.file.Read(b)
		if n > 0 {
			return n, nil
		}
		p.reached()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded): // there is a writer that says nothing
		case err == nil, errors.Is(err, io.EOF): // there is none
			p.wait()
		default:
			return 0, err
		}
	}
	return 0, io.EOF
}

// same is true while the path names the open pipe.
func (p *pipe) same() bool {
	if p.file == nil {
		return false
	}
	now, err := os.Stat(p.path)
	if err != nil {
		return false
	}
	open, err := p.file.Stat()
	return err == nil && os.SameFile(open, now)
}

func (p *pipe) open() bool {
	file, err := os.OpenFile(p.path, os.O_RDONLY|openNonblock, 0)
	if err == nil {
		if info, statErr := file.Stat(); statErr == nil && info.Mode()&fs.ModeNamedPipe != 0 {
			p.file, p.gone = file, time.Time{}
			return true
		}
		_ = file.Close() // only ever read
	}
	if p.gone.IsZero() {
		p.gone = time.Now()
	}
	return false
}

func (p *pipe) wait() {
	select {
	case <-p.ctx.Done():
	case <-time.After(tailPoll):
	}
}

func (p *pipe) Close() {
	if p.file != nil {
		_ = p.file.Close() // only ever read
		p.file = nil
	}
}

// stdin reads the collector's standard input, which nobody else may read. At its end it waits: what was heard stays.
type stdin struct {
	unkept
	ctx     context.Context
	file    *os.File
	reached func()
	ended   bool
}

var stdinTaken atomic.Bool

func openStdin(ctx context.Context, file *os.File, reached func()) (*stdin, error) {
	if !stdinTaken.CompareAndSwap(false, true) {
		return nil, errStdinTaken
	}
	return &stdin{ctx: ctx, file: file, reached: reached}, nil
}

func (s *stdin) Read(b []byte) (int, error) {
	for s.ctx.Err() == nil {
		ready := false
		var err error
		if s.ended {
			select {
			case <-s.ctx.Done():
			case <-time.After(tailPollMax):
			}
		} else if ready, err = readable(s.file, tailPoll); err != nil {
			return 0, err
		}
		if !ready {
			s.reached()
			continue
		}
		n, err := s.file.Read(b)
		if n > 0 {
			return n, nil
		}
		s.ended = true
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
	}
	return 0, io.EOF
}

func (s *stdin) Close() { stdinTaken.Store(false) }
