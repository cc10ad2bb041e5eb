// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"fmt"
	"math"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// bucket is what one record says: the blocks of one size allocated by one stack.
type bucket struct {
	totals   Totals
	variance float64 // of totals.AllocBytes
	size     int64   // of one block, bytes; 0 when none was allocated
}

const recordShape = "got %s, want a record `N: BYTES [N: BYTES] @ 0xPC ...`: %w"

// record reads `INUSE: BYTES [ALLOC: BYTES] @ 0xPC 0xPC ...`, raw numbers of sampled blocks, and opens the bucket.
func (p *parser) record(line []byte) error {
	if p.records++; p.records > p.in.Records() {
		return p.in.Limit("records", p.in.Records())
	}
	var raw [4]int64
	rest := line
	for i, before := range [...]string{"", ": ", " [", ": "} {
		var err error
		if rest, err = stacktext.Literal(rest, before); err == nil {
			raw[i], rest, err = stacktext.Decimal(rest)
		}
		if err != nil {
			return p.in.Syntax(recordShape, stacktext.Excerpt(line), err)
		}
	}
	rest, err := stacktext.Literal(rest, "] @")
	if err != nil {
		return p.in.Syntax(recordShape, stacktext.Excerpt(line), err)
	}
	p.open, p.idle = true, raw == [4]int64{}
	if p.idle {
		return nil
	}
	if p.now, err = p.unsampled(&raw); err != nil {
		return p.in.Syntax("record %s: %w", stacktext.Excerpt(line), err)
	}
	p.in.Open(rest, false)
	return nil
}

// unsampled makes the bucket of the raw numbers in-use objects, in-use bytes, allocated objects, allocated bytes.
func (p *parser) unsampled(raw *[4]int64) (b bucket, err error) {
	if raw[0] == 0 && raw[1] != 0 || raw[2] == 0 && raw[3] != 0 {
		return b, fmt.Errorf("no objects, and yet their bytes")
	}
	b.totals.Samples = raw[2]
	if raw[2] > 0 {
		b.size = raw[3] / raw[2]
	}
	rate := p.text.Rate
	if rate <= 1 || raw[3] == 0 || raw[3]%raw[2] != 0 || raw[1] != 0 && (raw[1]/raw[0] != b.size || raw[1]%raw[0] != 0) {
		return p.unsampledApart(b, raw)
	}
	// The blocks of a bucket are of one size, so one exponential does for both pairs.
	miss := missed(raw[2], raw[3], rate)
	inuseFits := true
	if raw[1] != 0 {
		b.totals.InuseObjects, b.totals.InuseBytes, inuseFits = scaled(raw[0], raw[1], miss)
	}
	var allocFits bool
	b.totals.AllocObjects, b.totals.AllocBytes, allocFits = scaled(raw[2], raw[3], miss)
	b.variance = varianceOf(raw[2], raw[3], miss)
	return b, p.fits(inuseFits && allocFits)
}

// unsampledApart is for a bucket of blocks of several sizes, which Go does not write.
func (p *parser) unsampledApart(b bucket, raw *[4]int64) (bucket, error) {
	var ok, ok2 bool
	b.totals.InuseObjects, b.totals.InuseBytes, ok = unsample(raw[0], raw[1], p.text.Rate)
	b.totals.AllocObjects, b.totals.AllocBytes, ok2 = unsample(raw[2], raw[3], p.text.Rate)
	b.variance = variance(raw[2], raw[3], p.text.Rate)
	return b, p.fits(ok && ok2)
}

func (p *parser) fits(ok bool) error {
	if !ok {
		return fmt.Errorf("unsampled at rate %d it is more than %d", p.text.Rate, int64(math.MaxInt64))
	}
	return nil
}

// finish adds the open bucket to its group.
func (p *parser) finish() error {
	if !p.open {
		return nil
	}
	p.open = false
	if p.idle {
		return nil
	}
	if !p.text.Total.add(p.now.totals) {
		return p.in.Syntax("the sum of the records is more than an int64 holds")
	}
	if p.in.Observed() {
		p.text.Observer.add(p.now.totals)
		return nil
	}
	i, err := p.in.Chain()
	if err != nil {
		return err
	}
	if i == len(p.groups) {
		p.groups = append(p.groups, group{})
	}
	p.groups[i].add(&p.now)
	p.own(i)
	if p.each != nil {
		p.each(i, &p.now)
	}
	return nil
}
