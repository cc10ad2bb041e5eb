// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
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
	templates [signal.Names]pmetric.Metric // without points; those switched off in the config are not there
	enabled   [signal.Names]bool
	integer   [signal.Names]bool
}

func newEmitter(set processor.Settings, cfg metadata.MetricsConfig) *emitter {
	e := &emitter{version: set.BuildInfo.Version}
	named := map[string]signal.Name{}
	for n := range signal.Names {
		named["heapgate.signal."+n.String()] = n
	}
	for _, rm := range everySignal(set, cfg).ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			n := named[m.Name()]
			e.enabled[n] = true
			e.integer[n] = m.Gauge().DataPoints().At(0).ValueType() == pmetric.NumberDataPointValueTypeInt
			m.Gauge().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return true })
			e.templates[n] = pmetric.NewMetric()
			m.CopyTo(e.templates[n])
		}
	}
	return e
}

// everySignal has one point of each signal that is switched on.
func everySignal(set processor.Settings, cfg metadata.MetricsConfig) pmetric.Metrics {
	const source, class = metadata.AttributeHeapgateSourceGctrace, metadata.AttributeHeapgateClassMapGrow
	b := metadata.NewMetricsBuilder(metadata.MetricsBuilderConfig{Metrics: cfg}, set)
	b.RecordHeapgateSignalCyclesDataPoint(0, 0)
	b.RecordHeapgateSignalGcCPUShareDataPoint(0, 0, source)
	b.RecordHeapgateSignalGcLimitPressureDataPoint(0, 0, source)
	b.RecordHeapgateSignalGcPauseMaxDataPoint(0, 0)
	b.RecordHeapgateSignalGcPauseP99DataPoint(0, 0)
	b.RecordHeapgateSignalHeapAllocationRateDataPoint(0, 0)
	b.RecordHeapgateSignalHeapLiveDataPoint(0, 0, source)
	b.RecordHeapgateSignalMapDoublingsDataPoint(0, 0, "", "", 0, class)
	b.RecordHeapgateSignalMapGrowthRateDataPoint(0, 0, "", "", 0, class)
	b.RecordHeapgateSignalMapGrowthRateLowerDataPoint(0, 0, "", "", 0, class)
	b.RecordHeapgateSignalMapGrowthRateUpperDataPoint(0, 0, "", "", 0, class)
	b.RecordHeapgateSignalMapGrowthWindowsDataPoint(0, 0, "", "", 0, class)
	b.RecordHeapgateSignalMapRetainedShareDataPoint(0, 0, "", "", 0, class)
	b.RecordHeapgateSignalMapSamplesDataPoint(0, 0, "", "", 0, class)
	b.RecordHeapgateSignalMapSitesDataPoint(0, 0)
	b.RecordHeapgateSignalWindowDataPoint(0, 0)
	b.RecordHeapgateSignalWindowsDataPoint(0, 0)
	return b.Emit()
}

// emit appends a scope with the signals to the resource.
func (e *emitter) emit(rm pmetric.ResourceMetrics, signals []signal.Signal) {
	var counts [signal.Names]int
	kinds := 0
	for i := range signals {
		n := signals[i].Name
		if e.enabled[n] && counts[n] == 0 {
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
		if e.enabled[n] && count > 0 {
			metric := scope.Metrics().AppendEmpty()
			e.templates[n].CopyTo(metric)
			points[n] = metric.Gauge().DataPoints()
			points[n].EnsureCapacity(count)
		}
	}
	for i := range signals {
		if n := signals[i].Name; e.enabled[n] {
			e.point(points[n].AppendEmpty(), &signals[i])
		}
	}
}

func (e *emitter) point(p pmetric.NumberDataPoint, s *signal.Signal) {
	p.SetTimestamp(pcommon.Timestamp(s.At))
	if e.integer[s.Name] {
		p.SetIntValue(int64(s.Value))
	} else {
		p.SetDoubleValue(s.Value)
	}
	if s.Source != "" {
		p.Attributes().PutStr("heapgate.source", string(s.Source))
	}
	if s.Site == nil {
		return
	}
	attributes := p.Attributes()
	attributes.EnsureCapacity(4)
	attributes.PutStr("code.file.path", s.Site.File)
	attributes.PutStr("code.function.name", s.Site.Function)
	attributes.PutInt("code.line.number", s.Site.Line)
	attributes.PutStr("heapgate.class", s.Site.Class)
}
