// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"io"
	"net/url"

	"github.com/heapgate/heapgate/internal/goroutine"
)

// Goroutines asks where the goroutines are and what they wait for. m is what the visits left: the names it lacks are asked
// and stay in it. Where they cannot be had, the states of some goroutines are not known, and the snapshot says so.
func (p *Prober) Goroutines(ctx context.Context, base *url.URL, m *Memory) (goroutine.Snapshot, Cost, error) {
	return p.goroutines(ctx, base, Goroutine(), m)
}

// GoroutineLeaks is Goroutines of those that can never go on. The process collects its garbage for it.
func (p *Prober) GoroutineLeaks(ctx context.Context, base *url.URL, m *Memory) (goroutine.Snapshot, Cost, error) {
	return p.goroutines(ctx, base, GoroutineLeak(), m)
}

func (p *Prober) goroutines(ctx context.Context, base *url.URL, page Page, m *Memory) (goroutine.Snapshot, Cost, error) {
	if err := CheckBase(base); err != nil {
		return goroutine.Snapshot{}, Cost{}, fail(base, 0, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.Timeout)
	defer cancel()
	text, cost, err := get(ctx, p, base, page, func(body io.Reader) (*goroutine.Text, error) {
		return goroutine.Parse(body, p.settings.text())
	})
	if err != nil {
		return goroutine.Snapshot{}, cost, err
	}
	if text.Contradicts(m.last.functions) { // restarted, which the next visit proves
		m = new(Memory)
	}
	spent, _ := p.learn(ctx, base, text, m)
	cost.add(spent)
	return text.Snapshot(m.symbol), cost, nil
}
