// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heapgate/heapgate/internal/contention"
	"github.com/heapgate/heapgate/internal/cpu"
	"github.com/heapgate/heapgate/internal/exectrace"
	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/goroutine"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// where are the attributes of a site's file and line; none where they are not known.
func where(p gofunc.Place) []metadata.MetricAttributeOption {
	if p.File == "" {
		return nil
	}
	return []metadata.MetricAttributeOption{metadata.WithCodeFilePathMetricAttribute(p.File), metadata.WithCodeLineNumberMetricAttribute(int64(p.Line))}
}

// cpu writes shares of a CPU profile. One without samples says that the process did nothing, not that it had no GC.
func (e *emitter) cpu(r *cpu.Result, at pcommon.Timestamp) {
	b := e.build
	b.RecordHeapgateCPUProfileSamplesDataPoint(at, r.Program.Samples)
	b.RecordHeapgateCPUProfileUsageDataPoint(at, r.Usage)
	if r.Program.Samples == 0 {
		return
	}
	b.RecordHeapgateGcCPUMarkShareDataPoint(at, r.MarkShare.Share)
	b.RecordHeapgateGcCPUTotalShareDataPoint(at, r.TotalShare.Share)
	for _, c := range r.GC {
		b.RecordHeapgateCPUProfileGcShareDataPoint(at, c.Share.Share, metadata.MapAttributeHeapgateGcClass[string(c.Class)])
	}
	for i := range r.Sites {
		s := &r.Sites[i]
		b.RecordHeapgateCPUProfileMapShareDataPoint(at, s.Share.Share, s.Function, where(s.Place)...)
	}
	if r.Other.Samples > 0 {
		b.RecordHeapgateCPUProfileMapShareDataPoint(at, r.Other.Share, otherSite)
	}
}

// contention writes waits since the process started. A profile that the program does not take says nothing.
func (e *emitter) contention(r *contention.Result, at pcommon.Timestamp) {
	if !r.Enabled {
		return
	}
	kind := metadata.MapAttributeHeapgateContentionKind[string(r.Kind)]
	for i := range r.Sites {
		s := &r.Sites[i]
		e.build.RecordHeapgateContentionCountDataPoint(at, s.Count, s.Function, kind, where(s.Place)...)
		e.build.RecordHeapgateContentionTimeDataPoint(at, s.Delay.Seconds(), s.Function, kind, where(s.Place)...)
	}
	if r.Other.Count > 0 {
		e.build.RecordHeapgateContentionCountDataPoint(at, r.Other.Count, otherSite, kind)
		e.build.RecordHeapgateContentionTimeDataPoint(at, r.Other.Delay.Seconds(), otherSite, kind)
	}
}

// trace writes what happened in the traced window.
func (e *emitter) trace(r *exectrace.Result, at pcommon.Timestamp) {
	b := e.build
	b.RecordHeapgateTraceWindowDataPoint(at, r.Window.Seconds())
	for _, s := range r.STW {
		b.RecordHeapgateTraceStwCountDataPoint(at, int64(s.Count), s.Reason)
		b.RecordHeapgateTraceStwMaxDataPoint(at, s.Max.Seconds(), s.Reason)
		b.RecordHeapgateTraceStwTimeDataPoint(at, s.Time.Seconds(), s.Reason)
	}
	b.RecordHeapgateTraceGcCyclesDataPoint(at, int64(r.GC.Cycles))
	b.RecordHeapgateTraceGcTimeDataPoint(at, r.GC.Mark.Seconds())
	for i := range r.Assist.Sites {
		s := &r.Assist.Sites[i]
		b.RecordHeapgateTraceMarkAssistTimeDataPoint(at, s.Time.Seconds(), s.Function, where(s.Place)...)
	}
	if r.Assist.Other.Count > 0 {
		b.RecordHeapgateTraceMarkAssistTimeDataPoint(at, r.Assist.Other.Time.Seconds(), otherSite)
	}
	for _, w := range r.Waits {
		b.RecordHeapgateTraceGcBlockedDataPoint(at, w.Time.Seconds(), string(w.State))
	}
	if r.Goal.Count > 0 {
		b.RecordHeapgateTraceHeapGoalDataPoint(at, r.Goal.Max)
	}
}

// goroutines writes how many there are, what they wait for, and where they stand; of a leak profile, where.
func (e *emitter) goroutines(v *visit, at pcommon.Timestamp) {
	b, s := e.build, v.goroutines
	if s.Leak {
		for i := range s.Sites {
			site := &s.Sites[i]
			b.RecordHeapgateGoroutineLeakedDataPoint(at, site.Count, site.Function, placeOf(site)...)
		}
		return
	}
	b.RecordGoGoroutineCountDataPoint(at, s.Total)
	for state, n := range s.ByState {
		b.RecordHeapgateGoroutineByStateDataPoint(at, n, string(state))
	}
	inMap := map[gofunc.Place]int64{}
	for i := range v.goroutineSites {
		site := &v.goroutineSites[i]
		b.RecordHeapgateGoroutineSiteCountDataPoint(at, site.Count, site.Function, string(site.State), placeOf(&site.Site)...)
		b.RecordHeapgateGoroutineSiteGrowthDataPoint(at, site.Growth, site.Function, string(site.State), placeOf(&site.Site)...)
		if site.InMap > 0 {
			inMap[gofunc.Place{Function: site.Function, File: site.File, Line: site.Line}] += site.InMap
		}
	}
	for place, n := range inMap {
		b.RecordHeapgateGoroutineInMapDataPoint(at, n, place.Function, where(place)...)
	}
}

func placeOf(s *goroutine.Site) []metadata.MetricAttributeOption {
	return where(gofunc.Place{Function: s.Function, File: s.File, Line: s.Line})
}
