// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"

	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// emitter writes signals as gauges. It does so by hand, from templates that the generated builder made: the builder itself looks
// at all points of a metric for each one that is recorded, which is too slow for the sites.
type emitter struct {
	version   string
	templates [signal.Names]template
}

func newEmitter(set processor.Settings, cfg metadata.MetricsConfig) *emitter {
	return &emitter{version: set.BuildInfo.Version, templates: templatesOf(set, cfg)}
}

// emit appends a scope with the signals to the resource.
func (e *emitter) emit(rm pmetric.ResourceMetrics, signals []signal.Signal) {
	var counts [signal.Names]int
	kinds := 0
	for i := range signals {
		n := signals[i].Name
		if e.templates[n].enabled && counts[n] == 0 {
			kinds++
		}
		counts[n]++
	}
	if kinds == 0 {
		return
	}
	scope := rm.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(e.version)
	scope.Metrics().EnsureCapacity(kinds)
	var points [signal.Names]pmetric.NumberDataPointSlice
	for n, count := range counts {
		if e.templates[n].enabled && count > 0 {
			metric := scope.Metrics().AppendEmpty()
			e.templates[n].metric.CopyTo(metric)
			points[n] = metric.Gauge().DataPoints()
			points[n].EnsureCapacity(count)
		}
	}
	for i := range signals {
		if s := &signals[i]; e.templates[s.Name].enabled {
			e.templates[s.Name].write(points[s.Name].AppendEmpty(), s)
		}
	}
}

// whole keeps a number inside OTLP's integers.
func whole(v float64) int64 {
	switch {
	case v >= math.MaxInt64:
		return math.MaxInt64
	case v <= math.MinInt64:
		return math.MinInt64
	}
	return int64(v)
}

// write makes a point of a signal.
func (t *template) write(p pmetric.NumberDataPoint, s *signal.Signal) {
	p.SetTimestamp(pcommon.Timestamp(s.At))
	if t.integer {
		p.SetIntValue(whole(s.Value))
	} else {
		p.SetDoubleValue(s.Value)
	}
	if t.attributes == 0 {
		return
	}
	attributes := p.Attributes()
	attributes.EnsureCapacity(t.attributes)
	if t.class != "" && s.Site != nil {
		putSite(attributes, t.class, s.Site)
	}
	if t.source {
		attributes.PutStr("heapgate.source", string(s.Source))
	}
	if t.of {
		attributes.PutStr("heapgate.signal", s.Of.String())
	}
	if t.label != "" {
		attributes.PutStr(t.label, s.Label)
	}
	if t.reason {
		attributes.PutStr("heapgate.reason", s.Reason)
	}
}

// putSite writes where something is and, below the key class, what it is.
func putSite(attributes pcommon.Map, class string, site *signal.SiteKey) {
	attributes.PutStr("code.file.path", site.File)
	attributes.PutStr("code.function.name", site.Function)
	attributes.PutInt("code.line.number", site.Line)
	attributes.PutStr(class, site.Class)
}
