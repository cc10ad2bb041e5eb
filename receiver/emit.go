// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// batch is what one tick of one target hands on.
type batch struct {
	target  string
	metrics pmetric.Metrics
}

// emitter turns what was heard into metrics. One builder serves all loops: emitting is microseconds, its buffers are not small.
type emitter struct {
	mu    sync.Mutex
	build *metadata.MetricsBuilder
}

func newEmitter(cfg metadata.MetricsBuilderConfig, set receiver.Settings) *emitter {
	return &emitter{build: metadata.NewMetricsBuilder(cfg, set)}
}

// emit writes a visit and the target's gctrace. A failed visit leaves the gctrace, the errors and up = 0.
func (e *emitter) emit(t *target, v visit, files []heardFile) batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := pcommon.NewTimestampFromTime(v.at)
	resource := func() pcommon.Resource {
		copied := pcommon.NewResource()
		t.resource.CopyTo(copied)
		return copied
	}

	e.status(t, v, at)
	e.build.EmitForResource(metadata.WithResource(resource()), metadata.WithStartTimeOverride(timestampOr(t.firstError, at)))
	metrics := e.build.Emit()
	if v.err == nil {
		p := t.process
		start := pcommon.NewTimestampFromTime(p.firstHeard)
		e.memStats(&v.observation.Heap.MemStats, at)
		e.profile(&v.observation.Heap, v, at)
		if n := v.observation.Goroutines; n != nil {
			e.build.RecordGoGoroutineCountDataPoint(at, *n)
		}
		if started := p.start(&v.observation.Heap.MemStats, files); !started.IsZero() {
			e.build.RecordHeapgateProcessStartTimeDataPoint(at, unixSeconds(started))
		}
		if t.memoryLimit > 0 {
			e.build.RecordHeapgateMemoryLimitDataPoint(at, t.memoryLimit)
		}
		e.build.EmitForResource(metadata.WithResource(resource()), metadata.WithStartTimeOverride(start))
		heapMetrics := e.build.Emit()
		p.pauses.emit(scopeOf(heapMetrics.ResourceMetrics()).Metrics(), start, at)
		heapMetrics.ResourceMetrics().MoveAndAppendTo(metrics.ResourceMetrics())
	}
	if f, ok := latest(files); ok {
		e.gctrace(f, at)
		e.build.EmitForResource(metadata.WithResource(resource()), metadata.WithStartTimeOverride(pcommon.NewTimestampFromTime(f.firstHeard)))
		e.build.Emit().ResourceMetrics().MoveAndAppendTo(metrics.ResourceMetrics())
	}
	return batch{t.id, merged(metrics)}
}

// emitFile writes the gctrace of a file that belongs to no configured target.
func (e *emitter) emitFile(f heardFile) batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gctrace(f, pcommon.NewTimestampFromTime(time.Now()))
	e.build.EmitForResource(metadata.WithResource(resourceOfFile(f.path)), metadata.WithStartTimeOverride(pcommon.NewTimestampFromTime(f.firstHeard)))
	return batch{f.path, e.build.Emit()}
}

func (e *emitter) status(t *target, v visit, at pcommon.Timestamp) {
	up := int64(1)
	if v.err != nil {
		up = 0
	}
	e.build.RecordHeapgateTargetUpDataPoint(at, up)
	e.build.RecordHeapgateScrapeDurationDataPoint(at, v.took.Seconds())
	for kind, n := range t.errors {
		e.build.RecordHeapgateScrapeErrorsDataPoint(at, n, metadata.MapAttributeErrorType[kind])
	}
}

