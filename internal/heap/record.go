// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"fmt"
	"math"
)

// bucket is what one record says: the blocks of one size allocated by one stack.
type bucket struct {
	totals   Totals
	variance float64 // of totals.AllocBytes
	size     int64   // of one block, bytes; 0 when none was allocated
}

func notHeap(line []byte) error { return fmt.Errorf("%w, got %s", ErrNotHeap, excerpt(line)) }

func (p *parser) truncated(why string) error {
	return fmt.Errorf("%w after line %d: %s", ErrTruncated, p.lines.line, why)
}

// syntax is a SyntaxError at the current line.
func (p *parser) syntax(format string, args ...any) error {
	return &SyntaxError{Line: p.lines.line, Msg: fmt.Errorf(format, args...).Error()}
}

func (p *parser) limit(what string, limit int) error {
	return &LimitError{What: what, Limit: int64(limit), Line: p.lines.line}
}

// record reads `INUSE: BYTES [ALLOC: BYTES] @ 0xPC 0xPC ...`, raw numbers of sampled blocks, and opens the bucket.
func (p *parser) record(line []byte) error {
	if p.records++; p.records > p.limits.Records {
		return p.limit("records", p.limits.Records)
	}
	var raw [4]int64
	rest := line
	for i, before := range [...]string{"", ": ", " [", ": "} {
		var err error
		if rest, err = literal(rest, before); err == nil {
			raw[i], rest, err = decimal(rest)
		}
		if err != nil {
			return p.syntax("got %s, want a record `N: BYTES [N: BYTES] @ 0xPC ...`: %w", excerpt(line), err)
		}
	}
	rest, err := literal(rest, "] @")
	if err != nil {
		return p.syntax("got %s, want a record `N: BYTES [N: BYTES] @ 0xPC ...`: %w", excerpt(line), err)
	}
	if p.now, err = p.unsampled(raw); err != nil {
		return p.syntax("record %s: %w", excerpt(line), err)
	}
	p.open, p.idle = true, raw == [4]int64{}
	p.stack = append(p.stack[:0], rest...)
	p.ahead = p.stack
	p.hidden, p.path = p.hidden[:0], p.path[:0]
	p.matched, p.sited, p.observer = false, false, false
	p.last, p.repeat, p.tries = 0, 0, 0
	return nil
}

// unsampled makes the bucket of the raw numbers in-use objects, in-use bytes, allocated objects, allocated bytes.
func (p *parser) unsampled(raw [4]int64) (b bucket, err error) {
	if raw[0] == 0 && raw[1] != 0 || raw[2] == 0 && raw[3] != 0 {
		return b, fmt.Errorf("no objects, and yet their bytes")
	}
	rate := p.text.Rate
	var ok, ok2 bool
	b.totals.InuseObjects, b.totals.InuseBytes, ok = unsample(raw[0], raw[1], rate)
	b.totals.AllocObjects, b.totals.AllocBytes, ok2 = unsample(raw[2], raw[3], rate)
	if !ok || !ok2 {
		return b, fmt.Errorf("unsampled at rate %d it is more than %d", rate, int64(math.MaxInt64))
	}
	b.totals.Samples = raw[2]
	b.variance = variance(raw[2], raw[3], rate)
	if raw[2] > 0 {
		b.size = raw[3] / raw[2]
	}
	return b, nil
}

// literal takes want from the head of b.
func literal(b []byte, want string) ([]byte, error) {
	if len(b) < len(want) || string(b[:len(want)]) != want {
		return nil, fmt.Errorf("no %q at %s", want, excerpt(b))
	}
	return b[len(want):], nil
}

// decimal takes a number from 0 to the greatest int64 from the head of b.
func decimal(b []byte) (n int64, rest []byte, err error) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		d := int64(b[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, nil, fmt.Errorf("a number above %d at %s", int64(math.MaxInt64), excerpt(b))
		}
		n = n*10 + d
	}
	if i == 0 {
		return 0, nil, fmt.Errorf("no number from 0 on at %s", excerpt(b))
	}
	return n, b[i:], nil
}

// hexadecimal takes `0x` and 1 to 16 hexadecimal digits from the head of b.
func hexadecimal(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) < 3 || b[0] != '0' || b[1] != 'x' {
		return 0, nil, false
	}
	i := 2
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return n, b[i:], i > 2
		}
		if i == 18 {
			return 0, nil, false
		}
		n = n<<4 | uint64(c)
	}
	return n, nil, true
}
