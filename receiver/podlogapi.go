// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"io"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/gctrace"
)

// podLog reads the log of a container from the Kubernetes API, through restarts of the container and of the connection.
//
//  1. A goroutine asks, again and again (podlogapi_pump.go), and drops lines that were read before (podlogapi_cursor.go).
//  2. Lines are handed on as CRI has them, so that what reads the files of a node reads them too.
//  3. A place in the log is the cursor up to a line, and how much of the next one was used.
type podLog struct {
	ctx     context.Context
	cancel  context.CancelFunc
	reached func()
	events  podLogEvents
	pump    *podLogPump
	batches chan podLogBatch // closed when there will be no more
	running bool

	text   []byte // not handed out yet
	handed int64  // bytes
	lines  []podLogLine
	behind cursor // up to the first of lines
	last   gctrace.Checkpoint
	at     place // of last
}

// podLogLine is a line that was handed out and lies behind the last place, or will be handed out.
type podLogLine struct {
	seenLine
	from   int64 // offset in what was handed out
	length int64 // of its text, with its newline
	cut    int64 // bytes of its text that were used in the run before
}

// podLogBatch is some lines, as CRI has them.
type podLogBatch struct {
	text  []byte
	lines []podLogLine // from counts in text
}

// podLogEvents tells what goes wrong.
type podLogEvents struct {
	failed  func(error)        // a request, when that changes; nil: it works again
	crossed func(limit string) // something was left out
}

const maxHeldLines = 1 << 16

func newPodLog(ctx context.Context, client *podLogClient, ref podLogRef, events podLogEvents, reached func()) *podLog {
	ctx, cancel := context.WithCancel(ctx)
	return &podLog{
		ctx: ctx, cancel: cancel, reached: reached, events: events, batches: make(chan podLogBatch),
		pump: &podLogPump{client: client, ref: ref, events: events},
	}
}

// podLogEvents of a path are logged and counted.
func (f *followers) podLogEvents(ctx context.Context, path string) podLogEvents {
	log := f.log.With(zap.String("log", path))
	return podLogEvents{
		failed: func(err error) {
			if err == nil {
				log.Info("pod log is read again")
				return
			}
			log.Warn("pod log cannot be read", zap.Error(err))
		},
		crossed: func(limit string) { f.crossed(ctx, limit) },
	}
}

// resume goes on behind a place. Whether the API still has what follows is not known before it is asked, so the answer is
// yes; what it has lost shows in the numbers of the cycles.
func (p *podLog) resume(at place) (bool, error) {
	if at.Log == nil || !at.valid() {
		return false, nil
	}
	p.pump.cursor, p.behind = at.Log.clone(), at.Log.clone()
	p.behind.Next, p.behind.Skip = 0, 0
	return false, nil // the text of the first line is cut here, not by a checkpoint
}

func (p *podLog) Read(b []byte) (int, error) {
	if !p.running {
		p.running = true
		go p.pump.run(p.ctx, p.batches)
	}
	tick := time.NewTicker(tailPoll)
	defer tick.Stop()
	for len(p.text) == 0 {
		select {
		case batch, ok := <-p.batches:
			if !ok {
				return 0, io.EOF
			}
			p.take(batch)
		case <-tick.C:
			if p.pump.heard.Load() {
				p.reached()
			}
		}
	}
	n := copy(b, p.text)
	p.text = p.text[n:]
	p.handed += int64(n)
	return n, nil
}

func (p *podLog) take(batch podLogBatch) {
	if len(p.lines)+len(batch.lines) > maxHeldLines { // nothing was certain for so long: forget where the oldest stand
		p.pass(len(p.lines))
	}
	p.text = batch.text
	for _, l := range batch.lines {
		l.from += p.handed
		p.lines = append(p.lines, l)
	}
}

// pass lets the cursor go behind the first n lines.
func (p *podLog) pass(n int) {
	for _, l := range p.lines[:n] {
		p.behind.add(l.seenLine)
	}
	p.lines = slices.Delete(p.lines, 0, n)
}

func (p *podLog) place(c gctrace.Checkpoint) (place, bool) {
	if c == p.last && p.at.Log != nil {
		return p.at, true
	}
	n := 0 // lines before the one that the checkpoint is in
	for n < len(p.lines) && (p.lines[n].from < c.Offset || p.lines[n].from == c.Offset && c.Skip >= p.lines[n].length-p.lines[n].cut) {
		n++
	}
	if n < len(p.lines) && p.lines[n].from > c.Offset || n == len(p.lines) && c.Offset > p.handed {
		return place{}, false
	}
	p.pass(n)
	at := p.behind.clone()
	if c.Skip > 0 && len(p.lines) > 0 && p.lines[0].from == c.Offset {
		at.Next, at.Skip = p.lines[0].Hash, c.Skip+p.lines[0].cut
	}
	p.last, p.at = c, place{Log: &at}
	return p.at, true
}

func (p *podLog) Close() {
	p.cancel()
	if p.running {
		for range p.batches { // until the pump has ended
		}
	}
}
