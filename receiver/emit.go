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

// emit writes a visit, and the target's gctrace where it is given. A failed visit leaves the gctrace, the errors and up = 0.
func (e *emitter) emit(t *target, s *planned, v *visit, files []heardFile) batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := pcommon.NewTimestampFromTime(v.at)
	e.status(t, s, v, at)
	parts := e.part(t, timestampOr(t.firstError, at))
	if p := t.process; v.err == nil && p != nil {
		start := pcommon.NewTimestampFromTime(p.firstHeard)
		e.heard(t, v, files, at)
		heard := e.part(t, start)
		if v.memStats != nil {
			p.pauses.emit(scopeOf(heard.ResourceMetrics()).Metrics(), start, at)
		}
		heard.ResourceMetrics().MoveAndAppendTo(parts.ResourceMetrics())
	}
	e.lines(t, files, at, parts)
	return batch{t.id, merged(parts)}
}

// emitLines writes the target's gctrace alone.
func (e *emitter) emitLines(t *target, now time.Time, files []heardFile) batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	parts := pmetric.NewMetrics()
	e.lines(t, files, pcommon.NewTimestampFromTime(now), parts)
	return batch{t.id, merged(parts)}
}

func (e *emitter) lines(t *target, files []heardFile, at pcommon.Timestamp, parts pmetric.Metrics) {
	if len(t.crashes) > 0 {
		e.crashes(t.crashes, at)
		e.part(t, pcommon.NewTimestampFromTime(t.crashesSince)).ResourceMetrics().MoveAndAppendTo(parts.ResourceMetrics())
	}
	if f, ok := latest(files); ok {
		e.gctrace(f, at)
		e.part(t, pcommon.NewTimestampFromTime(f.firstHeard)).ResourceMetrics().MoveAndAppendTo(parts.ResourceMetrics())
	}
}

// part takes what was recorded since the last part, as of the target.
func (e *emitter) part(t *target, start pcommon.Timestamp) pmetric.Metrics {
	resource := pcommon.NewResource()
	t.resource.CopyTo(resource)
	e.build.EmitForResource(metadata.WithResource(resource), metadata.WithStartTimeOverride(start))
	return e.build.Emit()
}

// heard writes what the visit's source said of the process.
func (e *emitter) heard(t *target, v *visit, files []heardFile, at pcommon.Timestamp) {
	if m := v.memStats; m != nil {
		e.memStats(m, v, at)
		if started := t.process.start(m, files); !started.IsZero() {
			e.build.RecordHeapgateProcessStartTimeDataPoint(at, unixSeconds(started))
		}
		if t.memoryLimit > 0 {
			e.build.RecordHeapgateMemoryLimitDataPoint(at, t.memoryLimit)
		}
		if t.killedAt > 0 {
			e.build.RecordHeapgateContainerMemoryLimitDataPoint(at, t.killedAt)
		}
	}
	if v.load != nil {
		e.build.RecordHeapgateLoadRequestsDataPoint(at, *v.load)
	}
	if v.heap != nil {
		e.profile(v.heap, v, at)
		e.families(v, at)
		e.runtime(v.heap.Runtime, at)
	}
	if v.goroutines != nil {
		e.goroutines(v, at)
	}
	if v.cpu != nil {
		e.cpu(v.cpu, at)
	}
	if v.contention != nil {
		e.contention(v.contention, at)
	}
	if v.trace != nil {
		e.trace(v.trace, at)
	}
}

// emitFile writes the gctrace of a file that belongs to no configured target.
func (e *emitter) emitFile(f heardFile) batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := pcommon.NewTimestampFromTime(time.Now())
	e.gctrace(f, now)
	e.build.EmitForResource(metadata.WithResource(resourceOfFile(f.path)), metadata.WithStartTimeOverride(pcommon.NewTimestampFromTime(f.firstHeard)))
	if len(f.crashes) > 0 {
		e.crashes(f.crashes, now)
		e.build.EmitForResource(metadata.WithResource(resourceOfFile(f.path)), metadata.WithStartTimeOverride(pcommon.NewTimestampFromTime(f.opened)))
	}
	return batch{f.path, merged(e.build.Emit())}
}

// status says how the visit went, whether the target is up, and what the plan made of it.
func (e *emitter) status(t *target, s *planned, v *visit, at pcommon.Timestamp) {
	source := metadata.MapAttributeHeapgateScrapeSource[string(s.source)]
	if s == t.plan.lead() {
		up := int64(1)
		if v.err != nil {
			up = 0
		}
		e.build.RecordHeapgateTargetUpDataPoint(at, up)
	}
	e.build.RecordHeapgateScrapeDurationDataPoint(at, v.took.Seconds(), source)
	e.build.RecordHeapgateScrapeIntervalDataPoint(at, s.interval.Seconds(), source)
	if cost := s.cost(); cost > 0 {
		e.build.RecordHeapgateScrapeCostDataPoint(at, cost.Seconds(), source)
	}
	for failed, n := range t.errors {
		e.build.RecordHeapgateScrapeErrorsDataPoint(at, n, metadata.MapAttributeErrorType[failed.kind], metadata.MapAttributeHeapgateScrapeSource[string(failed.source)])
	}
}

func (e *emitter) memStats(m *heap.MemStats, v *visit, at pcommon.Timestamp) {
	b := e.build
	if v.maxPause > 0 {
		b.RecordHeapgateGcPauseMaxDataPoint(at, v.maxPause.Seconds())
	}
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

func (e *emitter) profile(h *heap.Snapshot, v *visit, at pcommon.Timestamp) {
	b := e.build
	b.RecordHeapgateProfileRateDataPoint(at, h.Rate)
	if h.Rate > 0 {
		b.RecordHeapgateProfileAllocatedDataPoint(at, h.Total.AllocBytes)
	}
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
		if s.LargestBytes > 0 && s.File != "" { // of many sites, the largest block says nothing
			b.RecordHeapgateSiteLargestDataPoint(at, s.LargestBytes, s.Function, class, where...)
		}
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
