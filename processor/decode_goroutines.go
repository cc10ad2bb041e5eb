// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// goroutineReaders read the goroutine profile and the process's own leak profile, which come in batches of their own.
var goroutineReaders = map[string]reader{
	"go.goroutine.count": func(d *decoder, m pmetric.Metric) {
		if p, ok := d.ofGoroutines.number(m, &d.goroutines.Total); ok {
			d.goroutines.At, d.goroutines.Start, d.goroutineAt = uint64(p.Timestamp()), uint64(p.StartTimestamp()), true
		}
	},
	"heapgate.goroutine.in_map": func(d *decoder, m pmetric.Metric) {
		for _, p := range d.ofGoroutines.points(m).All() {
			d.goroutines.InMap = sum(d.goroutines.InMap, value(p))
		}
	},
	"heapgate.goroutine.leaked": func(d *decoder, m pmetric.Metric) {
		d.standingAt(m, func(s *signal.GoroutineSite, p pmetric.NumberDataPoint) {
			s.Leaked = value(p)
			d.goroutines.Leaks = sum(d.goroutines.Leaks, value(p))
			if !d.goroutineAt {
				d.goroutines.At, d.goroutines.Start = uint64(p.Timestamp()), uint64(p.StartTimestamp())
			}
		})
	},
	"heapgate.goroutine.site.count": func(d *decoder, m pmetric.Metric) {
		d.standingAt(m, func(s *signal.GoroutineSite, p pmetric.NumberDataPoint) { s.Count = value(p) })
	},
}

func (d *decoder) standingAt(m pmetric.Metric, take func(*signal.GoroutineSite, pmetric.NumberDataPoint)) {
	next := 0
	for _, p := range d.ofGoroutines.points(m).All() {
		if key, ok := d.key(p.Attributes(), "heapgate.goroutine.state"); ok {
			take(d.standing.find(key, &next, func(s *signal.GoroutineSite) *signal.SiteKey { return &s.SiteKey }), p)
		}
	}
}

func (d *decoder) finishGoroutines() *signal.Goroutines {
	g := &d.goroutines
	g.Sites = d.standing.list
	if g.Total.Known && !g.InMap.Known {
		g.InMap = signal.Of(0) // a site in no map operation has no point
	}
	return g
}
