// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// sink keeps the newest batch of each target's first source, and of each other one.
type sink struct {
	mu     sync.Mutex
	newest map[string]pmetric.Metrics
	others map[string]map[string]pmetric.Metrics // by target and source
	refuse error
}

func (*sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeMetrics(_ context.Context, m pmetric.Metrics) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	id, _ := m.ResourceMetrics().At(0).Resource().Attributes().Get(attrInstanceID)
	copied := pmetric.NewMetrics()
	m.CopyTo(copied)
	_, first := find(copied, "heapgate.target.up", "")
	if _, known := s.newest[id.Str()]; first || !known {
		s.newest[id.Str()] = copied
		return nil
	}
	if s.others == nil {
		s.others = map[string]map[string]pmetric.Metrics{}
	}
	if s.others[id.Str()] == nil {
		s.others[id.Str()] = map[string]pmetric.Metrics{}
	}
	s.others[id.Str()][sourceIn(copied)] = copied
	return nil
}

// sourceIn is the source that a batch tells of; of gctrace alone it is empty.
func sourceIn(batch pmetric.Metrics) string {
	p, ok := find(batch, "heapgate.scrape.duration", "")
	if !ok {
		return ""
	}
	source, _ := p.Attributes().Get("heapgate.scrape.source")
	return source.Str()
}

// value finds one number of a target: `name` or `name{attribute=value}`.
func (s *sink) value(target, name string) (float64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, label, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	for _, batch := range s.batches(target) {
		if p, ok := find(batch, name, label); ok {
			if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
				return float64(p.IntValue()), true
			}
			return p.DoubleValue(), true
		}
	}
	return 0, false
}

// batches are the newest ones of a target, that of the first source before the others.
func (s *sink) batches(target string) []pmetric.Metrics {
	batch, ok := s.newest[target]
	if !ok {
		return nil
	}
	return append([]pmetric.Metrics{batch}, slices.Collect(maps.Values(s.others[target]))...)
}

// find finds the first data point of a metric with an attribute, `key=value` or nothing.
func find(batch pmetric.Metrics, name, label string) (pmetric.NumberDataPoint, bool) {
	key, want, _ := strings.Cut(label, "=")
	for _, scope := range batch.ResourceMetrics().At(0).ScopeMetrics().All() {
		for _, m := range scope.Metrics().All() {
			if m.Name() != name {
				continue
			}
			for _, p := range points(m).All() {
				got, _ := p.Attributes().Get(key)
				if key != "" && got.AsString() != want {
					continue
				}
				return p, true
			}
		}
	}
	return pmetric.NumberDataPoint{}, false
}

func points(m pmetric.Metric) pmetric.NumberDataPointSlice {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints()
	default:
		return pmetric.NewNumberDataPointSlice()
	}
}

func (s *sink) wait(t *testing.T, target, name string, holds func(float64) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if v, ok := s.value(target, name); ok && holds(v) {
			return
		}
		if time.Now().After(deadline) {
			v, ok := s.value(target, name)
			t.Fatalf("%s of %s never came to hold; it is %v (present: %v)", name, target, v, ok)
		}
	}
}

func is(want float64) func(float64) bool { return func(got float64) bool { return got == want } }

// run starts a receiver for the targets and stops it when the test ends.
func run(t *testing.T, next *sink, targets ...TargetConfig) *Config {
	t.Helper()
	cfg := createDefaultConfig()
	cfg.CollectionInterval = 100 * time.Millisecond
	cfg.HTTP.Timeout, cfg.Cost.MaxCPUShare = 2*time.Second, 1
	cfg.Targets = targets
	start(t, next, cfg)
	return cfg
}

func start(t *testing.T, next *sink, cfg *Config) {
	t.Helper()
	startWith(t, next, cfg, receivertest.NewNopSettings(NewFactory().Type()), componenttest.NewNopHost())
}

