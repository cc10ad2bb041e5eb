// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"io"
	"strconv"
)

// Parse reads a whole text. It gives a Text or an error, never both: ErrNotHeap, ErrTruncated, *LimitError or
// *SyntaxError, and ErrTruncated together with the reader's own error where that broke off.
func Parse(r io.Reader, l Limits) (*Text, error) {
	l = l.withDefaults()
	p := newParser(newLines(r, l), l)
	if err := p.header(); err != nil {
		return nil, err
	}
	if err := p.body(); err != nil {
		return nil, err
	}
	if err := p.tail(); err != nil {
		return nil, err
	}
	p.text.MemStats = p.stats.stats
	p.text.Bytes = p.lines.read
	p.text.frames, p.text.cutNames = p.frames.all, p.frames.cutNames
	return p.text, nil
}

// parser is the state of one reading. The fields of the bucket being read are kept from bucket to bucket, so that
// reading one allocates only where its call site is new.
type parser struct {
	lines  *lines
	limits Limits
	text   *Text
	frames *frameTable
	groups map[string]*group // by key
	stats  *memStatsReader

	records int
	held    int // addresses in groups

	open     bool // a bucket is being read
	idle     bool // ... which counts nothing, so its frames are of no interest
	now      bucket
	stack    []byte   // the return PCs behind its '@', as text
	ahead    []byte   // the end of stack that is not looked at yet
	hidden   []uint64 // its hidden addresses, leaf first
	matched  bool     // hidden is complete: a '#' line met its PC
	tries    int      // how many '#' lines looked for one
	path     []int32  // its visible frames, leaf first, down to the site
	sited    bool     // the last of path is the site
	observer bool     // the stack is the observer's own
	last     uint64   // address of the '#' line before
	repeat   int      // how many '#' lines before had the same address
	key      []byte
}

func newParser(lines *lines, l Limits) *parser {
	return &parser{
		lines: lines, limits: l,
		text:   &Text{},
		frames: newFrameTable(l),
		groups: map[string]*group{},
		stats:  newMemStatsReader(),
	}
}

const headerPrefix = "heap profile:"

// header reads `heap profile: N: BYTES [N: BYTES] @ heap/RATE`, whose counts are the raw sums, and whose rate is twice
// MemProfileRate, "because early versions of the C++ profiler did so".
func (p *parser) header() error {
	line, ok := p.lines.next()
	if !ok {
		return p.headless()
	}
	if !bytes.HasPrefix(line, []byte(headerPrefix)) {
		return notHeap(line)
	}
	_, after, found := bytes.Cut(line, []byte("@ heap/"))
	rate, err := strconv.ParseInt(string(after), 10, 64)
	if !found || err != nil || rate < 0 {
		return p.syntax("header %s has no `@ heap/RATE` at its end, RATE being a number from 0 on", excerpt(line))
	}
	p.text.Rate = rate / 2
	return nil
}

// headless explains a text without a first line.
func (p *parser) headless() error {
	begun := p.lines.buf[p.lines.start:p.lines.end]
	n := min(len(begun), len(headerPrefix))
	if string(begun[:n]) != headerPrefix[:n] {
		return notHeap(begun)
	}
	if err := p.lines.fail(); err != nil {
		return err
	}
	return notHeap(nil)
}

// body reads the buckets up to the MemStats.
func (p *parser) body() error {
	for {
		line, ok := p.lines.next()
		if !ok {
			if err := p.lines.fail(); err != nil {
				return err
			}
			return p.truncated("it ends before its MemStats")
		}
		var err error
		switch {
		case len(line) == 0:
			err = p.finish()
		case line[0] == '#':
			if string(line) == memStatsHead {
				return p.finish()
			}
			err = p.frameLine(line)
		default:
			if err = p.finish(); err == nil {
				err = p.record(line)
			}
		}
		if err != nil {
			return err
		}
	}
}

// tail reads the MemStats, which only '#' lines and empty lines follow.
func (p *parser) tail() error {
	for {
		line, ok := p.lines.next()
		if !ok {
			if err := p.lines.fail(); err != nil {
				return err
			}
			return p.stats.end()
		}
		if len(line) == 0 {
			continue
		}
		if line[0] != '#' {
			return p.syntax("got %s behind the MemStats, want lines that begin with '#'", excerpt(line))
		}
		if err := p.stats.line(line); err != nil {
			return p.syntax("%w", err)
		}
	}
}
