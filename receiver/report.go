// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/probe"
)

const (
	ok      = "ok"
	partial = "partial" // the page was heard; names or another part were not
)

// result is ok, partial, or a value of the attribute error.type.
func (v *visit) result() string {
	switch {
	case v.err != nil:
		return errorType(v.err)
	case len(v.partial) > 0:
		return partial
	default:
		return ok
	}
}

// errorType is the value of the attribute error.type.
func errorType(err error) string {
	var failed *probe.Error
	if errors.As(err, &failed) {
		return string(failed.Kind)
	}
	if errors.Is(err, errStateLimit) {
		return "state_limit"
	}
	return "internal"
}

// report counts the visit, and logs a line when the target's state changed.
func (r *runtimeReceiver) report(ctx context.Context, t *target, s *planned, v *visit, waited time.Duration) {
	result := v.result()
	of := metric.WithAttributes(attribute.String("source", string(s.source)))
	r.telemetry.ReceiverGoRuntimeScrapes.Add(ctx, 1, of, metric.WithAttributes(attribute.String("result", result)))
	r.telemetry.ReceiverGoRuntimeScrapeDuration.Record(ctx, v.took.Seconds(), of)
	r.telemetry.ReceiverGoRuntimeScrapeWait.Record(ctx, waited.Seconds())
	if v.cost.Bytes > 0 {
		r.telemetry.ReceiverGoRuntimeScrapeSize.Add(ctx, v.cost.Bytes, of)
	}
	if v.foldedSites > 0 {
		r.telemetry.ReceiverGoRuntimeSitesFolded.Add(ctx, int64(v.foldedSites))
	}
	if v.lostPauses > 0 {
		r.telemetry.ReceiverGoRuntimePausesLost.Add(ctx, int64(v.lostPauses))
	}
	for limit, n := range v.crossed {
		r.telemetry.ReceiverGoRuntimeLimitsCrossed.Add(ctx, n, metric.WithAttributes(attribute.String("limit", limit)))
	}
	if s == t.plan.lead() {
		t.suspect = result == string(probe.KindTimeout)
	}
	r.count(t, s, v)
	r.tell(t, s, v, result)
}

// count keeps the target's part in the census.
func (r *runtimeReceiver) count(t *target, s *planned, v *visit) {
	is := censusEntry{state: t.census.state, stretched: int64(t.plan.stretched()), kept: t.kept()}
	if s == t.plan.lead() {
		is.state = stateUp
		if v.err != nil {
			is.state = stateDown
		}
	}
	r.census.count(t.census, is)
	t.census = is
}

// tell logs a change of the target, or of one of its other sources. That a program has no such page, or that somebody
// else uses it, is no news.
func (r *runtimeReceiver) tell(t *target, s *planned, v *visit, result string) {
	was := t.results[s.source]
	if was == result {
		return
	}
	t.results[s.source] = result
	fields := []zap.Field{zap.String("target", t.id), zap.String("source", string(s.source))}
	switch {
	case v.vain():
	case v.err != nil:
		r.log.warn("target cannot be heard", append(fields, zap.String("reason", result), zap.Error(v.err))...)
	case result == partial:
		r.log.warn("target is heard in part", append(fields, zap.Error(errors.Join(v.partial...)))...)
	case s != t.plan.lead() && was == "":
	case was == "":
		r.log.info("target is heard", append(fields, zap.Duration("took", v.took))...)
	default:
		r.log.info("target is heard again", append(fields, zap.String("was", was))...)
	}
}
