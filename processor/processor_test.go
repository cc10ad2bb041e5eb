// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processortest"
	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

func newTestProcessor(t testing.TB) *goSignals {
	t.Helper()
	return newProcessorOf(t, createDefaultConfig())
}

func newProcessorOf(t testing.TB, cfg *Config) *goSignals {
	t.Helper()
	set := processortest.NewNopSettings(metadata.Type)
	common, err := newComponents().join(set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProcessor(set, cfg, common)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scrape is the i-th scrape of a target, 15 s and two GCs after the one before, with as many map sites and three times as many others.
func scrape(target string, i, sites int) pmetric.Metrics {
	batch := pmetric.NewMetrics()
	rm := batch.ResourceMetrics().AppendEmpty()
	for _, key := range []string{"service.name", "service.instance.id", "k8s.namespace.name", "k8s.cluster.name", "process.runtime.name"} {
		rm.Resource().Attributes().PutStr(key, target)
	}
	scope := rm.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(receiverScope)
	into := scope.Metrics()
	at := pcommon.Timestamp(epoch+15*i) * 1e9
	number := func(name string, v float64) pmetric.NumberDataPoint {
		var m pmetric.Metric
		if n := into.Len(); n > 0 && into.At(n-1).Name() == name {
			m = into.At(n - 1)
		} else {
			m = into.AppendEmpty()
			m.SetName(name)
			m.SetEmptyGauge()
		}
		p := m.Gauge().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetStartTimestamp(1)
		p.SetDoubleValue(v)
		return p
	}
	seconds := float64(epoch + 15*i)
	number("go.memory.gc.cycles", float64(10+2*i))
	number("go.memory.allocated", 1e6*float64(i))
	number("heapgate.observed_until", seconds-5)
	number("heapgate.gc.last", seconds-1)
	number("heapgate.process.start_time", epoch-100)
	number("heapgate.gc.cpu_fraction", 0.1)
	number("heapgate.gc.pause.max", 0.001)
	number("heapgate.profile.inuse", 1e8)
	h := into.AppendEmpty()
	h.SetName("go.memory.gc.pause.duration")
	h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := h.Histogram().DataPoints().AppendEmpty()
	p.ExplicitBounds().FromRaw([]float64{1e-4, 1e-3, 1e-2, 1e-1})
	p.BucketCounts().FromRaw([]uint64{uint64(i), uint64(i), 0, 0, 0})
	for _, name := range []string{"allocated", "allocations", "inuse", "inuse_objects", "samples", "stderr"} {
		for s := range 4 * sites {
			class := "map_grow"
			if s%4 != 0 {
				class = "value"
			}
			a := number("heapgate.site."+name, 1e6*float64(i+1)).Attributes()
			a.PutStr("code.function.name", fmt.Sprint("main.function", s))
			a.PutStr("code.file.path", "/src/github.com/example/shop/internal/cart/cart.go")
			a.PutInt("code.line.number", int64(s))
			a.PutStr("heapgate.class", class)
		}
	}
	number("heapgate.gctrace.cycles", float64(10+2*i))
	number("heapgate.gc.elapsed", 100+15*float64(i))
	for _, work := range []string{"sweep_term", "assist", "background", "idle", "mark_term"} {
		number("heapgate.gc.cpu.time", float64(i)).Attributes().PutStr("heapgate.gc.work", work)
	}
	number("go.processor.limit", 4)
	number("heapgate.gc.over_goal", float64(i))
	number("heapgate.gctrace.heap.live", 1e8)
	return batch
}

// signalsOf is the text of what was appended, sorted.
func signalsOf(t *testing.T, before, after pmetric.Metrics) []string {
	t.Helper()
	var out strings.Builder
	writeAppended(&out, takeAppended(t, before, after))
	var lines []string
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "  resource") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func send(t *testing.T, p *goSignals, batches ...pmetric.Metrics) (lines []string) {
	t.Helper()
	for _, batch := range batches {
		before := pmetric.NewMetrics()
		batch.CopyTo(before)
		after, err := p.process(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, signalsOf(t, before, after)...)
	}
	slices.Sort(lines)
	return lines
}

// split moves the gctrace metrics into a resource of their own.
func split(batch pmetric.Metrics) (heap, trace pmetric.Metrics) {
	trace = pmetric.NewMetrics()
	batch.CopyTo(trace)
	keep := func(m pmetric.Metrics, wanted bool) {
		m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().RemoveIf(func(m pmetric.Metric) bool {
			ofTrace := strings.Contains(m.Name(), "gctrace") || slices.Contains([]string{"heapgate.gc.elapsed", "heapgate.gc.cpu.time", "go.processor.limit", "heapgate.gc.over_goal"}, m.Name())
			return ofTrace != wanted
		})
	}
	keep(batch, false)
	keep(trace, true)
	return batch, trace
}

// TestSplitBatches: one batch, one batch with two resources, two batches: the same signals, once both halves were heard a few
// times. Before, a state may stand on one of them.
func TestSplitBatches(t *testing.T) {
	const halves = 3
	whole, resources, batches := newTestProcessor(t), newTestProcessor(t), newTestProcessor(t)
	for i := range 20 {
		want := send(t, whole, scrape("a", i, 3))
		if i > 3 && len(want) < 30 {
			t.Fatalf("scrape %d: only %d signals", i, len(want))
		}
		heap, trace := split(scrape("a", i, 3))
		if diff := cmp.Diff(want, send(t, batches, heap, trace)); diff != "" && i >= halves {
			t.Fatalf("two batches: -want +got:\n%s", diff)
		}
		heap, trace = split(scrape("a", i, 3))
		trace.ResourceMetrics().MoveAndAppendTo(heap.ResourceMetrics())
		if diff := cmp.Diff(want, send(t, resources, heap)); diff != "" && i >= halves {
			t.Fatalf("two resources: -want +got:\n%s", diff)
		}
	}
}

// TestConcurrent: batches of many targets at once lead to what they lead to one after the other.
func TestConcurrent(t *testing.T) {
	const targets, scrapes = 16, 20
	alone := newTestProcessor(t)
	var want []string
	for i := range scrapes {
		want = append(want, send(t, alone, scrape("a", i, 3))...)
	}
	p := newTestProcessor(t)
	got := make([][]string, targets)
	var wg sync.WaitGroup
	for n := range targets {
		wg.Go(func() {
			for i := range scrapes {
				got[n] = append(got[n], send(t, p, scrape(fmt.Sprint("target", n), i, 3))...)
			}
		})
	}
	wg.Wait()
	for n := range got {
		if diff := cmp.Diff(want, got[n]); diff != "" {
			t.Fatalf("target %d: -alone +concurrent:\n%s", n, diff)
		}
	}
	if held, _ := p.state.held(); held != targets {
		t.Errorf("%d targets held, want %d", held, targets)
	}
}

// oneOfEach signal, with all that a signal can have.
func oneOfEach() (all []signal.Signal) {
	site := signal.SiteKey{Function: "main.f", File: "main.go", Line: 7, Class: "class"}
	for n := range signal.Names {
		all = append(all, signal.Signal{Name: n, Source: "source", Label: "label", Of: signal.HeapLive, Reason: "reason", Site: &site, At: 1, Value: 1})
	}
	return all
}

var expected = map[string]string{
	"code.function.name": "main.f", "code.file.path": "main.go", "code.line.number": "7", "heapgate.class": "class", "heapgate.family": "class",
	"heapgate.goroutine.state": "class", "heapgate.source": "source", "heapgate.signal": "heap.live", "heapgate.reason": "reason",
}

// TestDictionary: each signal is in metadata.yaml with the type and the attributes it is emitted with, and the reverse.
func TestDictionary(t *testing.T) {
	text, err := os.ReadFile("metadata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var dictionary struct {
		Metrics map[string]struct {
			Attributes []string
			Gauge      struct {
				ValueType string `yaml:"value_type"`
			}
		}
	}
	if err := yaml.Unmarshal(text, &dictionary); err != nil {
		t.Fatal(err)
	}
	p := newTestProcessor(t)
	emitted := map[string][]string{}
	rm := pmetric.NewResourceMetrics()
	p.emitter.emit(rm, oneOfEach())
	for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
		point := m.Gauge().DataPoints().At(0)
		keys := []string{strings.ToLower(point.ValueType().String())}
		for key, v := range point.Attributes().All() {
			keys = append(keys, key)
			if got, want := v.AsString(), expected[key]; got != want && got != "label" {
				t.Errorf("%s has %s = %q, want %q or the label", m.Name(), key, got, want)
			}
		}
		slices.Sort(keys[1:])
		emitted[m.Name()] = keys
	}
	want := map[string][]string{}
	for name, m := range dictionary.Metrics {
		want[name] = append([]string{m.Gauge.ValueType}, m.Attributes...)
	}
	if diff := cmp.Diff(want, emitted); diff != "" {
		t.Errorf("-metadata.yaml +emitted:\n%s", diff)
	}
	for n := range signal.Names {
		if !p.emitter.templates[n].enabled {
			t.Errorf("signal %v has no template", n)
		}
	}
}

// TestFewest: of too many signals those of the process stay before those of its sites, each in their order.
func TestFewest(t *testing.T) {
	site := &signal.SiteKey{}
	all := []signal.Signal{{Value: 1, Site: site}, {Value: 2}, {Value: 3, Site: site}, {Value: 4}}
	var got []float64
	for _, s := range fewest(all, 3) {
		got = append(got, s.Value)
	}
	if diff := cmp.Diff([]float64{2, 4, 1}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// signed are the signals that may be negative.
var signed = regexp.MustCompile(`doublings|slope|deviation|growth$|headroom`)

// FuzzProcess: whatever bytes come as OTLP, they go on as they came, with at most one scope a resource, in which no number is
// NaN, infinite or, but for those that are signed, negative.
func FuzzProcess(f *testing.F) {
	for i := range 3 {
		b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(scrape("a", i, 2))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	p := newTestProcessor(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		batch, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(b)
		if err != nil {
			return
		}
		before := pmetric.NewMetrics()
		batch.CopyTo(before)
		after, err := p.process(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, rm := range takeAppended(t, before, after).ResourceMetrics().All() {
			for _, scope := range rm.ScopeMetrics().All() {
				for _, m := range scope.Metrics().All() {
					for _, point := range m.Gauge().DataPoints().All() {
						if v := point.DoubleValue(); v != v || v-v != 0 || v < 0 && !signed.MatchString(m.Name()) {
							t.Fatalf("%s is %v", m.Name(), v)
						}
					}
				}
			}
		}
	})
}
