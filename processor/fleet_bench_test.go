// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	fleetTargets = 20_000 // that one core should bear
	fleetSample  = 200    // that are simulated
)

// BenchmarkFleet is a fleet as the receiver sends it with its defaults: a batch a minute of heap text and gctrace with 20 sites, five
// of them of maps, and goroutines in every fifth. It reports the time of one batch, from the decoding to the last signal, which share
// of one core 20,000 such processes at 60 s would take, and what one takes of the heap when it was heard for three hours.
func BenchmarkFleet(b *testing.B) {
	for _, kind := range []string{"shop", "idle"} {
		b.Run(kind, func(b *testing.B) { benchFleet(b, kind) })
	}
}

func benchFleet(b *testing.B, kind string) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what the garbage collector takes is on that core too
	p := newTestProcessor(b)
	marshaler, unmarshaler := &pmetric.ProtoMarshaler{}, &pmetric.ProtoUnmarshaler{}
	begun := time.Unix(epoch, 0)
	fleet := make([]*sim, fleetSample)
	for i := range fleet {
		fleet[i] = &sim{kind: kind, rng: rand.New(rand.NewPCG(uint64(i), 1))}
		fleet[i].name(i, "1")
		fleet[i].restart(begun)
	}
	// The strings of a batch that came over the wire are its own, so that what a target keeps of them is counted.
	minute := 0
	next := func(into [][]byte) {
		minute++
		now := begun.Add(time.Duration(minute) * time.Minute)
		for i, s := range fleet {
			bytes, err := marshaler.MarshalMetrics(s.batch(now, now, minute))
			if err != nil {
				b.Fatal(err)
			}
			into[i] = bytes
		}
	}
	encoded := make([][]byte, fleetSample)
	before := live()
	for range 180 {
		next(encoded)
		for _, bytes := range encoded {
			batch, _ := unmarshaler.UnmarshalMetrics(bytes)
			if _, err := p.process(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	clear(encoded)
	held := float64(live()-before) / fleetSample
	batches := make([]pmetric.Metrics, fleetSample)
	points, n := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		if n%fleetSample == 0 {
			b.StopTimer()
			next(encoded)
			for i := range batches {
				batches[i], _ = unmarshaler.UnmarshalMetrics(encoded[i])
				points -= batches[i].DataPointCount()
			}
			b.StartTimer()
		}
		if _, err := p.process(context.Background(), batches[n%fleetSample]); err != nil {
			b.Fatal(err)
		}
		if n++; n%fleetSample == 0 {
			b.StopTimer()
			for i := range batches {
				points += batches[i].DataPointCount()
			}
			b.StartTimer()
		}
	}
	runtime.KeepAlive(p)
	micros := float64(b.Elapsed().Microseconds()) / float64(b.N)
	b.ReportMetric(micros, "us/batch")
	b.ReportMetric(micros*fleetTargets/60e6, "cores/20k@60s")
	b.ReportMetric(held, "B/target")
	if n >= fleetSample {
		b.ReportMetric(float64(points)/float64(n-n%fleetSample), "signals/batch")
	}
}
