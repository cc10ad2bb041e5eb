// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package metadata

import (
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
)

// NewMetricsBuilder is the constructor that mdatagen writes for receivers and leaves out for processors.
func NewMetricsBuilder(cfg MetricsBuilderConfig, set processor.Settings, options ...MetricBuilderOption) *MetricsBuilder {
	m := cfg.Metrics
	mb := &MetricsBuilder{
		config:                                 cfg,
		metricsBuffer:                          pmetric.NewMetrics(),
		buildInfo:                              set.BuildInfo,
		metricHeapgateSignalCycles:             newMetricHeapgateSignalCycles(m.HeapgateSignalCycles),
		metricHeapgateSignalGcCPUShare:         newMetricHeapgateSignalGcCPUShare(m.HeapgateSignalGcCPUShare),
		metricHeapgateSignalGcLimitPressure:    newMetricHeapgateSignalGcLimitPressure(m.HeapgateSignalGcLimitPressure),
		metricHeapgateSignalGcPauseMax:         newMetricHeapgateSignalGcPauseMax(m.HeapgateSignalGcPauseMax),
		metricHeapgateSignalGcPauseP99:         newMetricHeapgateSignalGcPauseP99(m.HeapgateSignalGcPauseP99),
		metricHeapgateSignalHeapAllocationRate: newMetricHeapgateSignalHeapAllocationRate(m.HeapgateSignalHeapAllocationRate),
		metricHeapgateSignalHeapLive:           newMetricHeapgateSignalHeapLive(m.HeapgateSignalHeapLive),
		metricHeapgateSignalMapDoublings:       newMetricHeapgateSignalMapDoublings(m.HeapgateSignalMapDoublings),
		metricHeapgateSignalMapGrowthRate:      newMetricHeapgateSignalMapGrowthRate(m.HeapgateSignalMapGrowthRate),
		metricHeapgateSignalMapGrowthRateLower: newMetricHeapgateSignalMapGrowthRateLower(m.HeapgateSignalMapGrowthRateLower),
		metricHeapgateSignalMapGrowthRateUpper: newMetricHeapgateSignalMapGrowthRateUpper(m.HeapgateSignalMapGrowthRateUpper),
		metricHeapgateSignalMapGrowthWindows:   newMetricHeapgateSignalMapGrowthWindows(m.HeapgateSignalMapGrowthWindows),
		metricHeapgateSignalMapRetainedShare:   newMetricHeapgateSignalMapRetainedShare(m.HeapgateSignalMapRetainedShare),
		metricHeapgateSignalMapSamples:         newMetricHeapgateSignalMapSamples(m.HeapgateSignalMapSamples),
		metricHeapgateSignalMapSites:           newMetricHeapgateSignalMapSites(m.HeapgateSignalMapSites),
		metricHeapgateSignalWindow:             newMetricHeapgateSignalWindow(m.HeapgateSignalWindow),
		metricHeapgateSignalWindows:            newMetricHeapgateSignalWindows(m.HeapgateSignalWindows),
	}
	for _, option := range options {
		option.apply(mb)
	}
	return mb
}
