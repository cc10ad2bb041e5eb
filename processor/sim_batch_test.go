// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// batch is what the receiver sends of the process at a moment, which its clock takes for `read`; tick counts its visits.
func (s *sim) batch(now, read time.Time, tick int) pmetric.Metrics {
	s.until(now)
	out := pmetric.NewMetrics()
	rm := out.ResourceMetrics().AppendEmpty()
	for key, v := range s.resource {
		rm.Resource().Attributes().PutStr(key, v)
	}
	scope := rm.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(receiverScope)
	w := simWriter{scope.Metrics(), pcommon.NewTimestampFromTime(read), pcommon.NewTimestampFromTime(s.heard)}
	s.memStats(w)
	s.profile(w)
	s.gctrace(w)
	w.number("heapgate.target.up", 1)
	if tick%5 == 0 {
		s.goroutines(w)
	}
	if tick%5 == 2 {
		s.cpuProfile(w)
	}
	if tick%30 == 3 {
		s.execTrace(w)
	}
	return out
}

type simWriter struct {
	metrics   pmetric.MetricSlice
	at, start pcommon.Timestamp
}

func (w simWriter) points(name string, n int) pmetric.NumberDataPointSlice {
	m := w.metrics.AppendEmpty()
	m.SetName(name)
	points := m.SetEmptyGauge().DataPoints()
	points.EnsureCapacity(n)
	return points
}

func (w simWriter) add(to pmetric.NumberDataPointSlice, v float64) pcommon.Map {
	p := to.AppendEmpty()
	p.SetTimestamp(w.at)
	p.SetStartTimestamp(w.start)
	p.SetDoubleValue(v)
	return p.Attributes()
}

func (w simWriter) number(name string, v float64) { w.add(w.points(name, 1), v) }

// labelled writes a point for each pair of a label and its value.
func (w simWriter) labelled(name, key string, labels []string, values ...float64) {
	points := w.points(name, len(labels))
	for i, label := range labels {
		w.add(points, values[i]).PutStr(key, label)
	}
}

// unix is a moment of the process as the clock of its host told it.
func (s *sim) unix(age float64) float64 {
	return float64(s.born.Add(s.host).UnixNano())/1e9 + age
}

func (s *sim) memStats(w simWriter) {
	live := s.live(s.last)
	heap := live + s.rate*(s.age-s.last)
	w.number("go.memory.gc.cycles", s.cycles)
	w.number("go.memory.allocated", math.Floor(s.allocated))
	w.number("go.memory.allocations", math.Floor(s.allocated/100))
	w.number("go.memory.gc.goal", s.goal(live))
	w.number("heapgate.gc.forced", 0)
	w.number("heapgate.gc.cpu_fraction", min(1, s.cpu/max(1, s.age*4)))
	w.number("heapgate.heap.alloc", heap)
	w.number("heapgate.heap.idle", heap*0.2)
	w.number("heapgate.heap.inuse", heap*1.05)
	w.number("heapgate.heap.released", heap*0.1)
	w.number("heapgate.heap.objects", heap/100)
	w.number("heapgate.process.rss.max", 2*heap+2e7)
	w.number("heapgate.process.start_time", s.unix(0))
	w.number("heapgate.container.memory.limit", 4e9)
	w.labelled("go.memory.used", "go.memory.type", []string{"stack", "other"}, 1e6, heap*1.2+1e7)
	if s.cycles > 0 {
		w.number("heapgate.gc.last", s.unix(s.last))
	}
	if s.cycles > 1 {
		w.number("heapgate.observed_until", s.unix(s.previous))
	}
	if s.longest > 0 {
		w.number("heapgate.gc.pause.max", s.longest)
	}
	m := w.metrics.AppendEmpty()
	m.SetName("go.memory.gc.pause.duration")
	m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := m.Histogram().DataPoints().AppendEmpty()
	p.SetTimestamp(w.at)
	p.SetStartTimestamp(w.start)
	p.ExplicitBounds().FromRaw(simBounds)
	p.BucketCounts().FromRaw(s.pauses)
	p.SetSum(s.paused)
}

