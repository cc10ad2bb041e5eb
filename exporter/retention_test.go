// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

const scrapeInterval = 15 * time.Second

// fill writes one batch each scrape interval for the span that ends at noon, and compacts as often as the store would at that pace.
func (r *rig) fill(span time.Duration, values func() []float64) {
	r.t.Helper()
	r.store.db.DisableCompactions() // those in the background, which come at the pace of the real clock
	for at := noon.Add(-span); !at.After(noon); at = at.Add(scrapeInterval) {
		r.write(at, gauges("load", at, values()...))
		if noon.Sub(at)%time.Minute == 0 {
			if err := r.store.db.Compact(context.Background()); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

// TestRetentionTime writes half an hour into a store that keeps ten minutes.
func TestRetentionTime(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Retention.Time, cfg.OutOfOrderWindow = 10*time.Minute, time.Minute
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	r := startRig(t, cfg)
	r.fill(30*time.Minute, func() []float64 { return []float64{1} })

	perMinute := float64(time.Minute / scrapeInterval)
	kept := r.number("count_over_time(load[2h])", noon)
	if within := r.number("count_over_time(load[10m])", noon); within != 10*perMinute {
		t.Errorf("%g samples of the last ten minutes, want %g", within, 10*perMinute)
	}
	// Whole blocks go: besides the ten minutes stay the head, one and a half blocks of a minute, and a block at each end.
	if limit := 14 * perMinute; kept > limit {
		t.Errorf("%g samples are kept, want at most %g", kept, limit)
	}
}

// TestRetentionSize writes several times what the store may hold.
func TestRetentionSize(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Retention.Time = 100 * time.Minute // blocks of ten minutes
	cfg.Retention.Size = 4 << 20           // less than Validate lets pass, for a short test
	r := startRig(t, cfg)
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, 1500)
	r.fill(90*time.Minute, func() []float64 {
		for i := range values {
			values[i] = random.NormFloat64()
		}
		return values
	})

	blocks := r.store.db.Blocks()
	if len(blocks) == 0 {
		t.Fatal("no block is left")
	}
	// The newest block may be on top until the next check.
	limit := int64(cfg.Retention.Size) + blocks[len(blocks)-1].Size()
	if size := r.store.bytes(); size > limit {
		t.Errorf("the store takes %d bytes, want at most %d", size, limit)
	}
	perMinute := float64(time.Minute / scrapeInterval)
	if got := r.number(`count_over_time(load{n="0"}[5m])`, noon); got != 5*perMinute {
		t.Errorf("%g samples of the last five minutes, want %g", got, 5*perMinute)
	}
	if got := r.number(`count_over_time(load{n="0"}[2h])`, noon); got >= 80*perMinute {
		t.Errorf("%g samples are kept, want the oldest blocks gone", got)
	}
}

func TestBlockDuration(t *testing.T) {
	for retention, want := range map[time.Duration]time.Duration{
		10 * time.Minute: time.Minute, 25 * time.Minute: 2 * time.Minute, 2 * time.Hour: 12 * time.Minute, 24 * time.Hour: 2 * time.Hour, 1000 * time.Hour: 2 * time.Hour,
	} {
		if got := blockDuration(retention); got != want {
			t.Errorf("a retention of %s has blocks of %s, want %s", retention, got, want)
		}
	}
}
