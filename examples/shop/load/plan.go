// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// Plan is an open-loop schedule: request n is due when Rate * (1 + Wave*sin(2 pi t/Period)), summed from the start, has come to n,
// whatever became of the requests before it. A server that slows down does not slow the plan down, as waiting for answers would.
type Plan struct {
	Rate        float64       // requests per second
	Wave        float64       // share of the rate by which it swings, 0: it is constant
	Period      time.Duration // of the wave
	Duration    time.Duration // 0: until the context ends
	Concurrency int           // open requests at most
	LateAfter   time.Duration // delay between due and sent from which a request counts as late
}

// Validate says everything that is wrong with the plan at once.
func (p Plan) Validate() error {
	var errs []error
	if !(p.Rate > 0 && p.Rate <= 1e6) {
		errs = append(errs, fmt.Errorf("--rate must be above 0 and at most 1000000 requests per second (got %v)", p.Rate))
	}
	if !(p.Wave >= 0 && p.Wave <= 0.95) {
		errs = append(errs, fmt.Errorf("--wave must be from 0 to 0.95 (got %v)", p.Wave))
	}
	if p.Wave > 0 && p.Period < time.Second {
		errs = append(errs, fmt.Errorf("--period must be at least 1s (got %v)", p.Period))
	}
	if p.Duration < 0 {
		errs = append(errs, fmt.Errorf("--duration must not be negative (got %v)", p.Duration))
	}
	if p.Concurrency <= 0 {
		errs = append(errs, fmt.Errorf("--concurrency must be positive (got %d)", p.Concurrency))
	}
	if p.LateAfter <= 0 {
		errs = append(errs, fmt.Errorf("--late-after must be positive (got %v)", p.LateAfter))
	}
	return errors.Join(errs...)
}

func (p Plan) due(n int64) time.Duration {
	t := float64(n) / p.Rate
	if p.Wave == 0 {
		return time.Duration(t * float64(time.Second))
	}
	// The sum is R*(t + Wave/turn*(1-cos(turn*t))), which never falls; the constant schedule is ahead of it by at most 2*Wave/turn.
	turn := 2 * math.Pi / p.Period.Seconds()
	low, high := max(0, t-2*p.Wave/turn), t
	for high-low > 1e-9 {
		if middle := (low + high) / 2; middle+p.Wave/turn*(1-math.Cos(turn*middle)) < t {
			low = middle
		} else {
			high = middle
		}
	}
	return time.Duration(high * float64(time.Second))
}

// Run follows the plan until its duration or ctx ends, and returns when the last answer is there. Requests already sent
// outlive ctx: send has to limit its own time.
func Run(ctx context.Context, p Plan, send func(context.Context) error) Summary {
	var (
		summary = Summary{Rate: p.Rate}
		mu      sync.Mutex // guards summary
		open    sync.WaitGroup
		slots   = make(chan struct{}, p.Concurrency)
		start   = time.Now()
	)
	for n := int64(0); p.Duration == 0 || p.due(n) < p.Duration; n++ {
		due := start.Add(p.due(n))
		if !sleepUntil(ctx, due) {
			break
		}
		select {
		case slots <- struct{}{}:
		default:
			mu.Lock()
			summary.Dropped++
			mu.Unlock()
			continue
		}
		open.Go(func() {
			defer func() { <-slots }()
			late := time.Since(due) >= p.LateAfter
			err := send(context.WithoutCancel(ctx))
			mu.Lock()
			defer mu.Unlock()
			summary.add(late, err, time.Since(due))
		})
	}
	open.Wait()
	summary.Elapsed = time.Since(start)
	return summary
}

// sleepUntil reports false if ctx ended first.
func sleepUntil(ctx context.Context, due time.Time) bool {
	if ctx.Err() != nil {
		return false
	}
	wait := time.Until(due)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
