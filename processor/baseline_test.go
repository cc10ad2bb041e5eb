// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heapgate/heapgate/internal/baseline"
	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// aMonday is the first hour of what these tests hear.
var aMonday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func newTestBaselines(t testing.TB, change func(*BaselineConfig)) *baselines {
	t.Helper()
	cfg := defaultBaselineConfig()
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	b, err := newBaselines(cfg, processortest.NewNopSettings(metadata.Type))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func aWorkload(name, instance string) pcommon.Resource {
	resource := pcommon.NewResource()
	for key, value := range map[string]string{
		"service.name": name, "service.instance.id": instance, "service.version": "v1", "k8s.cluster.name": "eu", "k8s.namespace.name": "shop",
		"k8s.container.name": "main", "heapgate.workload.kind": "Deployment", "heapgate.workload.name": name, "process.runtime.name": "go",
	} {
		resource.Attributes().PutStr(key, value)
	}
	return resource
}

// said is a report of a signal at a time, with what else is in it.
func said(now time.Time, share float64, more ...signal.Signal) *signal.Report {
	at := uint64(now.UnixNano())
	r := &signal.Report{Signals: []signal.Signal{{Name: signal.GCCPUShare, Source: signal.MemStats, At: at, Value: share}}}
	for _, s := range more {
		s.At = at
		r.Signals = append(r.Signals, s)
	}
	return r
}

// aged is an observation of a process that runs since long ago.
func aged(now time.Time) *signal.Observation {
	return &signal.Observation{Heap: &signal.Heap{At: uint64(now.UnixNano()), ProcessStart: signal.Of(float64(now.Add(-48 * time.Hour).Unix()))}}
}

// about is the point of a baseline signal about another signal, NaN without one.
func about(r *signal.Report, name, other signal.Name) float64 {
	for _, s := range r.Signals {
		if s.Name == name && s.Of == other {
			return s.Value
		}
	}
	return math.NaN()
}

// learnWeeks hears a share of 0.05 from one process every five minutes.
func learnWeeks(b *baselines, resource pcommon.Resource, weeks int) (last *signal.Report) {
	for now := aMonday; now.Before(aMonday.Add(time.Duration(weeks) * 7 * 24 * time.Hour)); now = now.Add(5 * time.Minute) {
		last = said(now, 0.05)
		b.judge(now, resource, aged(now), last)
	}
	return last
}

func TestJudge(t *testing.T) {
	b := newTestBaselines(t, nil)
	resource := aWorkload("api", "1")
	first := said(aMonday, 0.05)
	b.judge(aMonday, resource, aged(aMonday), first)
	if got := first.Signals[1:]; len(got) != 1 || got[0].Name != signal.Warning || got[0].Label != "few_samples" || got[0].Of != signal.BaselineExpected || got[0].Value != 0 {
		t.Errorf("at first: %+v, want the warning alone", got)
	}
	last := learnWeeks(b, resource, 4)
	if got := about(last, signal.BaselineUnusual, signal.GCCPUShare); got != 0 {
		t.Errorf("what is usual is unusual: %v", got)
	}
	if got := about(last, signal.BaselineExpected, signal.GCCPUShare); math.Abs(got-0.05) > 0.001 {
		t.Errorf("expected %v, want 0.05", got)
	}
	if got := about(last, signal.BaselineSamples, signal.GCCPUShare); got != 3 {
		t.Errorf("samples %v, want 3 weeks", got)
	}
	if !math.IsNaN(about(last, signal.Warning, signal.BaselineExpected)) {
		t.Error("a warning though three weeks are known")
	}
	found := time.Duration(-1)
	began := aMonday.Add(28 * 24 * time.Hour)
	for now := began; now.Before(began.Add(time.Hour)); now = now.Add(time.Minute) {
		r := said(now, 0.1)
		b.judge(now, resource, aged(now), r)
		if about(r, signal.BaselineDeviation, signal.GCCPUShare) < 6 {
			t.Fatalf("deviation %v, want above 6", about(r, signal.BaselineDeviation, signal.GCCPUShare))
		}
		if about(r, signal.BaselineUnusual, signal.GCCPUShare) == 1 && found < 0 {
			found = now.Sub(began)
		}
	}
	if found != 10*time.Minute {
		t.Errorf("a doubling was found after %v, want raise_after", found)
	}
}

// TestSources: two sources of a signal are two baselines, and the one that knows its hour is judged.
func TestSources(t *testing.T) {
	b := newTestBaselines(t, nil)
	resource := aWorkload("api", "1")
	learnWeeks(b, resource, 4)
	now := aMonday.Add(28 * 24 * time.Hour)
	for range 10 {
		r := said(now, 0.05, signal.Signal{Name: signal.GCCPUShare, Source: signal.Gctrace, Value: 0.5})
		b.judge(now, resource, aged(now), r)
		if got := about(r, signal.BaselineDeviation, signal.GCCPUShare); math.Abs(got) > 0.1 {
			t.Fatalf("deviation %v: gctrace was held to the baseline of MemStats", got)
		}
		n := 0
		for _, s := range r.Signals {
			if s.Name == signal.BaselineExpected {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%d points of one signal, want 1", n)
		}
		now = now.Add(time.Minute)
	}
}

func TestTiers(t *testing.T) {
	for tier, want := range map[string]float64{"": 0, "critical": 1, "standard": 0, "batch": 0, "off": math.NaN(), "unheard-of": 0} {
		b := newTestBaselines(t, nil)
		resource := aWorkload("api", "1")
		learnWeeks(b, resource, 4)
		if tier != "" {
			resource.Attributes().PutStr("heapgate.tier", tier)
		}
		got := math.NaN()
		for minute := range 20 {
			now := aMonday.Add(28*24*time.Hour + time.Duration(minute)*time.Minute)
			r := said(now, 0.075) // five scales, which are the floor of 0.005
			b.judge(now, resource, aged(now), r)
			got = about(r, signal.BaselineUnusual, signal.GCCPUShare)
			if d := about(r, signal.BaselineDeviation, signal.GCCPUShare); math.Abs(d-5) > 0.1 {
				t.Fatalf("deviation %v, want 5", d)
			}
		}
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("tier %q: unusual %v, want %v", tier, got, want)
		}
	}
}

// TestNotLearned: what says nothing about what is usual is neither learned nor judged.
func TestNotLearned(t *testing.T) {
	verdict := func(name signal.Name, label string, value float64) signal.Signal {
		return signal.Signal{Name: name, Label: label, Value: value}
	}
	for name, c := range map[string]struct {
		more    []signal.Signal
		off     time.Duration
		age     time.Duration
		low     bool
		nowhere bool
		want    int // workloads whose share was learned
	}{
		"usual":            {age: time.Hour, want: 1},
		"thrash":           {more: []signal.Signal{verdict(signal.GCState, "limit_thrash", 1)}, age: time.Hour},
		"no thrash":        {more: []signal.Signal{verdict(signal.GCState, "limit_thrash", 0)}, age: time.Hour, want: 1},
		"death spiral":     {more: []signal.Signal{verdict(signal.GCState, "death_spiral", 1)}, age: time.Hour},
		"a leak elsewhere": {more: []signal.Signal{verdict(signal.Leak, "leak", 1)}, age: time.Hour, want: 1},
		"young":            {age: 14 * time.Minute},
		"late":             {off: -61 * time.Minute, age: time.Hour},
		"early":            {off: 61 * time.Minute, age: time.Hour},
		"a bit late":       {off: -59 * time.Minute, age: time.Hour, want: 1},
		"guessed":          {age: time.Hour, low: true},
		"no workload":      {age: time.Hour, nowhere: true},
	} {
		b := newTestBaselines(t, nil)
		resource := aWorkload("api", "1")
		if c.nowhere {
			resource.Attributes().Remove("heapgate.workload.name")
			resource.Attributes().Remove("service.name")
		}
		for minute := range 61 {
			now := aMonday.Add(time.Duration(minute) * time.Minute)
			r := said(now.Add(c.off), 0.05, c.more...)
			o := &signal.Observation{LowConfidence: c.low, Trace: &signal.Trace{Elapsed: signal.Of(c.age.Seconds())}}
			b.judge(now, resource, o, r)
		}
		of, _ := subjectOf(resource)
		got := 0
		if w := b.store.Find(of.workload); w != nil {
			got = w.Expect(1, baseline.HourOf(aMonday)+14).Samples
		}
		if got != c.want {
			t.Errorf("%s: %d hours learned, want %d", name, got, c.want)
		}
	}
}

// TestMemoryFlags: a leak or an unbounded map keeps the live heap and its slope from being learned, and taints the process.
func TestMemoryFlags(t *testing.T) {
	for _, flag := range []signal.Signal{{Name: signal.Leak, Label: "leak", Value: 1}, {Name: signal.MapVerdict, Label: "unbounded", Value: 1}, {Name: signal.Leak, Label: "none", Value: 1}} {
		b := newTestBaselines(t, nil)
		resource := aWorkload("api", "1")
		for minute := range 61 {
			now := aMonday.Add(time.Duration(minute) * time.Minute)
			b.judge(now, resource, aged(now), said(now, 0.05, flag, signal.Signal{Name: signal.HeapLive, Source: signal.Profile, Value: 1e9}))
		}
		of, _ := subjectOf(resource)
		w := b.store.Find(of.workload)
		learned := w.Expect(kindsOf[signal.HeapLive][1], baseline.HourOf(aMonday)+14).Samples
		if want := flag.Label == "none"; (learned == 1) != want {
			t.Errorf("%s: %d hours of the live heap learned", flag.Label, learned)
		}
	}
}

// TestPeers: three processes that lived for hours say what climb is usual at an age.
func TestPeers(t *testing.T) {
	b := newTestBaselines(t, nil)
	ask := func(age time.Duration) signal.AgeSlope {
		now := aMonday.Add(240 * time.Hour)
		o := &signal.Observation{Heap: &signal.Heap{At: uint64(now.UnixNano()), ProcessStart: signal.Of(float64(now.Add(-age).Unix()))}}
		b.peers(now, aWorkload("api", "new"), o)
		return o.Peers
	}
	for n := range 3 {
		began := aMonday.Add(time.Duration(n) * 10 * time.Hour)
		for age := time.Minute; age <= 9*time.Hour; age += time.Minute {
			now := began.Add(age)
			o := &signal.Observation{Heap: &signal.Heap{At: uint64(now.UnixNano()), ProcessStart: signal.Of(float64(began.Unix()))}}
			b.peers(now, aWorkload("api", fmt.Sprint(n)), o)
			if n < 3 && o.Peers.Upper.Known {
				t.Fatal("known before three processes taught")
			}
			b.judge(now, aWorkload("api", fmt.Sprint(n)), o, said(now, 0.05, signal.Signal{Name: signal.Slope, Value: float64(1000 + 10*n)}))
			if age > 5*time.Hour && n == 2 {
				break
			}
		}
	}
	for age := time.Minute; age <= 6*time.Hour; age += time.Minute { // one that leaks teaches nothing
		now := aMonday.Add(100 * time.Hour).Add(age)
		o := &signal.Observation{Heap: &signal.Heap{At: uint64(now.UnixNano()), ProcessStart: signal.Of(float64(now.Add(-age).Unix()))}}
		leak := signal.Signal{Name: signal.Leak, Label: "leak", Value: 1}
		if age < 3*time.Hour {
			leak.Label = "unknown"
		}
		b.judge(now, aWorkload("api", "leaking"), o, said(now, 0.05, signal.Signal{Name: signal.Slope, Value: 1e6}, leak))
	}
	if got := ask(3 * time.Hour); !got.Upper.Known || got.Samples != 3 || got.Upper.Value < 1010 || got.Upper.Value > 1050 {
		t.Errorf("at three hours: %+v, want about 1040 of 3", got)
	}
	if got := ask(6 * time.Hour); got.Upper.Known || got.Samples != 2 {
		t.Errorf("at six hours: %+v, want not known of 2", got)
	}
}

// TestWorkloads: version and instance are no part of a workload; a service without a workload is one.
func TestWorkloads(t *testing.T) {
	a, b := aWorkload("api", "1"), aWorkload("api", "2")
	b.Attributes().PutStr("service.version", "v2")
	ofA, _ := subjectOf(a)
	ofB, _ := subjectOf(b)
	want := baseline.Key{Cluster: "eu", Namespace: "shop", Kind: "Deployment", Name: "api", Container: "main"}
	if ofA.workload != want || ofB.workload != want || ofA.process == ofB.process {
		t.Errorf("%+v and %+v, want two processes of %+v", ofA, ofB, want)
	}
	for range 10 { // pdata keeps an order, but not everyone's is the same
		if again, _ := subjectOf(aWorkload("api", "1")); again != ofA {
			t.Fatalf("%+v, want %+v in any order", again, ofA)
		}
	}
	bare := pcommon.NewResource()
	if _, ok := subjectOf(bare); ok {
		t.Error("nothing is a workload")
	}
	bare.Attributes().PutStr("service.name", "api")
	bare.Attributes().PutStr("service.namespace", "shop")
	bare.Attributes().PutInt("heapgate.workload.name", 5)
	bare.Attributes().PutEmptySlice("tags").AppendEmpty().SetStr("a")
	if of, ok := subjectOf(bare); !ok || of.workload != (baseline.Key{Namespace: "shop", Name: "api"}) {
		t.Errorf("%+v", of)
	}
	bare.Attributes().PutStr("heapgate.workload.name", strings.Repeat("a", 2000))
	if _, ok := subjectOf(bare); ok {
		t.Error("a name of 2,000 bytes is a workload")
	}
}
