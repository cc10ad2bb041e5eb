// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Lines cuts a stream into lines in one buffer. Only text that a newline ends is a line.
type Lines struct {
	r          io.Reader
	truncated  error // what a text that breaks off is refused with
	buf        []byte
	start, end int   // what is read and not yet given out: buf[start:end]
	line       int   // number of the line given out last
	read       int64 // bytes read
	limit      int64 // of the stream, bytes
	lineLimit  int   // of a line, bytes
	err        error // why reading ended
}

const firstBuffer = 64 << 10 // bytes: a socket gives as much at once, and each read costs more than what it copies

// NewLines reads r within Limits.Bytes and LineBytes. truncated is what Fail wraps when the stream breaks off.
func NewLines(r io.Reader, l Limits, truncated error) *Lines {
	lines := new(Lines)
	lines.reset(r, l.WithDefaults(), truncated)
	return lines
}

// reset begins a new stream in the buffer that is there.
func (l *Lines) reset(r io.Reader, limits Limits, truncated error) {
	buf := l.buf[:cap(l.buf)]
	if len(buf) == 0 {
		buf = make([]byte, min(limits.LineBytes, firstBuffer))
	}
	*l = Lines{r: r, truncated: truncated, buf: buf[:min(len(buf), limits.LineBytes)], limit: limits.Bytes, lineLimit: limits.LineBytes}
}

// Line is the number of the line given out last, 1-based.
func (l *Lines) Line() int { return l.line }

// Read is the number of bytes read so far.
func (l *Lines) Read() int64 { return l.read }

// Begun is what is there of a line that has no end yet.
func (l *Lines) Begun() []byte { return l.buf[l.start:l.end] }

// Next gives the next line without its newline; it is valid until the following call. At the end it gives false, and
// Fail tells why.
func (l *Lines) Next() ([]byte, bool) {
	searched := 0
	for {
		if i := bytes.IndexByte(l.buf[l.start+searched:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : l.start+searched+i]
			l.start += searched + i + 1
			l.line++
			return line, true
		}
		searched = l.end - l.start
		if l.err != nil {
			return nil, false
		}
		l.fill()
	}
}

// fill reads once, and sets err when there is no more to come.
func (l *Lines) fill() {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == l.lineLimit {
		l.err = &LimitError{What: "bytes in a line", Limit: int64(l.lineLimit), Line: l.line + 1}
		return
	}
	if l.end == len(l.buf) {
		l.buf = append(make([]byte, 0, min(2*l.end, l.lineLimit)), l.buf...)
		l.buf = l.buf[:cap(l.buf)]
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.read += int64(n)
		if l.read > l.limit {
			l.end -= int(l.read - l.limit)
			l.err = &LimitError{What: "bytes", Limit: l.limit, Line: l.line + 1}
			return
		}
		if n > 0 || err != nil {
			l.err = err
			return
		}
	}
	l.err = io.ErrNoProgress
}

// Fail tells why Next gave no line: nil at a clean end of the stream, the truncated error when it broke off.
func (l *Lines) Fail() error {
	var limit *LimitError
	switch {
	case errors.As(l.err, &limit):
		return l.err
	case !errors.Is(l.err, io.EOF):
		return fmt.Errorf("%w after line %d: %w", l.truncated, l.line, l.err)
	case l.end > l.start:
		return fmt.Errorf("%w: line %d has no end", l.truncated, l.line+1)
	}
	return nil
}

// Truncated refuses a text that ends behind the line given out last.
func (l *Lines) Truncated(why string) error {
	return fmt.Errorf("%w after line %d: %s", l.truncated, l.line, why)
}

// Syntax is a SyntaxError at the line given out last.
func (l *Lines) Syntax(format string, args ...any) error {
	return &SyntaxError{Line: l.line, Msg: fmt.Errorf(format, args...).Error()}
}

// Limit is a LimitError at the line given out last.
func (l *Lines) Limit(what string, limit int) error {
	return &LimitError{What: what, Limit: int64(limit), Line: l.line}
}
