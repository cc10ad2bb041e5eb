// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
	"github.com/heapgate/heapgate/processor/internal/metadatatest"
)

// pipelines are one go_signals in pipelines of both kinds.
type pipelines struct {
	metrics processor.Metrics
	logs    []processor.Logs
	told    []*consumertest.LogsSink
}

func pipe(t *testing.T, all *components, cfg *Config, ofLogs int) *pipelines {
	t.Helper()
	p := &pipelines{}
	set := processortest.NewNopSettings(metadata.Type)
	var err error
	if p.metrics, err = all.createMetrics(t.Context(), set, cfg, &consumertest.MetricsSink{}); err != nil {
		t.Fatal(err)
	}
	for range ofLogs {
		sink := &consumertest.LogsSink{}
		logs, err := all.createLogs(t.Context(), set, cfg, sink)
		if err != nil {
			t.Fatal(err)
		}
		p.logs, p.told = append(p.logs, logs), append(p.told, sink)
	}
	if err := p.metrics.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	for _, l := range p.logs {
		if err := l.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestLogsGoOnUntouched: the processor in a pipeline of logs changes nothing that comes along there.
func TestLogsGoOnUntouched(t *testing.T) {
	p := pipe(t, newComponents(), createDefaultConfig(), 1)
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("gc 1 @0.1s")
	before, _ := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err := p.logs[0].ConsumeLogs(t.Context(), logs); err != nil {
		t.Fatal(err)
	}
	after, _ := (&plog.ProtoMarshaler{}).MarshalLogs(p.told[0].AllLogs()[0])
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
	if p.logs[0].Capabilities().MutatesData {
		t.Error("says that it changes logs")
	}
}

func someChange(n int) signal.Change {
	return signal.Change{
		Name: signal.MapVerdict, Site: &signal.SiteKey{Function: fmt.Sprint("main.f", n), File: "main.go", Line: 7, Class: "map_grow"},
		From: "warming", To: "unbounded", Reason: "doublings", Text: "main.f grows by 1.0 MiB/s.", At: uint64(epoch+n) * 1e9,
	}
}

func changed(n int) *changeLog {
	var l changeLog
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.name", "shop")
	var templates [signal.Names]template
	templates[signal.MapVerdict].class = "heapgate.class"
	l.add(time.Unix(epoch, 0), "1", resource, []signal.Change{someChange(n)}, &templates)
	return &l
}

// TestChangesBecomeRecords: in every pipeline of logs of the same component, and in no other; with none left they are counted.
func TestChangesBecomeRecords(t *testing.T) {
	all := newComponents()
	cfg := createDefaultConfig()
	mine, others := pipe(t, all, cfg, 2), pipe(t, all, createDefaultConfig(), 1)
	own := componenttest.NewTelemetry()
	defer own.Shutdown(context.Background())
	p, err := newProcessor(metadatatest.NewSettings(own), cfg, all.byConfig[cfg])
	if err != nil {
		t.Fatal(err)
	}
	p.announce(t.Context(), changed(1))
	for _, sink := range mine.told {
		var text strings.Builder
		writeLogs(&text, sink.AllLogs())
		want := `  log of service.name=shop
    heapgate.signal.change WARN "main.f grows by 1.0 MiB/s." code.file.path=main.go code.function.name=main.f1 code.line.number=7 ` +
			`heapgate.class=map_grow heapgate.from=warming heapgate.reason=doublings heapgate.signal=map.verdict heapgate.to=unbounded t=1
`
		if diff := cmp.Diff(want, text.String()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if n := others.told[0].LogRecordCount(); n != 0 {
		t.Errorf("another component told %d changes", n)
	}
	for _, l := range mine.logs {
		if err := l.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.announce(t.Context(), changed(2))
	}
	if a, b := mine.told[0].LogRecordCount(), mine.told[1].LogRecordCount(); a != 1 || b != 2 {
		t.Errorf("%d and %d records, want 1 for the pipeline that ended first and 2 for the other", a, b)
	}
	broken := &outlet{all.byConfig[cfg], failing{}}
	if err := broken.start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p.announce(t.Context(), changed(3))
	want := `otelcol_processor_go_signals_changes outcome=failed 1
otelcol_processor_go_signals_changes outcome=logged 2
otelcol_processor_go_signals_changes outcome=no_pipeline 1
`
	if diff := cmp.Diff(want, ownTelemetry(t, own)); diff != "" {
		t.Errorf("own telemetry, -want +got:\n%s", diff)
	}
}

type failing struct{ consumer.Logs }

func (failing) ConsumeLogs(context.Context, plog.Logs) error { return errors.New("full") }

// TestComponentsEnd: one that left all its pipelines is forgotten, also where it was never started.
func TestComponentsEnd(t *testing.T) {
	all := newComponents()
	cfg := createDefaultConfig()
	p := pipe(t, all, cfg, 1)
	never, err := all.createMetrics(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, &consumertest.MetricsSink{})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.byConfig) != 1 {
		t.Fatalf("%d components, want one for all pipelines", len(all.byConfig))
	}
	for _, c := range []component.Component{p.logs[0], p.metrics, never} {
		if len(all.byConfig) != 1 {
			t.Fatal("the component is forgotten before it left its last pipeline")
		}
		if err := c.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(all.byConfig) != 0 {
		t.Errorf("%d components are left", len(all.byConfig))
	}
}

// TestLimitOfChanges: a fleet that is heard for the first time is no news, a flapping target does not use up what all may tell,
// and a minute later there is room again.
func TestLimitOfChanges(t *testing.T) {
	l := newLimiter(100)
	now := time.Unix(epoch, 0)
	first := signal.Change{Name: signal.GCState, To: "calm"}
	alarm := signal.Change{Name: signal.GCState, To: "death_spiral"}
	news := signal.Change{Name: signal.GCState, From: "storm", To: "calm"}
	admit := func(b *bucket, c signal.Change, n int) (told int, count outcomes) {
		for range n {
			kept, o := l.admit(now, b, []signal.Change{c})
			told += len(kept)
			count.first += o.first
			count.limited += o.limited
		}
		return told, count
	}
	var flapping, other bucket
	if told, o := admit(&flapping, first, 1000); told != 0 || o.first != 1000 {
		t.Errorf("%d of 1000 first states told, %+v", told, o)
	}
	if told, o := admit(&flapping, news, 1000); told != 10 || o.limited != 990 {
		t.Errorf("%d changes of one target told, %+v, want 10", told, o)
	}
	if told, _ := admit(&other, alarm, 1); told != 1 {
		t.Error("a first alarm is not told")
	}
	told := 0
	for range 1000 {
		n, _ := admit(&bucket{}, news, 1)
		told += n
	}
	if told != 89 {
		t.Errorf("%d changes of other targets told, want the 89 that are left of 100", told)
	}
	now = now.Add(30 * time.Second)
	if told, _ := admit(&flapping, news, 1000); told != 5 {
		t.Errorf("%d changes told after half a minute, want 5", told)
	}
	now = now.Add(-time.Hour)
	admit(&flapping, news, 1000)
	now = now.Add(time.Minute)
	if told, _ := admit(&flapping, news, 1000); told != 10 {
		t.Errorf("%d changes told a minute after the clock was set back, want 10", told)
	}
}

// TestConcurrentChanges: metrics of many pipelines tell while pipelines of logs come and go.
func TestConcurrentChanges(t *testing.T) {
	common, err := newComponents().join(processortest.NewNopSettings(metadata.Type), createDefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 200 {
				if _, err := common.tell(t.Context(), changed(n).logs); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 50 {
		common.pipelines++
		sink := &consumertest.LogsSink{}
		o := &outlet{common, sink}
		if err := o.start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := o.shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := sink.LogRecordCount()
		time.Sleep(10 * time.Microsecond)
		if after := sink.LogRecordCount(); after != n {
			t.Fatalf("%d records came after the pipeline had ended", after-n)
		}
	}
	wg.Wait()
}

// TestPipelinesOfMetricsRememberApart: the same targets in two pipelines of metrics are no second observation of each other.
func TestPipelinesOfMetricsRememberApart(t *testing.T) {
	all, cfg := newComponents(), createDefaultConfig()
	a, b := pipe(t, all, cfg, 0), pipe(t, all, cfg, 0)
	for i := range 5 {
		one, two := scrape("a", i, 1), scrape("a", i, 1)
		if err := a.metrics.ConsumeMetrics(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if err := b.metrics.ConsumeMetrics(t.Context(), two); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(proto(t, one), proto(t, two)); diff != "" {
			t.Fatalf("scrape %d differs", i)
		}
		if i > 2 && one.MetricCount() < 30 {
			t.Fatalf("only %d metrics", one.MetricCount())
		}
	}
	for _, p := range []*pipelines{a, b} {
		if err := p.metrics.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
