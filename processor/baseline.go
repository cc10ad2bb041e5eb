// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/processor"

	"github.com/heapgate/heapgate/internal/baseline"
	"github.com/heapgate/heapgate/internal/signal"
)

// lateSignal is how far the time of a signal may be from the collector's clock: hours are those of the collector, so what waited in
// a queue for longer, or comes from a clock that is wrong, is neither judged nor learned.
const lateSignal = time.Hour

// baselines learns what is usual for each workload and tells what is not. It knows only what this collector hears: where
// targets are spread over several, each has its own idea of what is usual. Nil learns nothing.
type baselines struct {
	cfg       BaselineConfig
	telemetry *baselineTelemetry
	saver     *baselineSaver

	mu    sync.Mutex // never held while the storage is waited for
	store *baseline.Store
}

func newBaselines(cfg BaselineConfig, set processor.Settings) (*baselines, error) {
	if !cfg.Enabled {
		return nil, nil
	}
	telemetry, err := newBaselineTelemetry(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	kinds := &baseline.Settings{Weeks: cfg.Weeks, MinSamples: cfg.MinSamples, Kinds: learnable()}
	b := &baselines{cfg: cfg, telemetry: telemetry, store: baseline.NewStore(kinds, cfg.MaxWorkloads, cfg.MaxTargets)}
	b.saver = &baselineSaver{of: b, id: set.ID, log: set.Logger}
	return b, nil
}

// peers sets what is usual for the climb of the live heap at the age of the process. Call it before the target observes.
func (b *baselines) peers(now time.Time, resource pcommon.Resource, o *signal.Observation) {
	if b == nil || o.LowConfidence {
		return
	}
	age := ageOf(o)
	of, ok := subjectOf(resource)
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.store.Find(of.workload); w != nil {
		if upper, known, n := w.Climb(age); known {
			o.Peers = signal.AgeSlope{Upper: signal.Of(upper), Samples: n}
		} else {
			o.Peers = signal.AgeSlope{Samples: n}
		}
	}
}

// judge adds to the report what is usual for its signals and whether they are, and learns from them. Numbers that were guessed
// from a foreign profile are left alone.
func (b *baselines) judge(now time.Time, resource pcommon.Resource, o *signal.Observation, r *signal.Report) {
	if b == nil || o.LowConfidence {
		return
	}
	h := heard(r.Signals)
	of, ok := subjectOf(resource)
	if !ok {
		b.telemetry.lose(context.Background(), 1, "no_workload")
		return
	}
	limits := baseline.Limits{Threshold: b.threshold(of.tier), RaiseAfter: b.cfg.RaiseAfter, ClearAfter: b.cfg.ClearAfter}
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.workload(of.workload, now)
	if w == nil {
		return
	}
	p := b.store.Process(of.process)
	age := p.Heard(now, ageOf(o))
	if b.climb(w, p, age, &h) {
		b.store.Taught(of.workload)
	}
	if age < b.cfg.WarmUp.Seconds() {
		return
	}
	j := judgement{now: now, w: w, p: p, limits: limits, heard: &h}
	j.report(r)
	j.learn()
}

// workload is what is remembered of it, nil if there is no room.
func (b *baselines) workload(key baseline.Key, now time.Time) *baseline.Workload {
	known := b.store.Find(key) != nil
	if !known { // what is kept must not hold on to the batch
		key = baseline.Key{
			Cluster: strings.Clone(key.Cluster), Namespace: strings.Clone(key.Namespace), Kind: strings.Clone(key.Kind),
			Name: strings.Clone(key.Name), Container: strings.Clone(key.Container),
		}
	}
	w, displaced := b.store.Hear(key, now)
	if displaced {
		b.telemetry.lose(context.Background(), 1, "limit")
	}
	switch {
	case w == nil:
		b.telemetry.lose(context.Background(), 1, "full")
	case !known:
		b.telemetry.held(context.Background(), b.store.Workloads())
	}
	return w
}

// climb learns how the live heap climbs at the age of the process; true if that changed what is usual.
func (b *baselines) climb(w *baseline.Workload, p *baseline.Process, age float64, h *heardKinds) bool {
	if h.flagged || h.memoryFlagged {
		p.Taint()
	}
	for _, k := range kindsOf[signal.Slope] {
		if h.at[k] != 0 {
			p.Slope(age, h.value[k])
		}
	}
	return p.Teach(w, age)
}

// threshold of a tier; 0 switches off.
func (b *baselines) threshold(tier string) float64 {
	if threshold, ok := b.cfg.Tiers[tier]; ok {
		return threshold
	}
	return b.cfg.Tiers[b.cfg.DefaultTier]
}
