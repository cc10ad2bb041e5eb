// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
)

// BenchmarkWrite writes batches of 1,000 series.
func BenchmarkWrite(b *testing.B) {
	e, err := newStoreExporter(testConfig(b.TempDir()), exportertest.NewNopSettings(NewFactory().Type()))
	if err != nil {
		b.Fatal(err)
	}
	at := noon
	e.now = func() time.Time { return at }
	if err := e.start(context.Background(), componenttest.NewNopHost()); err != nil {
		b.Fatal(err)
	}
	values := make([]float64, 1000)
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		for i := range values {
			values[i] = float64(at.Unix() * int64(i))
		}
		b.StopTimer()
		md := gauges("load", at, values...)
		b.StartTimer()
		if err := e.push(context.Background(), md); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(values))/b.Elapsed().Seconds(), "samples/s")
	if err := e.shutdown(context.Background()); err != nil {
		b.Fatal(err)
	}
}
