// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"hash/fnv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/probe"
)

// loop visits one target for as long as the receiver runs. A hanging target holds one of the slots for one timeout at
// most and delays no other loop.
func (r *runtimeReceiver) loop(ctx context.Context, t *target) {
	for range ticks(ctx, t.id, r.cfg.CollectionInterval) {
		r.files.follow(ctx, t.id, t.gctraceGlobs)
		r.files.followPod(ctx, t.id, t.podLogs)
		if !r.acquire(ctx) {
			return
		}
		heard := t.visit(ctx)
		<-r.slots
		if ctx.Err() != nil {
			return
		}
		r.report(ctx, t, heard)
		r.deliver(ctx, r.emitter.emit(t, heard, r.files.heard(t.id)))
	}
}

// loopFiles emits the gctrace files that belong to no configured target.
func (r *runtimeReceiver) loopFiles(ctx context.Context) {
	const owner = "gctrace files"
	for range ticks(ctx, owner, r.cfg.CollectionInterval) {
		r.files.follow(ctx, owner, r.cfg.GCTrace.Files)
		for _, f := range r.files.heard(owner) {
			if ctx.Err() != nil {
				return
			}
			r.deliver(ctx, r.emitter.emitFile(f))
		}
	}
}

// ticks yields at hash(id) mod interval and then every interval, until the context ends. A tick that comes while the
// last one is still at work is dropped, as time.Ticker does.
func ticks(ctx context.Context, id string, interval time.Duration) func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(id))
		phase := time.NewTimer(time.Duration(hash.Sum64() % uint64(interval)))
		defer phase.Stop()
		select {
		case <-ctx.Done():
			return
		case now := <-phase.C:
			if !yield(now) {
				return
			}
		}
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				if !yield(now) {
					return
				}
			}
		}
	}
}

func (r *runtimeReceiver) acquire(ctx context.Context) bool {
	select {
	case r.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// report counts the visit and logs a line when the target's state changed.
func (r *runtimeReceiver) report(ctx context.Context, t *target, v visit) {
	result := v.result()
	r.telemetry.ReceiverGoRuntimeScrapes.Add(ctx, 1, metric.WithAttributes(attribute.String("result", result)))
	if v.foldedSites > 0 {
		r.telemetry.ReceiverGoRuntimeSitesFolded.Add(ctx, int64(v.foldedSites))
	}
	if v.lostPauses > 0 {
		r.telemetry.ReceiverGoRuntimePausesLost.Add(ctx, int64(v.lostPauses))
	}
	if result == t.lastResult {
		return
	}
	log := r.set.Logger.With(zap.String("target", t.id))
	switch {
	case v.err != nil:
		log.Warn("target cannot be heard", zap.String("reason", result), zap.Error(v.err))
	case result == partial:
		log.Warn("target is heard in part", zap.Error(errors.Join(v.observation.Partial...)))
	case t.lastResult == "":
		log.Info("target is heard", zap.Uint32("gc_cycles", v.observation.Heap.MemStats.NumGC))
	default:
		log.Info("target is heard again", zap.String("was", t.lastResult))
	}
	t.lastResult = result
}

const partial = "partial" // the heap text was heard; symbols or goroutines were not

// result is ok, partial, or a value of the attribute error.type.
func (v *visit) result() string {
	switch {
	case v.err != nil:
		return errorType(v.err)
	case len(v.observation.Partial) > 0:
		return partial
	default:
		return "ok"
	}
}

// errorType is the value of the attribute error.type.
func errorType(err error) string {
	var failed *probe.Error
	if errors.As(err, &failed) {
		return string(failed.Kind)
	}
	return "internal"
}
