// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"

	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// template is how one signal is written.
type template struct {
	enabled bool // not switched off in the config
	integer bool
	metric  pmetric.Metric // name, description and unit, without points

	// What of a signal is an attribute: its source, its reason, the signal that it is about, its site with the key of what is
	// at the site, and the key of its label.
	source, reason, of bool
	class, label       string
	attributes         int // how many of all these
}

// templatesOf the signals, learned from one point of each that the generated builder made.
func templatesOf(set processor.Settings, cfg metadata.MetricsConfig) (all [signal.Names]template) {
	named := map[string]signal.Name{}
	for n := range signal.Names {
		named["heapgate.signal."+n.String()] = n
	}
	for _, rm := range everySignal(set, cfg).ResourceMetrics().All() {
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			all[named[m.Name()]] = templateOf(m)
		}
	}
	return all
}

func templateOf(m pmetric.Metric) template {
	point := m.Gauge().DataPoints().At(0)
	t := template{
		enabled: true, integer: point.ValueType() == pmetric.NumberDataPointValueTypeInt, metric: pmetric.NewMetric(),
		attributes: point.Attributes().Len(),
	}
	_, sited := point.Attributes().Get("code.function.name")
	for key := range point.Attributes().All() {
		switch key {
		case "code.function.name", "code.file.path", "code.line.number":
		case "heapgate.source":
			t.source = true
		case "heapgate.reason":
			t.reason = true
		case "heapgate.signal":
			t.of = true
		case "heapgate.class", "heapgate.family", "heapgate.goroutine.state":
			if sited {
				t.class = key
			} else {
				t.label = key
			}
		default:
			t.label = key
		}
	}
	m.Gauge().DataPoints().RemoveIf(func(pmetric.NumberDataPoint) bool { return true })
	m.CopyTo(t.metric)
	return t
}

// everySignal has one point of each signal that is switched on.
func everySignal(set processor.Settings, cfg metadata.MetricsConfig) pmetric.Metrics {
	b := metadata.NewMetricsBuilder(metadata.MetricsBuilderConfig{Metrics: cfg}, set)
	b.RecordHeapgateSignalAdviceGogcDataPoint(0, 0)
	b.RecordHeapgateSignalAdviceMemoryLimitDataPoint(0, 0)
	b.RecordHeapgateSignalBaselineDeviationDataPoint(0, 0, "")
	b.RecordHeapgateSignalBaselineExpectedDataPoint(0, 0, "")
	b.RecordHeapgateSignalBaselineSamplesDataPoint(0, 0, "")
	b.RecordHeapgateSignalBaselineUnusualDataPoint(0, 0, "")
	b.RecordHeapgateSignalCyclesDataPoint(0, 0)
	b.RecordHeapgateSignalFamilyRateDataPoint(0, 0, "", "", 0, "")
	b.RecordHeapgateSignalFamilyShareDataPoint(0, 0, "")
	b.RecordHeapgateSignalGcAssistShareDataPoint(0, 0, 0)
	b.RecordHeapgateSignalGcCPUPerByteDataPoint(0, 0, 0)
	b.RecordHeapgateSignalGcCPUShareDataPoint(0, 0, 0)
	b.RecordHeapgateSignalGcCycleRateDataPoint(0, 0)
	b.RecordHeapgateSignalGcForcedShareDataPoint(0, 0)
	b.RecordHeapgateSignalGcGogcDataPoint(0, 0, 0)
	b.RecordHeapgateSignalGcLimitPressureDataPoint(0, 0, 0)
	b.RecordHeapgateSignalGcMarkPerByteDataPoint(0, 0)
	b.RecordHeapgateSignalGcMarkShareDataPoint(0, 0)
	b.RecordHeapgateSignalGcNextCycleDataPoint(0, 0)
	b.RecordHeapgateSignalGcPauseAgreementDataPoint(0, 0, 0)
	b.RecordHeapgateSignalGcPauseMaxDataPoint(0, 0)
	b.RecordHeapgateSignalGcPauseP50DataPoint(0, 0)
	b.RecordHeapgateSignalGcPauseP95DataPoint(0, 0)
	b.RecordHeapgateSignalGcPauseP99DataPoint(0, 0)
	b.RecordHeapgateSignalGcStateDataPoint(0, 0, 0)
	b.RecordHeapgateSignalGcStwShareDataPoint(0, 0)
	b.RecordHeapgateSignalGcSweepShareDataPoint(0, 0)
	b.RecordHeapgateSignalGcWorkShareDataPoint(0, 0, 0)
	b.RecordHeapgateSignalGoroutineAgeDataPoint(0, 0, "", "", 0, "")
	b.RecordHeapgateSignalGoroutineBlockedDataPoint(0, 0, "")
	b.RecordHeapgateSignalGoroutineGrowthDataPoint(0, 0, "", "", 0, "")
	b.RecordHeapgateSignalGoroutineLeakDataPoint(0, 0, "", "", 0, "", 0, "")
	b.RecordHeapgateSignalGoroutineSlopeDataPoint(0, 0)
	b.RecordHeapgateSignalHeapAllocationRateDataPoint(0, 0)
	b.RecordHeapgateSignalHeapHeadroomDataPoint(0, 0, 0)
	b.RecordHeapgateSignalHeapLeakDataPoint(0, 0, 0, "")
	b.RecordHeapgateSignalHeapLiveDataPoint(0, 0, 0)
	b.RecordHeapgateSignalHeapObjectRateDataPoint(0, 0)
	b.RecordHeapgateSignalHeapObjectSizeDataPoint(0, 0)
	b.RecordHeapgateSignalHeapShapeDataPoint(0, 0, 0)
	b.RecordHeapgateSignalHeapSlopeDataPoint(0, 0)
	b.RecordHeapgateSignalHeapSlopeLowerDataPoint(0, 0)
	b.RecordHeapgateSignalHeapSlopeUpperDataPoint(0, 0)
	b.RecordHeapgateSignalHeapSlopeWindowDataPoint(0, 0)
	b.RecordHeapgateSignalHeapTimeToLimitDataPoint(0, 0, 0)
	b.RecordHeapgateSignalHeapTimeToLimitLowerDataPoint(0, 0, 0)
	b.RecordHeapgateSignalHeapTurnoverDataPoint(0, 0)
	b.RecordHeapgateSignalLagDataPoint(0, 0, 0)
	b.RecordHeapgateSignalMapDoublingsDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapGrowthRateDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapGrowthRateLowerDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapGrowthRateUpperDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapGrowthWindowsDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapInflationDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapPresizeDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapRetainedShareDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapSamplesDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapShareDataPoint(0, 0, "", "", 0, 0)
	b.RecordHeapgateSignalMapSitesDataPoint(0, 0)
	b.RecordHeapgateSignalMapVerdictDataPoint(0, 0, "", "", 0, 0, 0, "")
	b.RecordHeapgateSignalMemoryLimitInferredDataPoint(0, 0)
	b.RecordHeapgateSignalMemoryRssRatioDataPoint(0, 0)
	b.RecordHeapgateSignalMemoryShareDataPoint(0, 0, 0)
	b.RecordHeapgateSignalWarningDataPoint(0, 0, "", "")
	b.RecordHeapgateSignalWindowDataPoint(0, 0)
	b.RecordHeapgateSignalWindowsDataPoint(0, 0)
	return b.Emit()
}