func (s *sim) profile(w simWriter) {
	age := s.previous
	w.number("heapgate.profile.rate", memProfileRate)
	w.number("heapgate.profile.inuse", math.Floor(s.live(age)))
	w.number("heapgate.profile.allocated", math.Floor(s.rate*age))
	info := w.add(w.points("heapgate.runtime.info", 1), 1)
	info.PutStr("heapgate.runtime.version", "go1.24.4")
	info.PutStr("heapgate.runtime.maps", "swiss")
	for _, site := range s.sites {
		site.sample(s.rng, age)
	}
	each := func(name string, v func(*simSite) float64) {
		points := w.points(name, len(s.sites))
		for _, site := range s.sites {
			a := w.add(points, v(site))
			a.EnsureCapacity(4)
			a.PutStr("code.function.name", site.function)
			a.PutStr("code.file.path", "/src/github.com/example/shop/internal/cart/cart.go")
			a.PutInt("code.line.number", site.line)
			a.PutStr("heapgate.class", site.class)
		}
	}
	estimate := func(s *simSite) float64 { return math.Floor(s.samples * s.weight()) }
	each("heapgate.site.allocated", estimate)
	each("heapgate.site.allocations", func(s *simSite) float64 { return math.Floor(estimate(s) / s.block) })
	each("heapgate.site.inuse", func(s *simSite) float64 { return math.Floor(min(s.inuse(age), estimate(s))) })
	each("heapgate.site.inuse_objects", func(s *simSite) float64 { return math.Floor(min(s.inuse(age), estimate(s)) / s.block) })
	each("heapgate.site.samples", func(s *simSite) float64 { return s.samples })
	each("heapgate.site.stderr", func(s *simSite) float64 { return math.Sqrt(s.samples) * s.weight() })
	each("heapgate.site.largest", func(s *simSite) float64 { return s.block })
	families := w.points("heapgate.family.allocated", 3)
	objects := w.points("heapgate.family.allocations", 3)
	for i, family := range []string{"json", "fmt", "bytes"} {
		for points, v := range map[pmetric.NumberDataPointSlice]float64{families: s.rate * age * 0.1, objects: s.rate * age * 0.001} {
			a := w.add(points, math.Floor(v))
			a.PutStr("code.function.name", "main.render")
			a.PutStr("code.file.path", "/src/github.com/example/shop/page.go")
			a.PutInt("code.line.number", int64(10+i))
			a.PutStr("heapgate.family", family)
		}
	}
}

func (s *sim) gctrace(w simWriter) {
	if s.cycles == 0 {
		return
	}
	live := math.Floor(s.live(s.last)/(1<<20)) * (1 << 20)
	w.number("heapgate.gctrace.cycles", s.cycles)
	w.number("heapgate.gctrace.summed", s.cycles)
	w.number("heapgate.gc.elapsed", s.last)
	w.number("go.processor.limit", 4)
	w.number("heapgate.gc.over_goal", s.over)
	w.number("heapgate.gctrace.heap.live", live)
	w.number("heapgate.gctrace.heap.goal", math.Floor(s.goal(live)/(1<<20))*(1<<20))
	w.labelled("heapgate.gc.cpu.time", "heapgate.gc.work", []string{"sweep_term", "assist", "background", "idle", "mark_term"},
		0.01*s.cpu, 0.09*s.cpu, 0.89*s.cpu, s.cpu, 0.01*s.cpu)
	w.labelled("heapgate.gc.clock.time", "heapgate.gc.phase", []string{"sweep_term", "mark", "mark_term"}, 0.01*s.cpu, 0.3*s.cpu, 0.01*s.cpu)
	w.number("heapgate.gctrace.records", s.cycles)
}

// share of four processors that the GC takes.
func (s *sim) share() float64 { return min(0.9, s.cpu/max(1, s.last)/4) }

func (s *sim) cpuProfile(w simWriter) {
	w.number("heapgate.cpu.profile.samples", 1000)
	w.number("heapgate.cpu.profile.usage", 1)
	w.number("heapgate.gc.cpu.mark_share", s.share())
	w.number("heapgate.gc.cpu.total_share", s.share()*1.1)
	w.labelled("heapgate.cpu.profile.gc_share", "heapgate.gc.class", []string{"assist", "mark_bg", "sweep"}, s.share()*0.1, s.share()*0.9, s.share()*0.1)
}

func (s *sim) execTrace(w simWriter) {
	n := math.Floor(s.cycles / max(1, s.last)) // in its one second
	w.number("heapgate.trace.window", 1)
	w.number("heapgate.trace.gc.cycles", n)
	w.number("heapgate.trace.gc.time", min(1, n*0.01))
	if n == 0 {
		return
	}
	w.number("heapgate.trace.heap.goal", s.goal(s.live(s.last)))
	reasons := []string{"GC sweep termination", "GC mark termination", "read mem stats"}
	w.labelled("heapgate.trace.stw.time", "heapgate.stw.reason", reasons, n*s.pause/4, n*s.pause*3/4, 0.1)
	w.labelled("heapgate.trace.stw.max", "heapgate.stw.reason", reasons, s.pause/4, s.pause*3/4, 0.1)
	w.labelled("heapgate.trace.gc.blocked", "heapgate.goroutine.state", []string{"runnable"}, n*0.001)
}

func (s *sim) goroutines(w simWriter) {
	n := math.Floor(s.rooms(s.age))
	leaked := 0.0
	if s.leaks {
		leaked = n - 100
	}
	w.number("go.goroutine.count", n)
	w.labelled("heapgate.goroutine.by_state", "heapgate.goroutine.state", []string{"IO wait", "chan receive"}, n-leaked, leaked)
	for _, name := range []string{"heapgate.goroutine.site.count", "heapgate.goroutine.site.growth"} {
		points := w.points(name, 2)
		for i, state := range []string{"IO wait", "chan receive"} {
			a := w.add(points, []float64{n - leaked, leaked}[i])
			a.PutStr("code.function.name", fmt.Sprint("main.serve", i))
			a.PutStr("code.file.path", "/src/github.com/example/shop/serve.go")
			a.PutInt("code.line.number", int64(i))
			a.PutStr("heapgate.goroutine.state", state)
		}
	}
}
