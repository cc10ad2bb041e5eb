// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/heapgate/heapgate/internal/probe"
)

const (
	mostEvery  = 15 * time.Second
	leastEvery = 100 * time.Millisecond
	fewTexts   = 8 // of a short --for
)

// watch takes texts of a process for as long as it was told, and says on stderr how far it is. A text that could not be had is
// told and left out, unless it is the first.
func (c *inspectHeap) watch(ctx context.Context, base *url.URL) ([]heapMoment, error) {
	every := c.every
	if every == 0 {
		every = max(min(c.lasting/fewTexts, mostEvery), leastEvery)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	prober := probe.New(&http.Client{Transport: transport}, probe.Settings{Timeout: c.timeout})
	memory := new(probe.Memory)
	begin := time.Now()
	var moments []heapMoment
	for due := time.Duration(0); ; due += every {
		last := due >= c.lasting
		if err := wait(ctx, begin.Add(min(due, c.lasting))); err != nil {
			return nil, err
		}
		moment, err := c.ask(ctx, prober, base, memory)
		switch {
		case err != nil && (len(moments) == 0 || ctx.Err() != nil || last && len(moments) < 2):
			return nil, err
		case err != nil:
			c.warn("%v", err)
		case len(moments) > 0 && moment.MemStats.NumGC < moments[len(moments)-1].MemStats.NumGC:
			return nil, fmt.Errorf("the process restarted while it was watched: got GC %d after GC %d", moment.MemStats.NumGC, moments[len(moments)-1].MemStats.NumGC)
		default:
			moments = append(moments, moment)
			c.progress(time.Since(begin), &moment)
		}
		if last {
			break
		}
	}
	return published(moments)
}

// published leaves out the texts before the second GC, whose profile is empty, and those without a new GC but for the last.
func published(moments []heapMoment) (kept []heapMoment, err error) {
	for i, m := range moments {
		if m.until == 0 || len(kept) > 0 && m.until == kept[len(kept)-1].until && i+1 < len(moments) {
			continue
		}
		kept = append(kept, m)
	}
	if len(kept) < 2 {
		return nil, errors.New("fewer than two GCs ended: let --for take longer (an idle process collects its garbage every two minutes)")
	}
	return kept, nil
}

func (c *inspectHeap) progress(since time.Duration, m *heapMoment) {
	_, _ = fmt.Fprintf(c.err, "%s of %s: %d GCs, heap %s\n", since.Round(100*time.Millisecond), c.lasting, m.MemStats.NumGC, human(m.MemStats.HeapAlloc))
}

func wait(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
