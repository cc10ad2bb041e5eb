// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/connector/internal/metadata"
)

// FuzzConsume: whatever a sender writes, nothing panics, and what is sent on is finite, not negative, and bounded.
func FuzzConsume(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x0a\x02\x0a\x00"))
	for _, seed := range []uint64{1, 2, 3} {
		text, err := (&pprofile.ProtoMarshaler{}).MarshalProfiles(random(rand.New(rand.NewPCG(seed, 0))))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		profiles, err := (&pprofile.ProtoUnmarshaler{}).UnmarshalProfiles(text)
		if err != nil {
			return
		}
		consume(t, profiles)
	})
}

// Indices that point nowhere, numbers at their ends and stacks of any kind, more than a fuzzer finds in its time.
func TestRandomMessages(t *testing.T) {
	for seed := range uint64(300) {
		consume(t, random(rand.New(rand.NewPCG(seed, 1))))
	}
}

func consume(t *testing.T, profiles pprofile.Profiles) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.MaxSites, cfg.MaxTargets = 4, 3
	sink := &consumertest.MetricsSink{}
	c, err := newConnector(connectortest.NewNopSettings(metadata.Type), cfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Shutdown(t.Context())
	for range 2 {
		if err := c.ConsumeProfiles(t.Context(), profiles); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.memory.targets); n > cfg.MaxTargets {
		t.Errorf("%d targets are remembered, want at most %d", n, cfg.MaxTargets)
	}
	for _, e := range c.memory.targets {
		if n := len(e.Value.(*target).sites); n > 8*cfg.MaxSites {
			t.Errorf("%d sites are remembered, want at most %d", n, 8*cfg.MaxSites)
		}
	}
	for _, batch := range sink.AllMetrics() {
		for _, rm := range batch.ResourceMetrics().All() {
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				points := pointsOf(m)
				if points.Len() == 0 || points.Len() > cfg.MaxSites {
					t.Errorf("%s has %d points, want 1 to %d", m.Name(), points.Len(), cfg.MaxSites)
				}
				for _, p := range points.All() {
					if p.IntValue() < 0 || math.IsNaN(p.DoubleValue()) || p.DoubleValue() < 0 {
						t.Errorf("%s is %d, %g", m.Name(), p.IntValue(), p.DoubleValue())
					}
				}
			}
		}
	}
}

func pointsOf(m pmetric.Metric) pmetric.NumberDataPointSlice {
	if m.Type() == pmetric.MetricTypeSum {
		return m.Sum().DataPoints()
	}
	return m.Gauge().DataPoints()
}

// random is a message without sense but with the shape of one.
func random(r *rand.Rand) pprofile.Profiles {
	names := []string{"", "alloc_space", "alloc_objects", "inuse_space", "inuse_objects", "space", "bytes", "main.put", "runtime.mapassign_faststr", "runtime.hashGrow",
		"internal/runtime/maps.(*table).grow", "sync.(*Map).Store", "net/http/pprof.Index", "heapgate.profile.temporality", "\xff\x00", "cart.go"}
	profiles := pprofile.NewProfiles()
	d := profiles.Dictionary()
	d.StringTable().FromRaw(names)
	index := func() int32 { return int32(r.IntN(len(names)+4) - 2) }
	number := func() int64 {
		return []int64{0, 1, 64, 40960, 1 << 40, math.MaxInt64, -1, math.MinInt64}[min(r.IntN(40), 7)%8]
	}
	for range 12 {
		d.FunctionTable().AppendEmpty().SetNameStrindex(index())
		l := d.LocationTable().AppendEmpty()
		for range r.IntN(3) {
			line := l.Lines().AppendEmpty()
			line.SetFunctionIndex(index())
			line.SetLine(number())
		}
		d.StackTable().AppendEmpty().LocationIndices().FromRaw([]int32{index(), index(), index()})
		a := d.AttributeTable().AppendEmpty()
		a.SetKeyStrindex(index())
		a.Value().SetInt(number())
	}
	for i := range 5 {
		rp := profiles.ResourceProfiles().AppendEmpty()
		rp.Resource().Attributes().PutInt("id", int64(i))
		all := rp.ScopeProfiles().AppendEmpty().Profiles()
		at := pcommon.Timestamp(r.Uint64())
		for kind := range 4 {
			p := all.AppendEmpty()
			p.SampleType().SetTypeStrindex(int32(kind + 1))
			p.PeriodType().SetTypeStrindex(5)
			p.SetPeriod(number())
			p.SetTime(at)
			p.AttributeIndices().FromRaw([]int32{index()})
			for range 8 {
				s := p.Samples().AppendEmpty()
				s.SetStackIndex(index())
				s.AttributeIndices().FromRaw([]int32{index(), index()})
				s.Values().Append(max(number(), 0))
			}
		}
	}
	return profiles
}

// What is emitted has the names, units and types of the receiver, whose metadata.yaml is the dictionary of both.
func TestMetricsAreTheReceivers(t *testing.T) {
	text, err := os.ReadFile("../receiver/metadata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var dictionary struct {
		Metrics map[string]struct {
			Unit  string
			Sum   *struct{ Monotonic bool }
			Gauge *struct {
				ValueType string `yaml:"value_type"`
			}
		}
	}
	if err := yaml.Unmarshal(text, &dictionary); err != nil {
		t.Fatal(err)
	}
	total := sums{}
	r := reading{rate: 1, total: &total, hasInuse: true, sites: map[site]*sums{{}: {}}}
	seen := 0
	for _, m := range emit(pcommon.NewResource(), &r, "").ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		seen++
		want, ok := dictionary.Metrics[m.Name()]
		is := fmt.Sprint(m.Unit(), m.Type() == pmetric.MetricTypeSum)
		if !ok || is != fmt.Sprint(want.Unit, want.Sum != nil) {
			t.Errorf("%s has unit %q and is a sum: %v; the receiver says %+v", m.Name(), m.Unit(), m.Type() == pmetric.MetricTypeSum, want)
		}
	}
	if seen < 10 {
		t.Errorf("only %d metrics are emitted", seen)
	}
}
