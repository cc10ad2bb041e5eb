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
		config:                                   cfg,
		metricsBuffer:                            pmetric.NewMetrics(),
		buildInfo:                                set.BuildInfo,
		metricHeapgateSignalAdviceGogc:           newMetricHeapgateSignalAdviceGogc(m.HeapgateSignalAdviceGogc),
		metricHeapgateSignalAdviceMemoryLimit:    newMetricHeapgateSignalAdviceMemoryLimit(m.HeapgateSignalAdviceMemoryLimit),
		metricHeapgateSignalBaselineDeviation:    newMetricHeapgateSignalBaselineDeviation(m.HeapgateSignalBaselineDeviation),
		metricHeapgateSignalBaselineExpected:     newMetricHeapgateSignalBaselineExpected(m.HeapgateSignalBaselineExpected),
		metricHeapgateSignalBaselineSamples:      newMetricHeapgateSignalBaselineSamples(m.HeapgateSignalBaselineSamples),
		metricHeapgateSignalBaselineUnusual:      newMetricHeapgateSignalBaselineUnusual(m.HeapgateSignalBaselineUnusual),
		metricHeapgateSignalCycles:               newMetricHeapgateSignalCycles(m.HeapgateSignalCycles),
		metricHeapgateSignalFamilyRate:           newMetricHeapgateSignalFamilyRate(m.HeapgateSignalFamilyRate),
		metricHeapgateSignalFamilyShare:          newMetricHeapgateSignalFamilyShare(m.HeapgateSignalFamilyShare),
		metricHeapgateSignalGcAssistShare:        newMetricHeapgateSignalGcAssistShare(m.HeapgateSignalGcAssistShare),
		metricHeapgateSignalGcCPUPerByte:         newMetricHeapgateSignalGcCPUPerByte(m.HeapgateSignalGcCPUPerByte),
		metricHeapgateSignalGcCPUShare:           newMetricHeapgateSignalGcCPUShare(m.HeapgateSignalGcCPUShare),
		metricHeapgateSignalGcCycleRate:          newMetricHeapgateSignalGcCycleRate(m.HeapgateSignalGcCycleRate),
		metricHeapgateSignalGcForcedShare:        newMetricHeapgateSignalGcForcedShare(m.HeapgateSignalGcForcedShare),
		metricHeapgateSignalGcGogc:               newMetricHeapgateSignalGcGogc(m.HeapgateSignalGcGogc),
		metricHeapgateSignalGcLimitPressure:      newMetricHeapgateSignalGcLimitPressure(m.HeapgateSignalGcLimitPressure),
		metricHeapgateSignalGcMarkPerByte:        newMetricHeapgateSignalGcMarkPerByte(m.HeapgateSignalGcMarkPerByte),
		metricHeapgateSignalGcMarkShare:          newMetricHeapgateSignalGcMarkShare(m.HeapgateSignalGcMarkShare),
		metricHeapgateSignalGcNextCycle:          newMetricHeapgateSignalGcNextCycle(m.HeapgateSignalGcNextCycle),
		metricHeapgateSignalGcPauseAgreement:     newMetricHeapgateSignalGcPauseAgreement(m.HeapgateSignalGcPauseAgreement),
		metricHeapgateSignalGcPauseMax:           newMetricHeapgateSignalGcPauseMax(m.HeapgateSignalGcPauseMax),
		metricHeapgateSignalGcPauseP50:           newMetricHeapgateSignalGcPauseP50(m.HeapgateSignalGcPauseP50),
		metricHeapgateSignalGcPauseP95:           newMetricHeapgateSignalGcPauseP95(m.HeapgateSignalGcPauseP95),
		metricHeapgateSignalGcPauseP99:           newMetricHeapgateSignalGcPauseP99(m.HeapgateSignalGcPauseP99),
		metricHeapgateSignalGcState:              newMetricHeapgateSignalGcState(m.HeapgateSignalGcState),
		metricHeapgateSignalGcStwShare:           newMetricHeapgateSignalGcStwShare(m.HeapgateSignalGcStwShare),
		metricHeapgateSignalGcSweepShare:         newMetricHeapgateSignalGcSweepShare(m.HeapgateSignalGcSweepShare),
		metricHeapgateSignalGcWorkShare:          newMetricHeapgateSignalGcWorkShare(m.HeapgateSignalGcWorkShare),
		metricHeapgateSignalGoroutineAge:         newMetricHeapgateSignalGoroutineAge(m.HeapgateSignalGoroutineAge),
		metricHeapgateSignalGoroutineBlocked:     newMetricHeapgateSignalGoroutineBlocked(m.HeapgateSignalGoroutineBlocked),
		metricHeapgateSignalGoroutineGrowth:      newMetricHeapgateSignalGoroutineGrowth(m.HeapgateSignalGoroutineGrowth),
		metricHeapgateSignalGoroutineLeak:        newMetricHeapgateSignalGoroutineLeak(m.HeapgateSignalGoroutineLeak),
		metricHeapgateSignalGoroutineSlope:       newMetricHeapgateSignalGoroutineSlope(m.HeapgateSignalGoroutineSlope),
		metricHeapgateSignalHeapAllocationRate:   newMetricHeapgateSignalHeapAllocationRate(m.HeapgateSignalHeapAllocationRate),
		metricHeapgateSignalHeapHeadroom:         newMetricHeapgateSignalHeapHeadroom(m.HeapgateSignalHeapHeadroom),
		metricHeapgateSignalHeapLeak:             newMetricHeapgateSignalHeapLeak(m.HeapgateSignalHeapLeak),
		metricHeapgateSignalHeapLive:             newMetricHeapgateSignalHeapLive(m.HeapgateSignalHeapLive),
		metricHeapgateSignalHeapObjectRate:       newMetricHeapgateSignalHeapObjectRate(m.HeapgateSignalHeapObjectRate),
		metricHeapgateSignalHeapObjectSize:       newMetricHeapgateSignalHeapObjectSize(m.HeapgateSignalHeapObjectSize),
		metricHeapgateSignalHeapShape:            newMetricHeapgateSignalHeapShape(m.HeapgateSignalHeapShape),
		metricHeapgateSignalHeapSlope:            newMetricHeapgateSignalHeapSlope(m.HeapgateSignalHeapSlope),
		metricHeapgateSignalHeapSlopeLower:       newMetricHeapgateSignalHeapSlopeLower(m.HeapgateSignalHeapSlopeLower),
		metricHeapgateSignalHeapSlopeUpper:       newMetricHeapgateSignalHeapSlopeUpper(m.HeapgateSignalHeapSlopeUpper),
		metricHeapgateSignalHeapSlopeWindow:      newMetricHeapgateSignalHeapSlopeWindow(m.HeapgateSignalHeapSlopeWindow),
		metricHeapgateSignalHeapTimeToLimit:      newMetricHeapgateSignalHeapTimeToLimit(m.HeapgateSignalHeapTimeToLimit),
		metricHeapgateSignalHeapTimeToLimitLower: newMetricHeapgateSignalHeapTimeToLimitLower(m.HeapgateSignalHeapTimeToLimitLower),
		metricHeapgateSignalHeapTurnover:         newMetricHeapgateSignalHeapTurnover(m.HeapgateSignalHeapTurnover),
		metricHeapgateSignalLag:                  newMetricHeapgateSignalLag(m.HeapgateSignalLag),
		metricHeapgateSignalMapDoublings:         newMetricHeapgateSignalMapDoublings(m.HeapgateSignalMapDoublings),
		metricHeapgateSignalMapGrowthRate:        newMetricHeapgateSignalMapGrowthRate(m.HeapgateSignalMapGrowthRate),
		metricHeapgateSignalMapGrowthRateLower:   newMetricHeapgateSignalMapGrowthRateLower(m.HeapgateSignalMapGrowthRateLower),
		metricHeapgateSignalMapGrowthRateUpper:   newMetricHeapgateSignalMapGrowthRateUpper(m.HeapgateSignalMapGrowthRateUpper),
		metricHeapgateSignalMapGrowthWindows:     newMetricHeapgateSignalMapGrowthWindows(m.HeapgateSignalMapGrowthWindows),
		metricHeapgateSignalMapInflation:         newMetricHeapgateSignalMapInflation(m.HeapgateSignalMapInflation),
		metricHeapgateSignalMapPresize:           newMetricHeapgateSignalMapPresize(m.HeapgateSignalMapPresize),
		metricHeapgateSignalMapRetainedShare:     newMetricHeapgateSignalMapRetainedShare(m.HeapgateSignalMapRetainedShare),
		metricHeapgateSignalMapSamples:           newMetricHeapgateSignalMapSamples(m.HeapgateSignalMapSamples),
		metricHeapgateSignalMapShare:             newMetricHeapgateSignalMapShare(m.HeapgateSignalMapShare),
		metricHeapgateSignalMapSites:             newMetricHeapgateSignalMapSites(m.HeapgateSignalMapSites),
		metricHeapgateSignalMapVerdict:           newMetricHeapgateSignalMapVerdict(m.HeapgateSignalMapVerdict),
		metricHeapgateSignalMemoryLimitInferred:  newMetricHeapgateSignalMemoryLimitInferred(m.HeapgateSignalMemoryLimitInferred),
		metricHeapgateSignalMemoryRssRatio:       newMetricHeapgateSignalMemoryRssRatio(m.HeapgateSignalMemoryRssRatio),
		metricHeapgateSignalMemoryShare:          newMetricHeapgateSignalMemoryShare(m.HeapgateSignalMemoryShare),
		metricHeapgateSignalWarning:              newMetricHeapgateSignalWarning(m.HeapgateSignalWarning),
		metricHeapgateSignalWindow:               newMetricHeapgateSignalWindow(m.HeapgateSignalWindow),
		metricHeapgateSignalWindows:              newMetricHeapgateSignalWindows(m.HeapgateSignalWindows),
	}
	for _, option := range options {
		option.apply(mb)
	}
	return mb
}
