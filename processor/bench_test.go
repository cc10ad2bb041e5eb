// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// BenchmarkProcess is one scrape of one target through the whole processor: `sites` map sites and three times as many others.
func BenchmarkProcess(b *testing.B) {
	for _, sites := range []int{0, 5, 20} {
		b.Run(fmt.Sprint("sites=", sites), func(b *testing.B) {
			p := newTestProcessor(b)
			batches := make([]pmetric.Metrics, 1000)
			for i := range batches {
				batches[i] = scrape("a", i, sites)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				// after the last one the clock goes back, which empties the window once in a thousand
				batch := batches[i%len(batches)]
				if _, err := p.process(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
				batch.ResourceMetrics().At(0).ScopeMetrics().RemoveIf(func(s pmetric.ScopeMetrics) bool { return s.Scope().Name() != receiverScope })
				i++
			}
		})
	}
}

// BenchmarkMemory reports what a target costs whose histories are full.
func BenchmarkMemory(b *testing.B) {
	for _, sites := range []int{5, 64} {
		b.Run(fmt.Sprint("sites=", sites), func(b *testing.B) {
			const targets = 200
			for b.Loop() {
				p := newTestProcessor(b)
				before := live()
				for n := range targets {
					for i := range 30 {
						var r signal.Report
						id, _ := identify(scrape(fmt.Sprint("target", n), i, 0).ResourceMetrics().At(0).Resource())
						p.state.observe(time.Unix(epoch, 0), id, decode(scrape("a", i, sites).ResourceMetrics().At(0), &r), &r)
					}
				}
				b.ReportMetric(float64(live()-before)/targets, "B/target")
				runtime.KeepAlive(p)
			}
		})
	}
}

func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAllocations pins what a scrape with five map sites and fifteen others allocates, most of it for the points that it emits.
func TestAllocations(t *testing.T) {
	p := newTestProcessor(t)
	batches := make([]pmetric.Metrics, 400)
	for i := range batches {
		batches[i] = scrape("a", i, 5)
	}
	i, points := 0, 0
	got := testing.AllocsPerRun(len(batches)-2, func() {
		before := batches[i].DataPointCount()
		if _, err := p.process(context.Background(), batches[i]); err != nil {
			t.Fatal(err)
		}
		points = batches[i].DataPointCount() - before
		i++
	})
	if most := 90 + 7*float64(points); got > most { // a point, its value, and its attributes with their values
		t.Errorf("%v allocations for %d points, want at most %v", got, points, most)
	}
}
