// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/signal"
)

// BenchmarkJudge is what a batch costs that has all signals, of a workload that is known for weeks.
func BenchmarkJudge(b *testing.B) {
	bl := newTestBaselines(b, nil)
	resource := aWorkload("api", "1")
	all := func(now time.Time, r *signal.Report) {
		r.Reset()
		for _, k := range baselineKinds {
			r.Signals = append(r.Signals, signal.Signal{Name: k.name, Source: k.source, At: uint64(now.UnixNano()), Value: 0.05})
		}
	}
	var r signal.Report
	now := aMonday
	for ; now.Before(aMonday.Add(28 * 24 * time.Hour)); now = now.Add(15 * time.Minute) {
		all(now, &r)
		bl.judge(now, resource, aged(now), &r)
	}
	for _, c := range []struct {
		name string
		step time.Duration
	}{{"same_hour", 0}, {"next_hour", time.Hour}} {
		b.Run(c.name, func(b *testing.B) {
			o := aged(now)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(c.step)
				all(now, &r)
				o.Heap.At = uint64(now.UnixNano())
				bl.judge(now, resource, o, &r)
			}
		})
	}
}

// TestJudgeAllocates nothing once a workload is known: it is called for every batch.
func TestJudgeAllocates(t *testing.T) {
	b := newTestBaselines(t, nil)
	resource := aWorkload("api", "1")
	learnWeeks(b, resource, 4)
	now := aMonday.Add(28 * 24 * time.Hour)
	o, r := aged(now), said(now, 0.05)
	if got := testing.AllocsPerRun(100, func() {
		r.Signals = r.Signals[:1]
		b.peers(now, resource, o)
		b.judge(now, resource, o, r)
	}); got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
