// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/crash"
	"github.com/heapgate/heapgate/internal/gctrace"
)

// feed is where the bytes of one reader come from: a file and what rotation made of it, a pipe, the Kubernetes API. Read
// blocks until there is more, and ends with io.EOF when there will be nothing more or when the context ends. Whenever
// everything that is there was read, it says so, at least once a second.
type feed interface {
	io.Reader
	// resume goes on at a place of the run before. Not: it is not there any more, or the feed keeps none.
	resume(p place) (bool, error)
	// place is where a checkpoint of everything that was read lies. Places are asked for in order.
	place(c gctrace.Checkpoint) (place, bool)
	Close()
}

// feedOf opens what a path names.
func (f *followers) feedOf(ctx context.Context, path string, reached func()) (feed, error) {
	if path == stdinPath {
		return openStdin(ctx, os.Stdin, reached)
	}
	if ref, ok := parsePodLog(path); ok {
		if f.pods == nil {
			return nil, errors.New("there is no client of the Kubernetes API")
		}
		return newPodLog(ctx, f.pods, ref, f.podLogEvents(ctx, path), reached), nil
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		return newPipe(ctx, path, reached), nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w, and not a named pipe (mode %s)", errNotRegular, info.Mode())
	}
	t := newTail(ctx, path, reached) // which waits where there is no file yet
	t.maxBytes = f.maxRotated
	t.lost = func(rotated string, err error) {
		limit := "rotated_unreadable"
		if errors.Is(err, errRotatedLarge) {
			limit = "rotated_size"
		}
		f.crossed(ctx, limit)
		f.log.Warn("a rotated gctrace file is lost, or the rest of it", zap.String("file", rotated), zap.Error(err))
	}
	return t, nil
}

// reading is one feed with those who hear it, all in one goroutine.
type reading struct {
	feed    feed
	scanner *gctrace.Scanner // nil until it is made
	crashes *crash.Recogniser
	sums    *gcSums
	lines   lineMeter
	skip    int64  // of the checkpoint that reading began with
	begun   func() // called when the feed's first place is known; then nil
}

// read sums the feed behind the place where the run before stopped, if that is still there, else all of it. What was
// summed before stays summed: whether the rest is of the same process is told by its cycle numbers.
func (f *followers) read(ctx context.Context, key fileKey, sums *gcSums, stopped place) error {
	r := &reading{sums: sums, lines: lineMeter{tooLong: func() { f.crossed(ctx, "line_length") }}}
	r.begun = func() { f.offsets.put(key, sums, time.Time{}) }
	r.crashes = crash.New(func(c crash.Crash) {
		f.tell(ctx, key, c, sums.crashed(c.Kind))
	})
	var err error
	if r.feed, err = f.feedOf(ctx, key.path, r.idle); err != nil {
		return err
	}
	defer r.feed.Close()
	resumed, err := r.feed.resume(stopped)
	if err != nil {
		return err
	}
	if !resumed {
		stopped.Checkpoint = gctrace.Checkpoint{}
	}
	r.skip = stopped.Skip
	if r.scanner, err = gctrace.Resume(r, stopped.Checkpoint, gctrace.Settings{Crashes: r.crashes}); err != nil {
		return err
	}
	for r.scanner.Scan() {
		if ctx.Err() != nil {
			return nil // the record may be cut off where reading stopped
		}
		at, certain := r.scanner.Checkpoint()
		where, known := r.feed.place(at)
		state, lost := sums.add(r.scanner.Record(), where, certain && known)
		f.telemetry.ReceiverGoRuntimeGctraceRecords.Add(ctx, 1, stateOption[state])
		if lost != "" {
			f.telemetry.ReceiverGoRuntimeGctraceLost.Add(ctx, 1)
			if sums.complain() {
				f.log.Warn("gctrace cycles cannot be summed", zap.String("file", sums.path), zap.String("reason", lost))
			}
		}
	}
	return r.scanner.Err()
}

// Read hands bytes to the scanner, which has used all that came before.
func (r *reading) Read(p []byte) (int, error) {
	r.note()
	n, err := r.feed.Read(p)
	if n > 0 && r.begun != nil { // what comes first may be a dump, behind which no place is certain for long
		r.note()
		r.begun()
		r.begun = nil
	}
	r.lines.add(p[:n])
	return n, err
}

// note keeps the place up to which everything was used, where it is one between two lines. So also a log without any cycle
// is not read again, and a crash that was counted stays behind.
func (r *reading) note() {
	if r.scanner == nil || r.lines.open() {
		return
	}
	at, certain := r.scanner.Checkpoint()
	if at.Offset == 0 && at.Skip < r.skip {
		return // the scanner has still to pass over what was used before
	}
	if certain {
		if where, known := r.feed.place(at); known {
			r.sums.stands(where)
		}
	}
}

// idle is called by the feed when everything that is there was read.
func (r *reading) idle() {
	if r.scanner != nil {
		r.crashes.Idle(time.Now())
	}
	r.note()
	r.sums.reach()
}

// lineMeter counts lines that are longer than maxLogLine. The scanner passes over them.
type lineMeter struct {
	tooLong func()
	length  int64 // of the line so far
	counted bool
}

const maxLogLine = 1 << 20

func (m *lineMeter) add(b []byte) {
	first, last := indexNewline(b)
	if first < 0 {
		m.length += int64(len(b))
		m.check()
		return
	}
	m.length += int64(first)
	m.check()
	m.length, m.counted = int64(len(b)-last-1), false // lines that are whole within one read are shorter than maxLogLine
}

func (m *lineMeter) check() {
	if m.length > maxLogLine && !m.counted {
		m.counted = true
		m.tooLong()
	}
}

// open is true inside a line.
func (m *lineMeter) open() bool { return m.length > 0 }
