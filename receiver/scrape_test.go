// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"expvar"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/collector/receiver/xreceiver"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// goProcess serves this process's own pages, and tells which of them were asked at once.
type goProcess struct {
	mux    *http.ServeMux
	inside sync.Map // page -> *atomic.Int64
	clash  atomic.Value
}

func newGoProcess() *goProcess {
	p := &goProcess{mux: http.NewServeMux()}
	p.mux.HandleFunc("/debug/pprof/", pprof.Index)
	p.mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	p.mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	p.mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	p.mux.Handle("/debug/vars", expvar.Handler())
	return p
}

func (p *goProcess) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, _ := p.inside.LoadOrStore(r.URL.Path, new(atomic.Int64))
	page.(*atomic.Int64).Add(1)
	p.inside.Range(func(path, n any) bool {
		if path != r.URL.Path && n.(*atomic.Int64).Load() > 0 {
			p.clash.Store(r.URL.Path + " beside " + path.(string))
		}
		return true
	})
	p.mux.ServeHTTP(w, r)
	page.(*atomic.Int64).Add(-1)
}

// profileSink keeps the kinds of profiles that came.
type profileSink struct {
	mu    sync.Mutex
	kinds map[string]int
}

func (*profileSink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *profileSink) ConsumeProfiles(_ context.Context, p pprofile.Profiles) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dictionary := p.Dictionary()
	for _, attribute := range dictionary.AttributeTable().All() {
		if dictionary.StringTable().At(int(attribute.KeyStrindex())) == "heapgate.profile.kind" {
			s.kinds[attribute.Value().AsString()]++
		}
	}
	return nil
}

func (s *profileSink) has(kinds ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range kinds {
		if s.kinds[kind] == 0 {
			return false
		}
	}
	return true
}

// work keeps the process busy with garbage, a map that grows, and a mutex.
func work(t *testing.T) {
	t.Helper()
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	stop := make(chan struct{})
	var running sync.WaitGroup
	var mu sync.Mutex
	grown := map[int][]byte{}
	for worker := range 2 {
		running.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				grown[i%100_000*2+worker] = make([]byte, 64)
				mu.Unlock()
			}
		})
	}
	t.Cleanup(func() {
		close(stop)
		running.Wait()
		runtime.SetMutexProfileFraction(0)
		runtime.SetBlockProfileRate(0)
	})
}

func TestEverySourceOfARealProcess(t *testing.T) {
	work(t)
	process := newGoProcess()
	url := httptest.NewServer(process)
	t.Cleanup(url.Close)
	cfg := createDefaultConfig()
	cfg.CollectionInterval, cfg.Cost.MaxCPUShare = time.Second, 1
	on := SourceConfig{Enabled: true}
	cfg.Sources = SourcesConfig{
		HeapText: on, Vars: VarsConfig{SourceConfig: on}, HeapProfile: on, Goroutine: on, GoroutineLeak: on, Mutex: on, Block: on,
		CPU:   CPUConfig{SourceConfig{true, 4 * time.Second}, time.Second},
		Trace: TraceConfig{SourceConfig{true, 4 * time.Second}, 200 * time.Millisecond, 64 << 20},
	}
	cfg.Targets = []TargetConfig{targetAt("busy", url.URL)}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	factory, set := NewFactory(), receivertest.NewNopSettings(NewFactory().Type())
	out, profiles := sink{newest: map[string]pmetric.Metrics{}}, profileSink{kinds: map[string]int{}}
	metrics, err := factory.CreateMetrics(t.Context(), set, cfg, &out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := factory.(xreceiver.Factory).CreateProfiles(t.Context(), set, cfg, &profiles); err != nil {
		t.Fatal(err)
	}
	if err := metrics.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := metrics.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	some := func(v float64) bool { return v > 0 }
	for _, name := range []string{
		"go.memory.gc.cycles", "heapgate.site.allocated", "go.goroutine.count", "heapgate.goroutine.by_state",
		"heapgate.cpu.profile.samples", "heapgate.gc.cpu.mark_share", "heapgate.cpu.profile.usage", "heapgate.contention.time{heapgate.contention.kind=mutex}",
		"heapgate.contention.count{heapgate.contention.kind=block}", "heapgate.trace.window", "heapgate.trace.stw.count", "heapgate.trace.gc.time",
	} {
		out.wait(t, "busy", name, some)
	}
	for deadline := time.Now().Add(20 * time.Second); !profiles.has("heap", "cpu", "mutex", "block"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("profiles of the kinds %v came, want heap, cpu, mutex and block", profiles.kinds)
		}
	}
	if clash := process.clash.Load(); clash != nil {
		t.Errorf("two pages were asked at once: %s", clash)
	}
}

// A program that has no page, or whose profiler is taken, is up, and nobody is told.
func TestAbsentAndTakenPagesAreNoNews(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/heap", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(heapText(3, 1000))) })
	mux.HandleFunc("/debug/pprof/profile", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Go-Pprof", "1")
		http.Error(w, "Could not enable CPU profiling: cpu profiling already in use", http.StatusInternalServerError)
	})
	cfg := createDefaultConfig()
	cfg.CollectionInterval, cfg.Cost.MaxCPUShare = 100*time.Millisecond, 1
	cfg.Sources.Vars.Enabled = true
	cfg.Sources.CPU = CPUConfig{SourceConfig{true, 2 * time.Second}, time.Second}
	cfg.Targets = []TargetConfig{targetAt("plain", server(t, mux))}
	var out sink
	telemetry := observe(t, &out, cfg)
	out.wait(t, "plain", "heapgate.target.up", is(1))
	for _, want := range []struct{ source, result string }{{"cpu", "busy"}, {"vars", "absent"}, {"goroutine", "absent"}} {
		for deadline := time.Now().Add(20 * time.Second); scraped(t, telemetry, want.source, want.result) == 0; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no visit of %s was counted as %s", want.source, want.result)
			}
		}
	}
	if v, ok := out.value("plain", "heapgate.scrape.errors"); ok {
		t.Errorf("%v errors are told of a program that has none of these pages", v)
	}
	out.wait(t, "plain", "heapgate.target.up", is(1))
}

// scraped is how many visits of a source came to a result.
func scraped(t *testing.T, telemetry *componenttest.Telemetry, source, result string) (sum int64) {
	t.Helper()
	m, err := telemetry.GetMetric("otelcol_receiver_go_runtime_scrapes")
	if err != nil {
		return 0
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		of, _ := p.Attributes.Value("source")
		came, _ := p.Attributes.Value("result")
		if of.AsString() == source && came.AsString() == result {
			sum += p.Value
		}
	}
	return sum
}