func startWith(t *testing.T, next *sink, cfg *Config, set receiver.Settings, host component.Host) (stop func()) {
	t.Helper()
	if next.newest == nil {
		next.newest = map[string]pmetric.Metrics{}
	}
	r, err := NewFactory().CreateMetrics(t.Context(), set, cfg, next)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := r.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func server(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func targetAt(id, url string) TargetConfig {
	return TargetConfig{ID: id, URL: url, Workload: WorkloadConfig{Namespace: "shop", Name: "api"}}
}

// heapText is a heap text of a process with the given GC cycles and allocation.
func heapText(numGC, totalAlloc uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "heap profile: 1: 1048576 [2: 2097152] @ heap/1048576\n")
	fmt.Fprintf(&b, "1: 1048576 [2: 2097152] @ 0x45a0f1\n#\t0x45a0f0\tmain.work+0x10\t/src/main.go:42\n\n")
	fmt.Fprintf(&b, "# runtime.MemStats\n# Alloc = 1048576\n# TotalAlloc = %d\n# Sys = 9000000\n# Lookups = 0\n# Mallocs = %d\n# Frees = 10\n", totalAlloc, totalAlloc/100)
	fmt.Fprintf(&b, "# HeapAlloc = 1048576\n# HeapSys = 4194304\n# HeapIdle = 1000000\n# HeapInuse = 3000000\n# HeapReleased = 500000\n# HeapObjects = 100\n")
	fmt.Fprintf(&b, "# Stack = 300000 / 300000\n# MSpan = 1 / 2\n# MCache = 1 / 2\n# BuckHashSys = 1\n# GCSys = 1\n# OtherSys = 1\n# NextGC = 4194304\n# LastGC = %d\n", numGC*1e9)
	ring := func(value func(cycle uint64) uint64) string {
		var slots [256]uint64
		for n := uint64(1); n <= numGC; n++ {
			slots[(n+255)%256] = value(n)
		}
		return fmt.Sprint(slots)
	}
	fmt.Fprintf(&b, "# PauseNs = %s\n# PauseEnd = %s\n", ring(func(uint64) uint64 { return 50_000 }), ring(func(n uint64) uint64 { return n * 1e9 }))
	fmt.Fprintf(&b, "# NumGC = %d\n# NumForcedGC = 0\n# GCCPUFraction = 0.01\n# DebugGC = false\n# MaxRSS = 12000000\n", numGC)
	return b.String()
}

// fake serves heap texts made by the function, and nothing else of pprof.
func fake(text func() string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/heap", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text()) })
	mux.HandleFunc("/debug/pprof/goroutine", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "goroutine profile: total 7") })
	return mux
}

func TestRealProcessIsHeard(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	var out sink
	real := targetAt("real", server(t, mux))
	real.MemoryLimit, real.ContainerMemoryLimit = 1<<30, 2<<30
	run(t, &out, real)
	out.wait(t, "real", "heapgate.target.up", is(1))
	for name, least := range map[string]float64{
		"go.memory.allocated": 1000, "go.memory.allocations": 10, "go.memory.gc.goal": 1 << 20, "go.goroutine.count": 1,
		"go.memory.used{go.memory.type=stack}": 1, "go.memory.used{go.memory.type=other}": 1, "heapgate.profile.rate": 1,
	} {
		out.wait(t, "real", name, func(v float64) bool { return v >= least })
	}
	out.wait(t, "real", "heapgate.memory.limit", is(1<<30))
	out.wait(t, "real", "heapgate.container.memory.limit", is(2<<30))
	out.wait(t, "real", "heapgate.runtime.info{heapgate.runtime.maps=swiss}", is(1))
	out.wait(t, "real", "heapgate.profile.allocated", func(v float64) bool { return v > 0 })
}

