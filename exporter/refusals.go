// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/prometheus/storage"
	"go.uber.org/zap"
)

// reason says why the store did not take a sample.
type reason int

const (
	outOfOrder  reason = iota // older than the newest of its series, and out_of_order_window is 0
	duplicate                 // the series has another value at that time
	repeated                  // the series has a sample at that time already, as a retry or a second target_info gives it; nothing is lost
	tooOld                    // behind the out-of-order window or the retention
	tooNew                    // so far in the future that it would push the window past everybody else
	seriesLimit               // one series more than max_series
	invalid                   // refused by the store's own check, for instance a histogram that contradicts itself
	reasons                   // how many there are
)

var reasonNames = [reasons]string{"out_of_order", "duplicate", "repeated", "too_old", "too_new", "series_limit", "invalid"}

func (r reason) String() string { return reasonNames[r] }

// reasonOf reads an error of the store's Append.
func reasonOf(err error) reason {
	switch {
	case errors.Is(err, storage.ErrOutOfOrderSample):
		return outOfOrder
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		return duplicate
	case errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds):
		return tooOld
	}
	return invalid
}

// counts is the number of samples by reason.
type counts [reasons]int64

// lost is the number of samples that the store does not have in any form.
func (c counts) lost() int64 {
	n := int64(0)
	for r, k := range c {
		if reason(r) != repeated {
			n += k
		}
	}
	return n
}

// lossLog writes at most one line in a period, with everything that was lost since the line before.
type lossLog struct {
	logger *zap.Logger
	period time.Duration

	mu           sync.Mutex
	refused      counts
	untranslated int
	fields       []zap.Field // the first example of each kind
	next         time.Time
}

// add notes what one batch lost.
func (l *lossLog) add(now time.Time, out outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused.lost() == 0 && out.refused.lost() > 0 {
		l.fields = append(l.fields, zap.String("example", out.example))
	}
	if l.untranslated == 0 && len(out.untranslated) > 0 {
		l.fields = append(l.fields, zap.NamedError("translation", out.untranslated[0]))
	}
	if len(l.fields) == 0 && len(out.warnings) > 0 {
		l.fields = append(l.fields, zap.Strings("warnings", out.warnings))
	}
	for r := range out.refused {
		l.refused[r] += out.refused[r]
	}
	l.untranslated += len(out.untranslated)
	if !now.Before(l.next) {
		l.write(now)
	}
}

// flush writes what no line has told yet.
func (l *lossLog) flush(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(now)
}

func (l *lossLog) write(now time.Time) {
	if len(l.fields) == 0 {
		return
	}
	for r, n := range l.refused {
		if n > 0 && reason(r) != repeated {
			l.fields = append(l.fields, zap.Int64(reason(r).String(), n))
		}
	}
	if l.untranslated > 0 {
		l.fields = append(l.fields, zap.Int("metrics_not_translated", l.untranslated))
	}
	l.logger.Warn("metrics were not stored as they came", l.fields...)
	l.refused, l.untranslated, l.fields, l.next = counts{}, 0, nil, now.Add(l.period)
}
