// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	podLogBytes    = 64 << 20         // of one answer; then it is asked again
	podLogSilence  = 5 * time.Minute  // of an answer, after which it is asked again: the other side may be no more
	podLogRetry    = time.Second      // doubles up to
	podLogMaxRetry = 30 * time.Second // and where somebody must grant a right first, up to
	podLogDenied   = 5 * time.Minute
	podLogBatchMax = 32 << 10
)

// podLogPump asks for a log and hands on its new lines.
//
//  1. Ask for what the instance before has left, from the last line on: the connection may have broken before it died.
//  2. Ask for the instance that runs, from the last line on, and read for as long as the answer goes on. A server that does
//     not follow ends it at once.
//  3. Wait: a second after news, longer after none, and begin again.
type podLogPump struct {
	client *podLogClient
	ref    podLogRef
	events podLogEvents
	cursor cursor
	heard  atomic.Bool // an answer came

	failing string
	gone    time.Time
}

// run ends with the context, or when the pod has been gone for a minute. It closes the channel.
func (p *podLogPump) run(ctx context.Context, to chan<- podLogBatch) {
	defer close(to)
	retry := podLogRetry
	for ctx.Err() == nil {
		fresh, _ := p.ask(ctx, podLogQuery{previous: true}, to) // mostly there is none
		more, err := p.ask(ctx, podLogQuery{}, to)
		if ctx.Err() != nil {
			return
		}
		p.tell(err)
		if fresh || more {
			retry = podLogRetry
		}
		wait := retry
		most := podLogMaxRetry
		var refused *podLogError
		if errors.As(err, &refused) {
			switch {
			case refused.gone():
				if p.gone.IsZero() {
					p.gone = time.Now()
				}
				if time.Since(p.gone) > tailPatience {
					return
				}
			case refused.denied():
				most = podLogDenied
			}
			wait = max(wait, refused.RetryAfter)
		}
		retry = min(2*retry, most)
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)): // half to one and a half, so that not all come at once
		}
	}
}

// tell says when a request fails in another way than the one before, or works again.
func (p *podLogPump) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != p.failing {
		p.events.failed(err)
	}
	p.failing = text
}

// ask reads one answer to its end and reports whether there was news in it.
func (p *podLogPump) ask(parent context.Context, q podLogQuery, to chan<- podLogBatch) (fresh bool, err error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	defer func() {
		if ctx.Err() != nil && parent.Err() == nil { // silent, also before the first byte: a server may answer with that
			p.heard.Store(true)
			err = nil
		}
	}()
	q.since, q.limit = p.cursor.since(), podLogBytes
	silence := time.AfterFunc(podLogSilence, cancel)
	defer silence.Stop()
	body, err := p.client.open(ctx, p.ref, q)
	if err != nil {
		if waiting(err) {
			err = nil
		}
		return false, err
	}
	defer body.Close()
	if !q.previous {
		p.heard.Store(true)
		p.gone = time.Time{}
		p.tell(nil)
	}
	a := podLogAnswer{pump: p, sieve: p.cursor.sieve(), ended: q.previous}
	counted := &countingReader{r: body, silence: silence}
	err = a.read(ctx, bufio.NewReaderSize(counted, podLogBatchMax), to)
	if a.unstamped && len(a.stamp) == 0 {
		return false, errUnstamped
	}
	if counted.n >= q.limit && !a.fresh { // as much in one second: go on with the next one
		p.cursor = cursor{Before: q.since.Add(time.Second).UnixNano()}
		p.events.crossed("log_bytes")
	}
	if counted.n >= q.limit || errors.Is(err, io.EOF) || a.fresh { // connections do break
		err = nil
	}
	return a.fresh, err
}

var errUnstamped = errors.New("the API server hands out lines without their time: how far the log was read cannot be known")

// waiting is true of an answer that says nothing is wrong: the container has not started yet, or there is none before it.
func waiting(err error) bool {
	var refused *podLogError
	return errors.As(err, &refused) && refused.Status == http.StatusBadRequest
}

// countingReader counts bytes, and puts off the end that silence brings.
type countingReader struct {
	r       io.Reader
	n       int64
	silence *time.Timer
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.silence.Reset(podLogSilence)
	return n, err
}

// podLogAnswer turns the lines of one answer into batches.
type podLogAnswer struct {
	pump  *podLogPump
	sieve *sieve
	ended bool // the instance is no more: a last line without newline is all that comes
	fresh bool

	line      []byte // the one that is being read
	long      bool   // and is longer than maxLogLine
	stamp     []byte // of the line before
	at        seenLine
	admit     bool // the line before was new
	unstamped bool // at least one line has no time
	batch     podLogBatch
}

// read ends with the answer; a line that was cut off by its end is asked for again.
func (a *podLogAnswer) read(ctx context.Context, r *bufio.Reader, to chan<- podLogBatch) error {
	for {
		part, err := r.ReadSlice('\n')
		a.add(part)
		switch {
		case err == nil:
			a.finish()
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case a.ended && errors.Is(err, io.EOF) && len(a.line) > 0:
			a.line = append(a.line, '\n')
			a.finish()
		}
		if len(a.batch.text) > 0 && (err != nil || r.Buffered() == 0 || len(a.batch.text) >= podLogBatchMax) {
			select {
			case to <- a.batch:
			case <-ctx.Done():
				return ctx.Err()
			}
			a.batch = podLogBatch{}
		}
		if err != nil {
			return err
		}
	}
}

func (a *podLogAnswer) add(part []byte) {
	if !a.long && len(a.line)+len(part) > maxLogLine {
		a.long = true
		a.pump.events.crossed("line_length")
	}
	if !a.long {
		a.line = append(a.line, part...)
	}
}

// finish puts the line, newline included, into the batch if it is new.
func (a *podLogAnswer) finish() {
	line := a.line
	a.line = a.line[:0]
	if a.long {
		a.long = false
		return
	}
	l, stamp, text, ok := stamped(line)
	if ok {
		a.stamp, a.at = append(a.stamp[:0], stamp...), l
		a.admit = a.sieve.isNew(l)
	} else { // goes with the line before
		l = seenLine{a.at.Stamp, hash(line)}
		a.admit = a.admit || a.sieve.open
		a.unstamped = true
	}
	if !a.admit || len(a.stamp) == 0 {
		return
	}
	c := &a.pump.cursor
	made := podLogLine{seenLine: l, from: int64(len(a.batch.text)), length: int64(len(text))}
	if c.Next != 0 {
		if c.Next == l.Hash && c.Skip <= int64(len(text)) {
			made.cut = c.Skip
		}
		c.Next, c.Skip = 0, 0
	}
	c.add(l)
	a.fresh = true
	a.batch.text = append(a.batch.text, a.stamp...)
	a.batch.text = append(a.batch.text, " stderr F "...)
	a.batch.text = append(a.batch.text, text[made.cut:]...)
	a.batch.lines = append(a.batch.lines, made)
}
