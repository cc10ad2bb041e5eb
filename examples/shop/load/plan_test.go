// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPlan(t *testing.T) {
	second := func(context.Context) error { time.Sleep(time.Second); return nil }
	for name, tt := range map[string]struct {
		plan Plan
		send func(context.Context) error
		want Summary
	}{
		"keeps its rate": {
			plan: Plan{Rate: 100, Duration: 10 * time.Second, Concurrency: 1, LateAfter: 1},
			send: func(context.Context) error { return nil },
			want: Summary{OK: 1000, Elapsed: 9990 * time.Millisecond},
		},
		"is not slowed down by a slow server": {
			plan: Plan{Rate: 100, Duration: 10 * time.Second, Concurrency: 101, LateAfter: 1},
			send: second,
			want: Summary{OK: 1000, Elapsed: 10990 * time.Millisecond},
		},
		"drops what finds no room": { // 10 a second get in, at 0, 1, ... 9 s
			plan: Plan{Rate: 100, Duration: 9500 * time.Millisecond, Concurrency: 10, LateAfter: 1},
			send: func(context.Context) error { time.Sleep(999 * time.Millisecond); return nil },
			want: Summary{OK: 100, Dropped: 850, Elapsed: 9*time.Second + 90*time.Millisecond + 999*time.Millisecond},
		},
		"counts failures": {
			plan: Plan{Rate: 3, Duration: time.Second, Concurrency: 1, LateAfter: 1},
			send: func(context.Context) error { return errors.New("down") },
			want: Summary{Failed: 3, Elapsed: 2 * time.Second / 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := Run(t.Context(), tt.plan, tt.send)
				if got.OK != tt.want.OK || got.Failed != tt.want.Failed || got.Dropped != tt.want.Dropped || got.Late != 0 {
					t.Errorf("got %v", got)
				}
				if got.Elapsed.Round(time.Millisecond) != tt.want.Elapsed.Round(time.Millisecond) {
					t.Errorf("elapsed: got %v, want %v", got.Elapsed, tt.want.Elapsed)
				}
			})
		})
	}
}

func TestPlanEndsWithItsContextButNotItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		got := Run(ctx, Plan{Rate: 1, Concurrency: 10, LateAfter: 1}, func(ctx context.Context) error {
			time.Sleep(time.Minute)
			return ctx.Err()
		})
		if got.OK != 3 || got.Failed != 0 || got.Elapsed != 62*time.Second {
			t.Errorf("got %v, want the requests of 0, 1 and 2 s, each answered after a minute", got)
		}
	})
}

// Fake time is never late, so this one runs on the real clock: no timer fires within a nanosecond.
func TestPlanCountsLateRequests(t *testing.T) {
	got := Run(t.Context(), Plan{Rate: 1000, Duration: 20 * time.Millisecond, Concurrency: 100, LateAfter: 1}, func(context.Context) error { return nil })
	if got.OK != 20 || got.Late != 20 {
		t.Errorf("got %v, want 20 ok and 20 late", got)
	}
}

// TestWave: over a whole period the rate is the rate; the first half, of which the sine is positive, has more than its share.
func TestWave(t *testing.T) {
	p := Plan{Rate: 100, Wave: 0.5, Period: 10 * time.Second}
	halves := [2]int{}
	last := time.Duration(-1)
	for n := int64(0); p.due(n) < p.Period; n++ {
		due := p.due(n)
		if due <= last {
			t.Fatalf("request %d is due at %v, the one before at %v", n, due, last)
		}
		last = due
		halves[min(1, int(due/(5*time.Second)))]++
	}
	// Half a period of a sine has 2/pi of its height in the mean: 500 * (1 + 0.5 * 0.6366).
	if halves[0] < 655 || halves[0] > 663 || halves[0]+halves[1] < 999 || halves[0]+halves[1] > 1001 {
		t.Errorf("the halves have %v requests, want about 659 and 341", halves)
	}
}
