// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// The TSDB's counters that a tally reads; each has the label type with the values float and histogram.
const (
	counterAppended    = "prometheus_tsdb_head_samples_appended_total"
	counterOutOfOrder  = "prometheus_tsdb_out_of_order_samples_total"
	counterOutOfBounds = "prometheus_tsdb_out_of_bound_samples_total"
	counterTooOld      = "prometheus_tsdb_too_old_samples_total"
)

// tally poses as the TSDB's metrics registry and keeps hold of the four counters that tell what became of samples. Append reports
// a refusal as an error, but Commit drops samples without one (two in one batch at the same time, for instance): only these
// counters tell. All other metrics of the TSDB are forgotten, and nothing is ever registered in a global registry.
type tally struct {
	counters map[string]*prometheus.CounterVec
}

// reading is the state of the counters at one moment, or the difference of two.
type reading struct {
	appended, outOfOrder, outOfBounds, tooOld int64
}

func newTally() *tally { return &tally{counters: map[string]*prometheus.CounterVec{}} }

// Register implements prometheus.Registerer.
func (t *tally) Register(c prometheus.Collector) error {
	vec, ok := c.(*prometheus.CounterVec)
	if !ok {
		return nil
	}
	descriptions := make(chan *prometheus.Desc, 1) // a vector has exactly one
	vec.Describe(descriptions)
	text := (<-descriptions).String()
	for _, name := range []string{counterAppended, counterOutOfOrder, counterOutOfBounds, counterTooOld} {
		if strings.Contains(text, `"`+name+`"`) {
			t.counters[name] = vec
		}
	}
	return nil
}

// MustRegister implements prometheus.Registerer.
func (t *tally) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		_ = t.Register(c) // never fails
	}
}

// Unregister implements prometheus.Registerer.
func (*tally) Unregister(prometheus.Collector) bool { return true }

// check tells whether the TSDB registered all four counters.
func (t *tally) check() error {
	for _, name := range []string{counterAppended, counterOutOfOrder, counterOutOfBounds, counterTooOld} {
		if t.counters[name] == nil {
			return fmt.Errorf("this version of the TSDB must have the counter %s to account for samples (got none)", name)
		}
	}
	return nil
}

func (t *tally) read() reading {
	return reading{
		appended:    sum(t.counters[counterAppended]),
		outOfOrder:  sum(t.counters[counterOutOfOrder]),
		outOfBounds: sum(t.counters[counterOutOfBounds]),
		tooOld:      sum(t.counters[counterTooOld]),
	}
}

func (r reading) minus(earlier reading) reading {
	return reading{
		appended:    r.appended - earlier.appended,
		outOfOrder:  r.outOfOrder - earlier.outOfOrder,
		outOfBounds: r.outOfBounds - earlier.outOfBounds,
		tooOld:      r.tooOld - earlier.tooOld,
	}
}

func sum(vec *prometheus.CounterVec) int64 {
	total := 0.0
	for _, kind := range []string{"float", "histogram"} {
		var m dto.Metric
		if vec.WithLabelValues(kind).Write(&m) == nil {
			total += m.GetCounter().GetValue()
		}
	}
	return int64(total)
}
