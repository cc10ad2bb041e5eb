// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// Limits bound what one text may cost.
type Limits = stacktext.Limits

// ErrNotGoroutine says that the text is something else: a page of HTML, a protobuf profile, nothing at all.
var ErrNotGoroutine = errors.New("not a goroutine text: it must begin with `goroutine profile: total N` or `goroutineleak profile: total N`")

// ErrTruncated says that the text ends before it has told of all goroutines. Nothing of it is a snapshot.
var ErrTruncated = fmt.Errorf("goroutine %w", stacktext.ErrTruncated)

var format = stacktext.Format{Truncated: ErrTruncated, PassOver: isPassedOver}

// Text is what one text said, before the hidden frames have names.
type Text struct {
	Leak     bool  // only goroutines that can never go on: /debug/pprof/goroutineleak
	Total    int64 // goroutines
	Observer int64 // of these, those that serve or write a profile; in no site
	Labelled int64 // of these, those with pprof labels
	Bytes    int64 // length of the text

	table  stacktext.Table
	counts []int64 // goroutines by the table's chains
	stacks []stack
}

// Parse reads a whole text. It gives a Text or an error, never both: ErrNotGoroutine, ErrTruncated, a
// *stacktext.LimitError or *stacktext.SyntaxError, and ErrTruncated together with the reader's own error where that broke
// off.
func Parse(r io.Reader, l Limits) (*Text, error) {
	p := parser{in: format.Read(r, l), text: &Text{}}
	defer p.in.Close()
	if err := p.header(); err != nil {
		return nil, err
	}
	if err := p.body(); err != nil {
		return nil, err
	}
	p.text.Bytes = p.in.Read()
	p.text.table, p.text.counts, p.text.stacks = p.in.Table(), p.counts, p.top.list()
	return p.text, nil
}

// Unknown gives, sorted and once each, the addresses whose names Snapshot will need and which known does not have. They
// are what /debug/pprof/symbol is to be asked. A nil known has none.
func (t *Text) Unknown(known func(address uint64) bool) []uint64 { return t.table.Unknown(known) }

// Contradicts reports whether the text shows another function at one of these addresses: then they come from another
// program.
func (t *Text) Contradicts(names map[uint64]string) bool { return t.table.Contradicts(names) }

// parser is the state of one reading.
type parser struct {
	in     *stacktext.Reader
	text   *Text
	counts []int64 // by the reader's chains
	top    topStacks

	records  int
	seen     int64 // goroutines of all records
	open     bool  // a record is being read
	labelled bool  // ... and has labels
	now      int64 // its goroutines
}

// header reads `goroutine profile: total N`.
func (p *parser) header() error {
	line, ok := p.in.Next()
	if !ok {
		line = p.in.Begun()
	}
	number, is := bytes.CutPrefix(line, []byte("goroutine profile: total "))
	if !is {
		number, p.text.Leak = bytes.CutPrefix(line, []byte("goroutineleak profile: total "))
		is = p.text.Leak
	}
	if !ok && (is || len(line) > 0 && bytes.HasPrefix([]byte("goroutine profile: total "), line)) {
		return p.in.Fail()
	}
	if !is {
		return fmt.Errorf("%w, got %s", ErrNotGoroutine, stacktext.Excerpt(line))
	}
	n, rest, err := stacktext.Decimal(number)
	if err != nil || len(rest) > 0 {
		return p.in.Syntax("header %s has no number from 0 on at its end", stacktext.Excerpt(line))
	}
	p.text.Total = n
	return nil
}

// body reads the records, each of which an empty line ends.
func (p *parser) body() error {
	for {
		line, ok := p.in.Next()
		if !ok {
			return p.end()
		}
		var err error
		switch {
		case len(line) == 0:
			err = p.finish()
		case bytes.HasPrefix(line, []byte("# labels: ")):
			p.labelled = p.open
		case line[0] == '#':
			if p.open {
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

// record reads `N @ 0xPC 0xPC ...`.
func (p *parser) record(line []byte) error {
	if p.records++; p.records > p.in.Records() {
		return p.in.Limit("records", p.in.Records())
	}
	n, rest, err := stacktext.Decimal(line)
	if err == nil {
		rest, err = stacktext.Literal(rest, " @")
	}
	if err != nil {
		return p.in.Syntax("got %s, want a record `N @ 0xPC ...`: %w", stacktext.Excerpt(line), err)
	}
	if p.seen += n; p.seen < 0 || p.seen > p.text.Total {
		return p.in.Syntax("the records have more goroutines than the header says: %d", p.text.Total)
	}
	p.open, p.labelled, p.now = true, false, n
	p.in.Open(rest, p.top.offer(rest, n))
	return nil
}

// finish adds the open record to its chain.
func (p *parser) finish() error {
	if !p.open {
		return nil
	}
	p.open = false
	if p.labelled {
		p.text.Labelled += p.now
	}
	if p.in.Observed() {
		p.text.Observer += p.now
		return nil
	}
	i, err := p.in.Chain()
	if err != nil {
		return err
	}
	if i == len(p.counts) {
		p.counts = append(p.counts, 0)
	}
	p.counts[i] += p.now
	p.top.take(p.in, i)
	return nil
}

// end checks that nothing is missing.
func (p *parser) end() error {
	switch err := p.in.Fail(); {
	case err != nil:
		return err
	case p.open:
		return p.in.Truncated("the last stack has no end")
	case p.seen < p.text.Total:
		return p.in.Truncated(fmt.Sprintf("it tells of %d goroutines, and the header says %d", p.seen, p.text.Total))
	}
	return nil
}
