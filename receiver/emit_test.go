// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/heapgate/heapgate/internal/contention"
	"github.com/heapgate/heapgate/internal/cpu"
	"github.com/heapgate/heapgate/internal/exectrace"
	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/goroutine"
	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// said are the lines `name{attributes} value` of a batch, without those about the visit itself.
func said(metrics pmetric.Metrics) (lines []string) {
	for _, m := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if strings.HasPrefix(m.Name(), "heapgate.scrape.") || m.Name() == "heapgate.target.up" {
			continue
		}
		for _, p := range points(m).All() {
			value := fmt.Sprint(p.DoubleValue())
			if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
				value = fmt.Sprint(p.IntValue())
			}
			lines = append(lines, m.Name()+attributesOf(p.Attributes())+" "+value)
		}
	}
	slices.Sort(lines)
	return lines
}

func attributesOf(attrs pcommon.Map) string {
	var all []string
	for name, value := range attrs.All() {
		all = append(all, name[strings.LastIndexByte(name, '.')+1:]+"="+value.AsString())
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return "{" + strings.Join(all, ",") + "}"
}

func TestSourcesAreEmitted(t *testing.T) {
	at := gofunc.Place{Function: "main.work", File: "/src/main.go", Line: 42}
	for _, c := range []struct {
		name string
		v    visit
		want []string
	}{
		{"cpu", visit{source: sourceCPUProfile, cpu: &cpu.Result{
			Program: cpu.Share{Share: 1, Samples: 200}, Usage: 1.5,
			GC:        []cpu.ClassShare{{Class: cpu.Assist, Share: cpu.Share{Share: 0.05}}, {Class: cpu.MarkBG, Share: cpu.Share{Share: 0.2}}},
			MarkShare: cpu.Share{Share: 0.25}, TotalShare: cpu.Share{Share: 0.3},
			Sites: []cpu.Site{{Place: at, Share: cpu.Share{Share: 0.1}}}, Other: cpu.Share{Share: 0.01, Samples: 2},
		}}, []string{
			"heapgate.cpu.profile.gc_share{class=assist} 0.05", "heapgate.cpu.profile.gc_share{class=mark_bg} 0.2",
			"heapgate.cpu.profile.map_share{name=main.work,number=42,path=/src/main.go} 0.1", "heapgate.cpu.profile.map_share{name=other} 0.01",
			"heapgate.cpu.profile.samples 200", "heapgate.cpu.profile.usage 1.5", "heapgate.gc.cpu.mark_share 0.25", "heapgate.gc.cpu.total_share 0.3",
		}},
		{"a process that did nothing has no share of GC", visit{source: sourceCPUProfile, cpu: &cpu.Result{}}, []string{
			"heapgate.cpu.profile.samples 0", "heapgate.cpu.profile.usage 0",
		}},
		{"mutex", visit{source: sourceMutexProfile, contention: &contention.Result{
			Kind: contention.Mutex, Enabled: true,
			Sites: []contention.Site{{Place: at, Totals: contention.Totals{Count: 7, Delay: 1500 * time.Millisecond}}},
			Other: contention.Totals{Count: 1, Delay: time.Second},
		}}, []string{
			"heapgate.contention.count{kind=mutex,name=main.work,number=42,path=/src/main.go} 7", "heapgate.contention.count{kind=mutex,name=other} 1",
			"heapgate.contention.time{kind=mutex,name=main.work,number=42,path=/src/main.go} 1.5", "heapgate.contention.time{kind=mutex,name=other} 1",
		}},
		{"a profile that the program does not take is no zero", visit{source: sourceBlockProfile, contention: &contention.Result{Kind: contention.Block}}, nil},
		{"trace", visit{source: sourceExecTrace, trace: &exectrace.Result{
			Window: time.Second,
			STW:    []exectrace.STW{{Reason: "GC mark termination", Count: 3, Time: 3 * time.Millisecond, Max: 2 * time.Millisecond}},
			GC:     exectrace.GC{Cycles: 2, Mark: 200 * time.Millisecond},
			Assist: exectrace.Assist{Sites: []exectrace.Site{{Place: at, Totals: exectrace.Totals{Count: 1, Time: 40 * time.Millisecond}}}},
			Waits:  []exectrace.Wait{{State: exectrace.Select, Time: 3 * time.Second, Idle: 9 * time.Second}},
			Goal:   exectrace.Gauge{Last: 1, Max: 4 << 20, Count: 2},
		}}, []string{
			"heapgate.trace.gc.blocked{state=select} 3", "heapgate.trace.gc.cycles 2", "heapgate.trace.gc.time 0.2", "heapgate.trace.heap.goal 4194304",
			"heapgate.trace.mark_assist.time{name=main.work,number=42,path=/src/main.go} 0.04",
			"heapgate.trace.stw.count{reason=GC mark termination} 3", "heapgate.trace.stw.max{reason=GC mark termination} 0.002", "heapgate.trace.stw.time{reason=GC mark termination} 0.003",
			"heapgate.trace.window 1",
		}},
		{"goroutines", visit{source: sourceGoroutines, goroutines: &goroutine.Snapshot{Total: 12, ByState: map[goroutine.State]int64{goroutine.Select: 9, goroutine.Runnable: 2}}, goroutineSites: []goroutine.EmittedSite{
			{Site: goroutine.Site{Function: "main.work", File: "/src/main.go", Line: 42, State: goroutine.Select, Count: 9}, Growth: 4},
			{Site: goroutine.Site{Function: "main.work", File: "/src/main.go", Line: 42, State: goroutine.Runnable, Count: 2, InMap: 2}, Growth: -1},
			{Site: goroutine.Site{Function: goroutine.OtherSite, State: goroutine.Select}, Growth: -3},
		}}, []string{
			"go.goroutine.count 12", "heapgate.goroutine.by_state{state=runnable} 2", "heapgate.goroutine.by_state{state=select} 9",
			"heapgate.goroutine.in_map{name=main.work,number=42,path=/src/main.go} 2",
			"heapgate.goroutine.site.count{name=main.work,number=42,path=/src/main.go,state=runnable} 2", "heapgate.goroutine.site.count{name=main.work,number=42,path=/src/main.go,state=select} 9",
			"heapgate.goroutine.site.count{name=other,state=select} 0",
			"heapgate.goroutine.site.growth{name=main.work,number=42,path=/src/main.go,state=runnable} -1", "heapgate.goroutine.site.growth{name=main.work,number=42,path=/src/main.go,state=select} 4",
			"heapgate.goroutine.site.growth{name=other,state=select} -3",
		}},
		{"heap text", visit{source: sourceHeapText, heap: &heap.Snapshot{
			Rate: 524288, MemStats: heap.MemStats{NumGC: 3}, Total: heap.Totals{AllocBytes: 900, InuseBytes: 100}, Runtime: heap.Runtime{Maps: heap.SwissMaps, Version: "go1.26.8"},
		}, memStats: nil, sites: []emittedSite{
			{heap.Site{Function: "main.put", File: "/src/main.go", Line: 42, Class: heap.MapGrow, AllocBytes: 800, AllocObjects: 2, InuseBytes: 90, InuseObjects: 1, Samples: 2, StdErrBytes: 7, LargestBytes: 512}},
			{heap.Site{Function: otherSite, Class: heap.MapGrow, LargestBytes: 256}},
		}, families: []emittedSite{
			{heap.Site{Function: "main.log", File: "/src/main.go", Line: 7, Class: "logging", AllocBytes: 70, AllocObjects: 3}},
			{heap.Site{Function: otherSite, Class: "json", AllocBytes: 30, AllocObjects: 1}},
		}}, []string{
			"heapgate.family.allocated{family=json,name=other} 30", "heapgate.family.allocated{family=logging,name=main.log,number=7,path=/src/main.go} 70",
			"heapgate.family.allocations{family=json,name=other} 1", "heapgate.family.allocations{family=logging,name=main.log,number=7,path=/src/main.go} 3",
			"heapgate.profile.allocated 900", "heapgate.profile.inuse 100", "heapgate.profile.rate 524288", "heapgate.runtime.info{maps=swiss,version=go1.26.8} 1",
			"heapgate.site.allocated{class=map_grow,name=main.put,number=42,path=/src/main.go} 800", "heapgate.site.allocated{class=map_grow,name=other} 0",
			"heapgate.site.allocations{class=map_grow,name=main.put,number=42,path=/src/main.go} 2", "heapgate.site.allocations{class=map_grow,name=other} 0",
			"heapgate.site.inuse_objects{class=map_grow,name=main.put,number=42,path=/src/main.go} 1", "heapgate.site.inuse_objects{class=map_grow,name=other} 0",
			"heapgate.site.inuse{class=map_grow,name=main.put,number=42,path=/src/main.go} 90", "heapgate.site.inuse{class=map_grow,name=other} 0",
			"heapgate.site.largest{class=map_grow,name=main.put,number=42,path=/src/main.go} 512",
			"heapgate.site.samples{class=map_grow,name=main.put,number=42,path=/src/main.go} 2", "heapgate.site.samples{class=map_grow,name=other} 0",
			"heapgate.site.stderr{class=map_grow,name=main.put,number=42,path=/src/main.go} 7", "heapgate.site.stderr{class=map_grow,name=other} 0",
		}},
		{"a process without samples allocated nothing that is known", visit{source: sourceHeapText, heap: &heap.Snapshot{Runtime: heap.Runtime{Maps: heap.UnknownMaps}}}, []string{
			"heapgate.profile.rate 0", "heapgate.runtime.info{maps=unknown,version=} 1",
		}},
		{"a protobuf profile shows no runtime", visit{source: sourceHeapProfile, heap: &heap.Snapshot{Rate: 1, Total: heap.Totals{AllocBytes: 5}}}, []string{
			"heapgate.profile.allocated 5", "heapgate.profile.rate 1",
		}},
		{"leak", visit{source: sourceGoroutineLeak, goroutines: &goroutine.Snapshot{
			Leak: true, Sites: []goroutine.Site{{Function: "main.leak", File: "/src/main.go", Line: 9, Count: 3, State: "chan_receive"}},
		}}, []string{"heapgate.goroutine.leaked{name=main.leak,number=9,path=/src/main.go} 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEmitter(metadata.NewDefaultMetricsBuilderConfig(), receivertest.NewNopSettings(metadata.Type))
			target := &target{id: "x", resource: pcommon.NewResource(), plan: newPlan("x", epoch, []configuredSource{{c.v.source, time.Minute, 0}}, 1), process: &process{firstHeard: epoch}}
			c.v.at = epoch
			if diff := cmp.Diff(c.want, said(e.emit(target, target.plan.lead(), &c.v, nil).metrics)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