func (e *emitter) memStats(m *heap.MemStats, at pcommon.Timestamp) {
	b := e.build
	b.RecordGoMemoryUsedDataPoint(at, int64(m.StackInuse), metadata.AttributeGoMemoryTypeStack)
	b.RecordGoMemoryUsedDataPoint(at, int64(m.Sys)-int64(m.HeapReleased)-int64(m.StackInuse), metadata.AttributeGoMemoryTypeOther)
	b.RecordGoMemoryAllocatedDataPoint(at, int64(m.TotalAlloc))
	b.RecordGoMemoryAllocationsDataPoint(at, int64(m.Mallocs))
	b.RecordGoMemoryGcCyclesDataPoint(at, int64(m.NumGC))
	b.RecordGoMemoryGcGoalDataPoint(at, clampInt64(m.NextGC))
	b.RecordHeapgateGcForcedDataPoint(at, int64(m.NumForcedGC))
	b.RecordHeapgateGcCPUFractionDataPoint(at, m.GCCPUFraction)
	b.RecordHeapgateHeapAllocDataPoint(at, int64(m.HeapAlloc))
	b.RecordHeapgateHeapIdleDataPoint(at, int64(m.HeapIdle))
	b.RecordHeapgateHeapInuseDataPoint(at, int64(m.HeapInuse))
	b.RecordHeapgateHeapReleasedDataPoint(at, int64(m.HeapReleased))
	b.RecordHeapgateHeapObjectsDataPoint(at, int64(m.HeapObjects))
	if m.MaxRSS > 0 {
		b.RecordHeapgateProcessRssMaxDataPoint(at, int64(m.MaxRSS))
	}
	if m.NumGC > 0 {
		b.RecordHeapgateGcLastDataPoint(at, float64(m.LastGC)/1e9)
	}
	if until, ok := m.ObservedUntil(); ok {
		b.RecordHeapgateObservedUntilDataPoint(at, float64(until)/1e9)
	}
}

func (e *emitter) profile(h *heap.Snapshot, v visit, at pcommon.Timestamp) {
	b := e.build
	if v.maxPause > 0 {
		b.RecordHeapgateGcPauseMaxDataPoint(at, v.maxPause.Seconds())
	}
	b.RecordHeapgateProfileRateDataPoint(at, h.Rate)
	if h.MemStats.NumGC > 0 && h.Rate > 0 { // without samples, 0 would be no live heap
		b.RecordHeapgateProfileInuseDataPoint(at, h.Total.InuseBytes)
	}
	for i := range v.sites {
		s := &v.sites[i]
		class := metadata.MapAttributeHeapgateClass[string(s.Class)]
		var where []metadata.MetricAttributeOption
		if s.File != "" {
			where = []metadata.MetricAttributeOption{metadata.WithCodeFilePathMetricAttribute(s.File), metadata.WithCodeLineNumberMetricAttribute(int64(s.Line))}
		}
		b.RecordHeapgateSiteAllocatedDataPoint(at, s.AllocBytes, s.Function, class, where...)
		b.RecordHeapgateSiteAllocationsDataPoint(at, s.AllocObjects, s.Function, class, where...)
		b.RecordHeapgateSiteInuseDataPoint(at, s.InuseBytes, s.Function, class, where...)
		b.RecordHeapgateSiteInuseObjectsDataPoint(at, s.InuseObjects, s.Function, class, where...)
		b.RecordHeapgateSiteSamplesDataPoint(at, s.Samples, s.Function, class, where...)
		b.RecordHeapgateSiteStderrDataPoint(at, s.StdErrBytes, s.Function, class, where...)
	}
}

func (e *emitter) gctrace(f heardFile, at pcommon.Timestamp) {
	b := e.build
	for state, n := range f.records {
		b.RecordHeapgateGctraceRecordsDataPoint(at, n, metadata.MapAttributeHeapgateRecordState[state])
	}
	if f.cycles == 0 {
		return
	}
	b.RecordHeapgateGctraceCyclesDataPoint(at, f.cycles)
	b.RecordHeapgateGctraceSummedDataPoint(at, f.summed)
	b.RecordHeapgateGcElapsedDataPoint(at, f.elapsed)
	b.RecordHeapgateGcOverGoalDataPoint(at, f.overGoal)
	b.RecordHeapgateGctraceHeapLiveDataPoint(at, f.live)
	b.RecordHeapgateGctraceHeapGoalDataPoint(at, f.goal)
	if f.procs > 0 {
		b.RecordGoProcessorLimitDataPoint(at, f.procs)
	}
	for phase, seconds := range f.clock {
		b.RecordHeapgateGcClockTimeDataPoint(at, seconds, metadata.MapAttributeHeapgateGcPhase[phase])
	}
	for work, seconds := range f.cpu {
		b.RecordHeapgateGcCPUTimeDataPoint(at, seconds, metadata.MapAttributeHeapgateGcWork[work])
	}
}
