// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// lines cuts a stream into lines in one buffer. Only text that a newline ends is a line.
type lines struct {
	r          io.Reader
	buf        []byte
	start, end int   // what is read and not yet given out: buf[start:end]
	line       int   // number of the line given out last, 1-based
	read       int64 // bytes read
	limit      int64 // of the stream, bytes
	lineLimit  int   // of a line, bytes
	err        error // why reading ended
}

func newLines(r io.Reader, l Limits) *lines {
	return &lines{r: r, buf: make([]byte, min(l.LineBytes, 16<<10)), limit: l.Bytes, lineLimit: l.LineBytes}
}

// next gives the next line without its newline; it is valid until the following call. At the end it gives false, and
// fail tells why.
func (l *lines) next() ([]byte, bool) {
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
func (l *lines) fill() {
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

// fail tells why next gave no line: nil at a clean end of the stream, ErrTruncated when it broke off.
func (l *lines) fail() error {
	var limit *LimitError
	switch {
	case errors.As(l.err, &limit):
		return l.err
	case !errors.Is(l.err, io.EOF):
		return fmt.Errorf("%w after line %d: %w", ErrTruncated, l.line, l.err)
	case l.end > l.start:
		return fmt.Errorf("%w: line %d has no end", ErrTruncated, l.line+1)
	}
	return nil
}
