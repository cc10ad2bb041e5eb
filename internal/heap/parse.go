// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// Parse reads a whole text. It gives a Text or an error, never both: ErrNotHeap, ErrTruncated, *LimitError or
// *SyntaxError, and ErrTruncated together with the reader's own error where that broke off.
func Parse(r io.Reader, l Limits) (*Text, error) { return parseEach(r, l, nil) }

// parseEach is Parse, and tells each bucket that is in a group, the number of its chain with it. nil is told nothing.
func parseEach(r io.Reader, l Limits, each func(chain int, b *bucket)) (*Text, error) {
	p := parser{in: format.Read(r, l), text: &Text{}, each: each}
	if idle, ok := idleSlices.Get().(*slicesOfParser); ok {
		p.slicesOfParser = *idle
	} else {
		p.owners = map[ownedKey]int32{}
	}
	defer p.close()
	p.stats.stats = &p.text.MemStats
	if err := p.header(); err != nil {
		return nil, err
	}
	if err := p.body(); err != nil {
		return nil, err
	}
	if err := p.tail(); err != nil {
		return nil, err
	}
	p.text.Bytes = p.in.Read()
	p.text.table, p.text.groups, p.text.owned = p.in.Table(), slices.Clone(p.groups), slices.Clone(p.owned)
	return p.text, nil
}

// slicesOfParser are what is kept for the next texts.
type slicesOfParser struct {
	groups []group // by the reader's chains
	owned  []owned
	owners map[ownedKey]int32 // index in owned
}

// idleSlices are for the next texts: *slicesOfParser.
var idleSlices sync.Pool

func (p *parser) close() {
	p.in.Close()
	if cap(p.groups) <= 8<<10 && cap(p.owned) <= 8<<10 { // half a megabyte each
		clear(p.owners)
		idleSlices.Put(&slicesOfParser{p.groups[:0], p.owned[:0], p.owners})
	}
}

// parser is the state of one reading.
type parser struct {
	slicesOfParser
	in    *stacktext.Reader
	text  *Text
	stats memStatsReader
	each  func(chain int, b *bucket)

	records int
	open    bool // a bucket is being read
	idle    bool // ... which counts nothing, so its frames are of no interest
	now     bucket
}

const headerPrefix = "heap profile:"

func notHeap(line []byte) error { return fmt.Errorf("%w, got %s", ErrNotHeap, stacktext.Excerpt(line)) }

// header reads `heap profile: N: BYTES [N: BYTES] @ heap/RATE`, whose counts are the raw sums, and whose rate is twice
// MemProfileRate, "because early versions of the C++ profiler did so".
func (p *parser) header() error {
	line, ok := p.in.Next()
	if !ok {
		return p.headless()
	}
	if !bytes.HasPrefix(line, []byte(headerPrefix)) {
		return notHeap(line)
	}
	_, after, found := bytes.Cut(line, []byte("@ heap/"))
	rate, err := strconv.ParseInt(string(after), 10, 64)
	if !found || err != nil || rate < 0 {
		return p.in.Syntax("header %s has no `@ heap/RATE` at its end, RATE being a number from 0 on", stacktext.Excerpt(line))
	}
	p.text.Rate = rate / 2
	return nil
}

// headless explains a text without a first line.
func (p *parser) headless() error {
	begun := p.in.Begun()
	n := min(len(begun), len(headerPrefix))
	if string(begun[:n]) != headerPrefix[:n] {
		return notHeap(begun)
	}
	if err := p.in.Fail(); err != nil {
		return err
	}
	return notHeap(nil)
}

// body reads the buckets up to the MemStats.
func (p *parser) body() error {
	for {
		line, ok := p.in.Next()
		if !ok {
			if err := p.in.Fail(); err != nil {
				return err
			}
			return p.in.Truncated("it ends before its MemStats")
		}
		var err error
		switch {
		case len(line) == 0:
			err = p.finish()
		case line[0] == '#':
			if string(line) == memStatsHead {
				return p.finish()
			}
			if p.open && !p.idle {
				err = p.in.Frame(line)
			}
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
		line, ok := p.in.Next()
		if !ok {
			if err := p.in.Fail(); err != nil {
				return err
			}
			return p.stats.end()
		}
		if len(line) == 0 {
			continue
		}
		if line[0] != '#' {
			return p.in.Syntax("got %s behind the MemStats, want lines that begin with '#'", stacktext.Excerpt(line))
		}
		if err := p.stats.line(line); err != nil {
			return p.in.Syntax("%w", err)
		}
	}
}
