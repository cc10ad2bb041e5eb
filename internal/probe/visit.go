// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"io"
	"net/url"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
)

// Observation is what one visit brought home.
type Observation struct {
	At        time.Time // when the visit began; the process reads its MemStats right after
	Duration  time.Duration
	Bytes     int64 // length of the heap text, decompressed
	Cost      Cost  // of all pages of the visit; also where the visit failed
	Heap      heap.Snapshot
	Restarted bool // provably another process than in the visit before
	Partial   []error
}

// Visit asks one process for its heap text and for the names it needs. m is what the visit before left, and what this one
// leaves; it belongs to this target alone. An error is an *Error, then m is as it was, and the observation is nothing but
// its Cost.
func (p *Prober) Visit(ctx context.Context, base *url.URL, m *Memory) (Observation, error) {
	return p.visit(ctx, base, m, func(body io.Reader, l heap.Limits) (*heap.Text, error) { return heap.Parse(body, l) }, nil)
}

// VisitToLearn is Visit, and gives the text with its names to learn before it is forgotten: so heap.Build learns the
// classes by which it reads protobuf profiles.
func (p *Prober) VisitToLearn(ctx context.Context, base *url.URL, m *Memory,
	learn func(text *heap.Text, pairs *heap.Pairs, symbol func(address uint64) (string, bool))) (Observation, error) {
	var pairs *heap.Pairs
	parse := func(body io.Reader, l heap.Limits) (text *heap.Text, err error) {
		text, pairs, err = heap.ParsePairs(body, l)
		return text, err
	}
	return p.visit(ctx, base, m, parse, func(text *heap.Text) { learn(text, pairs, m.symbol) })
}

func (p *Prober) visit(ctx context.Context, base *url.URL, m *Memory,
	parse func(io.Reader, heap.Limits) (*heap.Text, error), done func(*heap.Text)) (Observation, error) {
	if err := CheckBase(base); err != nil {
		return Observation{}, fail(base, 0, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.Timeout)
	defer cancel()
	o := Observation{At: time.Now()}

	text, cost, err := get(ctx, p, base, HeapText(), func(body io.Reader) (*heap.Text, error) {
		return parse(body, p.settings.text())
	})
	if err != nil {
		return Observation{Cost: cost}, err
	}
	o.Bytes, o.Cost = text.Bytes, cost
	o.Restarted = m.meet(text)
	o.Cost.add(p.identify(ctx, base, text, m))
	cost, err = p.learn(ctx, base, text, m)
	o.Cost.add(cost)
	if err != nil {
		o.Partial = append(o.Partial, err)
	}
	o.Heap = text.Snapshot(m.symbol)
	if done != nil {
		done(text)
	}
	o.Duration = time.Since(o.At)
	return o, nil
}