func TestSickTargetsAreNamedAndDelayNobody(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	sick := map[string]http.HandlerFunc{
		"http_status": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"not_pprof":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>login</html>") },
		"timeout": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
		"truncated": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, heapText(3, 1000)[:1500]) },
	}
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
	}
	targets := []TargetConfig{targetAt("redirect", server(t, http.HandlerFunc(redirect))), targetAt("refused", "http://127.0.0.1:1")}
	for id, handler := range sick {
		targets = append(targets, targetAt(id, server(t, handler)))
	}
	targets = append(targets, targetAt("healthy", server(t, fake(func() string { return heapText(3, 1000) }))))
	var out sink
	run(t, &out, targets...)
	out.wait(t, "healthy", "heapgate.target.up", is(1))
	for id := range sick {
		out.wait(t, id, "heapgate.scrape.errors{error.type="+id+"}", func(n float64) bool { return n >= 1 })
		out.wait(t, id, "heapgate.target.up", is(0))
	}
	out.wait(t, "redirect", "heapgate.scrape.errors{error.type=http_status}", func(n float64) bool { return n >= 1 })
	out.wait(t, "refused", "heapgate.scrape.errors{error.type=refused}", func(n float64) bool { return n >= 1 })
}

func TestNoNewCycleRepeatsAndRestartStartsAfresh(t *testing.T) {
	var numGC atomic.Uint64
	numGC.Store(5)
	var out sink
	run(t, &out, targetAt("p", server(t, fake(func() string { return heapText(numGC.Load(), 1000*numGC.Load()) }))))
	out.wait(t, "p", "go.memory.gc.cycles", is(5))
	first := out.startOf("p", "go.memory.gc.cycles")
	before, _ := out.value("p", "heapgate.site.allocated{code.function.name=main.work}")
	time.Sleep(300 * time.Millisecond)
	if again, _ := out.value("p", "heapgate.site.allocated{code.function.name=main.work}"); again != before || before == 0 {
		t.Errorf("site value went from %v to %v without a GC cycle", before, again)
	}
	if out.startOf("p", "go.memory.gc.cycles") != first {
		t.Error("the start of a cumulative series moved although the process is the same")
	}
	numGC.Store(2)
	out.wait(t, "p", "go.memory.gc.cycles", is(2))
	if out.startOf("p", "go.memory.gc.cycles") <= first {
		t.Error("the restarted process kept the old start of its cumulative series")
	}
}

func (s *sink) startOf(target, name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, batch := range s.batches(target) {
		if p, ok := find(batch, name, ""); ok {
			return int64(p.StartTimestamp())
		}
	}
	return 0
}

func TestRefusingConsumerLosesNothing(t *testing.T) {
	var numGC atomic.Uint64
	numGC.Store(1)
	out := sink{refuse: errors.New("full")}
	run(t, &out, targetAt("p", server(t, fake(func() string { return heapText(numGC.Load(), 1000) }))))
	time.Sleep(300 * time.Millisecond)
	numGC.Store(9)
	time.Sleep(300 * time.Millisecond)
	out.mu.Lock()
	out.refuse = nil
	out.mu.Unlock()
	out.wait(t, "p", "go.memory.gc.cycles", is(9))
	out.mu.Lock()
	defer out.mu.Unlock()
	for _, m := range out.newest["p"].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Name() == pauseMetric && m.Histogram().DataPoints().At(0).Count() != 9 {
			t.Errorf("%d pauses in the histogram; want all 9 although batches were refused", m.Histogram().DataPoints().At(0).Count())
		}
	}
}

func TestProcessWithoutSamplesClaimsNoLiveHeap(t *testing.T) {
	var out sink
	text := strings.Replace(heapText(3, 1000), "@ heap/1048576", "@ heap/0", 1)
	run(t, &out, targetAt("p", server(t, fake(func() string { return text }))))
	out.wait(t, "p", "heapgate.profile.rate", is(0))
	if v, ok := out.value("p", "heapgate.profile.inuse"); ok {
		t.Errorf("live heap %v is claimed without a sample", v)
	}
}
