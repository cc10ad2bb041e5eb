// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"fmt"
	"io"
	"sort"
	"time"
)

// Format is how a container runtime wraps the lines of a process.
type Format string

const (
	Auto   Format = "auto" // decided by the first line
	Raw    Format = "raw"
	Docker Format = "docker" // json-file: {"log":"text\n","stream":"stderr","time":"..."}; no \n: the line goes on
	CRI    Format = "cri"    // RFC3339Nano stdout|stderr F|P text; P: the line goes on
)

const (
	maxWrapped  = 1 << 20 // bytes of one wrapped line; docker and CRI cut at 16 KiB of text
	maxFirst    = 64 << 10
	wrapperRead = 32 << 10
)

// Unwrap returns what the process wrote to stderr: lines of stdout are left out, parts of a line are joined. A line that
// is not wrapped as the others are, or longer than 1 MiB, is handed on as it is. Nothing is read before the first Read.
//
// A Scanner that reads from it directly gives lines and offsets of r.
func Unwrap(r io.Reader, f Format) (io.Reader, error) {
	switch f {
	case Raw:
		return r, nil
	case Auto, Docker, CRI:
		return &unwrapper{r: r, format: f, line: 1}, nil
	}
	return nil, fmt.Errorf("format must be %s, %s, %s or %s (got %q)", Auto, Raw, Docker, CRI, f)
}

// unwrapper takes whole wrapped lines out of in and puts their text into out.
type unwrapper struct {
	r      io.Reader
	format Format
	in     []byte
	out    []byte // not yet handed out
	broken bool   // in the rest of a line that is too long
	eof    bool
	err    error

	line   int   // of in[0]
	at     int64 // offset of in[0]
	wrote  int64 // bytes put into out so far
	tracks bool
	marks  []mark // of the bytes from the last forget on, if tracks
}

// mark says that the text from offset on came from a line.
type mark struct {
	offset int64
	line   int
	at     int64 // offset of the line in the input
	stamp  stamp
}

// stamp is the text of the time that the container runtime wrote into a line.
type stamp struct {
	text [len("2026-11-21T06:00:00.123456789+01:00")]byte
	n    uint8
}

func (s *stamp) set(text []byte) { s.n = uint8(copy(s.text[:], text)) }

// time is zero where there is none that can be read.
func (s *stamp) time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(s.text[:s.n]))
	if err != nil {
		return time.Time{}
	}
	return t
}

func (u *unwrapper) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(u.out) == 0 {
		if u.eof {
			return 0, u.err
		}
		if u.format == Raw && len(u.in) == 0 {
			return u.r.Read(p)
		}
		u.fill()
		u.unwrap()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// fill reads once behind what is left of in.
func (u *unwrapper) fill() {
	old := len(u.in)
	if cap(u.in)-old < wrapperRead {
		grown := make([]byte, old, 2*old+2*wrapperRead)
		copy(grown, u.in)
		u.in = grown
	}
	for range 100 {
		n, err := u.r.Read(u.in[old : old+wrapperRead])
		u.in = u.in[:old+n]
		if err != nil {
			u.eof, u.err = true, err
			return
		}
		if n > 0 {
			return
		}
	}
	u.eof, u.err = true, io.ErrNoProgress
}

// unwrap moves the text of all whole lines from in to out.
func (u *unwrapper) unwrap() {
	if u.format == Auto {
		u.format = detect(u.in, u.eof)
		if u.format == Auto {
			return // the first line is not whole yet
		}
	}
	u.out = nil
	if u.format == Raw {
		u.out, u.in = u.in, nil
		return
	}
	rest := u.in
	for len(rest) > 0 {
		n, whole := lineEnd(rest)
		if !whole && !u.eof && len(rest) < maxWrapped {
			break
		}
		u.one(rest[:n], whole)
		rest = rest[n:]
	}
	u.in = append(u.in[:0], rest...)
}

// one unwraps a line, newline included if it is whole.
func (u *unwrapper) one(line []byte, whole bool) {
	text, mine, ok := line, true, false
	if !u.broken {
		if u.format == Docker {
			text, mine, ok = dockerText(line)
		} else {
			text, mine, ok = criText(line)
		}
	}
	if !ok {
		text, mine = line, true
		u.broken = !whole
	}
	if whole {
		u.broken = false
	}
	if mine {
		if u.tracks {
			u.marks = append(u.marks, mark{offset: u.wrote, line: u.line, at: u.at})
			if ok {
				u.marks[len(u.marks)-1].stamp.set(stampOf(line, u.format))
			}
		}
		u.out = append(u.out, text...)
		u.wrote += int64(len(text))
	}
	u.at += int64(len(line))
	if whole {
		u.line++
	}
}

// track makes the reader remember where its bytes come from.
func (u *unwrapper) track() { u.tracks = true }

// position finds the line from which the byte at an offset of the text came. Not ok when the input is not wrapped.
func (u *unwrapper) position(offset int64) (mark, bool) {
	n := sort.Search(len(u.marks), func(i int) bool { return u.marks[i].offset > offset })
	if n == 0 {
		return mark{}, false
	}
	return u.marks[n-1], true
}

// forget drops the marks before the one that holds the offset.
func (u *unwrapper) forget(offset int64) {
	n := 0
	for n+1 < len(u.marks) && u.marks[n+1].offset <= offset {
		n++
	}
	u.marks = append(u.marks[:0], u.marks[n:]...)
}
