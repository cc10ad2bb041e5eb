// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/connector/internal/metadata"
)

// confidence is the resource attribute by which go_signals knows that a profile was not read from the process itself.
const confidence = "heapgate.confidence"

// emit writes a reading under the names that the go_runtime receiver has; its metadata.yaml says what they mean.
func emit(resource pcommon.Resource, r *reading, version string) pmetric.Metrics {
	out := pmetric.NewMetrics()
	rm := out.ResourceMetrics().AppendEmpty()
	resource.CopyTo(rm.Resource())
	rm.Resource().Attributes().PutStr(confidence, "low")
	scope := rm.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(version)
	w := writer{scope.Metrics(), r}
	w.sum("heapgate.profile.allocated", "By", func(add func(int64) pmetric.NumberDataPoint) { add(r.total.allocBytes) })
	w.gaugeFloat("heapgate.observed_until", "s", float64(r.end)/1e9)
	if r.rate > 0 {
		w.gauge("heapgate.profile.rate", "By", func(add func(int64) pmetric.NumberDataPoint) { add(r.rate) })
	}
	if !r.hasInuse {
		return out // without what is in use nothing can be said of a map
	}
	w.gauge("heapgate.profile.inuse", "By", func(add func(int64) pmetric.NumberDataPoint) { add(r.total.inuseBytes) })
	w.sites(w.sum, "heapgate.site.allocated", "By", func(s *sums) int64 { return s.allocBytes })
	w.sites(w.sum, "heapgate.site.allocations", "{object}", func(s *sums) int64 { return s.allocObjects })
	w.sites(w.gauge, "heapgate.site.inuse", "By", func(s *sums) int64 { return s.inuseBytes })
	w.sites(w.gauge, "heapgate.site.inuse_objects", "{object}", func(s *sums) int64 { return s.inuseObjects })
	w.sites(w.gauge, "heapgate.site.largest", "By", func(s *sums) int64 { return s.largest })
	w.sites(w.sum, "heapgate.site.samples", "{sample}", func(s *sums) int64 { return s.samples })
	w.sites(w.gauge, "heapgate.site.stderr", "By", func(s *sums) int64 { return int64(math.Sqrt(s.variance)) })
	return out
}

type writer struct {
	metrics pmetric.MetricSlice
	r       *reading
}

// points is how a metric is filled: fill calls add for each point.
type points func(name, unit string, fill func(add func(int64) pmetric.NumberDataPoint))

func (w writer) sum(name, unit string, fill func(add func(int64) pmetric.NumberDataPoint)) {
	m := w.metric(name, unit)
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	w.fill(sum.DataPoints(), fill)
}

func (w writer) gauge(name, unit string, fill func(add func(int64) pmetric.NumberDataPoint)) {
	w.fill(w.metric(name, unit).SetEmptyGauge().DataPoints(), fill)
}

func (w writer) gaugeFloat(name, unit string, v float64) {
	p := w.metric(name, unit).SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.Timestamp(w.r.end))
	p.SetDoubleValue(v)
}

func (w writer) metric(name, unit string) pmetric.Metric {
	m := w.metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	return m
}

func (w writer) fill(to pmetric.NumberDataPointSlice, fill func(add func(int64) pmetric.NumberDataPoint)) {
	fill(func(v int64) pmetric.NumberDataPoint {
		p := to.AppendEmpty()
		p.SetTimestamp(pcommon.Timestamp(w.r.end))
		p.SetStartTimestamp(pcommon.Timestamp(w.r.start))
		p.SetIntValue(v)
		return p
	})
}

func (w writer) sites(metric points, name, unit string, value func(*sums) int64) {
	if len(w.r.sites) == 0 {
		return
	}
	metric(name, unit, func(add func(int64) pmetric.NumberDataPoint) {
		for at, s := range w.r.sites {
			attributes := add(value(s)).Attributes()
			attributes.PutStr("code.function.name", at.Function)
			attributes.PutStr("code.file.path", at.File)
			attributes.PutInt("code.line.number", int64(at.Line))
			attributes.PutStr("heapgate.class", string(at.class))
		}
	})
}
