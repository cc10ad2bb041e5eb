// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	translator "github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"github.com/prometheus/prometheus/tsdb"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxAhead is the furthest into the future that a sample may lie; Prometheus' own OTLP endpoint has the same bound.
const maxAhead = 10 * time.Minute

// writer turns batches into samples of the store. Its user calls write for one batch at a time: only then does the difference of
// two readings of the tally belong to one batch.
type writer struct {
	store     *store
	settings  translator.Settings
	maxSeries uint64
	retention time.Duration
	ahead     time.Duration
	last      map[storage.SeriesRef]sample // of the batch being written; kept to save its memory
}

// sample identifies a float sample of one series; a histogram has no value here.
type sample struct {
	time int64
	bits uint64
}

// outcome is what became of one batch.
type outcome struct {
	stored       int64
	refused      counts
	example      string // a refused series and why, if there is one
	untranslated []error
	warnings     []string
}

func newWriter(s *store, cfg *Config) *writer {
	return &writer{
		store:     s,
		settings:  translation(cfg),
		maxSeries: uint64(cfg.MaxSeries),
		retention: cfg.Retention.Time,
		// The store's window ends half a block behind its newest sample. A quarter leaves room for the clocks that are right.
		ahead: min(maxAhead, blockDuration(cfg.Retention.Time)/4),
		last:  map[storage.SeriesRef]sample{},
	}
}

// translation gives the settings that Prometheus' own OTLP endpoint would use with its default configuration, which is the strategy
// UnderscoreEscapingWithSuffixes, but for the promoted attributes.
func translation(cfg *Config) translator.Settings {
	otlp := config.DefaultOTLPConfig
	if len(cfg.ResourceAttributes.Promote) == 1 && cfg.ResourceAttributes.Promote[0] == promoteAll {
		otlp.PromoteAllResourceAttributes = true
	} else {
		otlp.PromoteResourceAttributes = cfg.ResourceAttributes.Promote
	}
	return translator.Settings{
		AddMetricSuffixes:                    otlp.TranslationStrategy.ShouldAddSuffixes(),
		AllowUTF8:                            !otlp.TranslationStrategy.ShouldEscape(),
		PromoteResourceAttributes:            translator.NewPromoteResourceAttributes(otlp),
		LabelNameUnderscoreSanitization:      otlp.LabelNameUnderscoreSanitization,
		LabelNamePreserveMultipleUnderscores: otlp.LabelNamePreserveMultipleUnderscores,
		LookbackDelta:                        cfg.Query.LookbackDelta,
	}
}

// write stores what it can of the batch. An error means that nothing was stored and that another try may succeed.
func (w *writer) write(ctx context.Context, now time.Time, md pmetric.Metrics) (outcome, error) {
	if md.DataPointCount() == 0 {
		return outcome{}, nil // the translator takes a metric without data points for an error
	}
	clear(w.last)
	appender := w.store.db.AppenderV2(ctx)
	b := &batch{
		AppenderV2: appender,
		head:       w.store.db.Head(),
		last:       w.last,
		maxSeries:  w.maxSeries,
		oldest:     now.Add(-w.retention).UnixMilli(),
		newest:     now.Add(w.ahead).UnixMilli(),
	}
	annotations, err := translator.NewPrometheusConverter(b).FromMetrics(ctx, md, w.settings)
	if ctx.Err() != nil {
		_ = appender.Rollback() // the context's error says it all
		return outcome{}, ctx.Err()
	}
	before := w.store.tally.read()
	if err := appender.Commit(); err != nil {
		return outcome{}, fmt.Errorf("cannot write to the store: %w", err)
	}
	warnings, _ := annotations.AsStrings("", 10, 0)
	out := outcome{refused: b.refused, example: b.example, untranslated: unjoin(err), warnings: warnings}
	out.settle(b.accepted, b.conflicts, w.store.tally.read().minus(before))
	return out, nil
}

// settle adds what Commit dropped: accepted samples that were not appended, less those whose reason is known, were there already.
func (o *outcome) settle(accepted, conflicts int64, committed reading) {
	o.stored = committed.appended
	o.refused[duplicate] += conflicts
	o.refused[outOfOrder] += committed.outOfOrder
	o.refused[tooOld] += committed.tooOld + committed.outOfBounds
	known := conflicts + committed.outOfOrder + committed.tooOld + committed.outOfBounds
	o.refused[repeated] += max(0, accepted-committed.appended-known)
	if o.example == "" && o.refused.lost() > 0 {
		o.example = "two samples of one series in one batch"
	}
}

// nothing is an error if the batch lost something and none of it was stored.
func (o *outcome) nothing() error {
	lost := o.refused.lost()
	if o.stored > 0 || lost == 0 && len(o.untranslated) == 0 {
		return nil
	}
	var errs []error
	if lost > 0 {
		errs = append(errs, fmt.Errorf("%d samples refused, for instance %s", lost, o.example))
	}
	if n := len(o.untranslated); n > 0 {
		errs = append(errs, fmt.Errorf("%d metrics not translated, for instance: %w", n, o.untranslated[0]))
	}
	return fmt.Errorf("nothing of the batch was stored: %w", errors.Join(errs...))
}

// unjoin gives the errors that FromMetrics joined, one for each metric it could not translate.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, unjoin(e)...)
	}
	return errs
}

// batch stands between the translator and the store's appender for one batch. The translator gives a metric up at its first
// error, so a refused sample is counted here and the translator is told that all is well.
type batch struct {
	storage.AppenderV2
	head           *tsdb.Head
	last           map[storage.SeriesRef]sample
	maxSeries      uint64
	oldest, newest int64 // ms since 1970

	accepted, conflicts int64
	refused             counts
	example             string
}

// Append implements storage.AppenderV2.
func (b *batch) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	switch {
	case t > b.newest:
		return 0, b.refuse(tooNew, ls, t)
	case t < b.oldest:
		return 0, b.refuse(tooOld, ls, t)
	case b.head.NumSeries() >= b.maxSeries && !b.known(ls):
		return 0, b.refuse(seriesLimit, ls, t)
	}
	ref, err := b.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if err != nil {
		return 0, b.refuse(reasonOf(err), ls, t)
	}
	b.accepted++
	b.notice(ref, sample{time: t, bits: math.Float64bits(v)})
	return ref, nil
}

// notice counts a second value of a series at one time: Append takes it and Commit drops it.
func (b *batch) notice(ref storage.SeriesRef, s sample) {
	if before, ok := b.last[ref]; ok && before.time == s.time && before.bits != s.bits {
		b.conflicts++
		return
	}
	b.last[ref] = s
}

func (b *batch) refuse(r reason, ls labels.Labels, t int64) error {
	b.refused[r]++
	if b.example == "" {
		b.example = fmt.Sprintf("%s at %s: %s", ls, time.UnixMilli(t).UTC().Format(time.RFC3339Nano), r)
	}
	return nil
}

// known tells whether the series is in memory already.
func (b *batch) known(ls labels.Labels) bool {
	refs, ok := b.AppenderV2.(storage.GetRef)
	if !ok {
		return false
	}
	ref, _ := refs.GetRef(ls, ls.Hash())
	return ref != 0
}
