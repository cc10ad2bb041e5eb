// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heapgate/heapgate/internal/profile"
)

// small is a profile of n samples with distinct stacks and labels.
func small(n int) *profile.Profile {
	p := &profile.Profile{
		SampleTypes: []profile.ValueType{{Type: "alloc_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
		Mappings:    []profile.Mapping{{Start: 1, Limit: 2}},
		Functions:   []profile.Function{{Name: "f"}},
	}
	for i := range n {
		p.Locations = append(p.Locations, profile.Location{Address: uint64(i + 1), Lines: []profile.Line{{Function: 0, Line: int64(i)}}})
		p.Samples = append(p.Samples, profile.Sample{
			Locations: []int32{int32(i)}, Values: []int64{1, 2},
			Labels: []profile.Label{{Key: "request", Str: fmt.Sprint(i)}},
		})
	}
	return p
}

// TestRefused breaks a profile in each way that its types allow. It is an error, no message and no panic, and a Delta
// does not remember it.
func TestRefused(t *testing.T) {
	var reference *ReferenceError
	var limit *profile.LimitError
	for name, c := range map[string]struct {
		damage func(*profile.Profile)
		limits Limits
		want   any
		text   string
	}{
		"location too high": {func(p *profile.Profile) { p.Samples[1].Locations[0] = 3 }, Limits{}, &reference, "sample 1 refers to location 3, of 3"},
		"location negative": {func(p *profile.Profile) { p.Samples[1].Locations[0] = -1 }, Limits{}, &reference, "sample 1 refers to location -1, of 3"},
		"mapping too high":  {func(p *profile.Profile) { p.Locations[2].Mapping = 1 }, Limits{}, &reference, "location 2 refers to mapping 1, of 1"},
		"mapping negative":  {func(p *profile.Profile) { p.Locations[2].Mapping = math.MinInt32 }, Limits{}, &reference, "location 2 refers to mapping -2147483648, of 1"},
		"function too high": {func(p *profile.Profile) { p.Locations[0].Lines[0].Function = 1 }, Limits{}, &reference, "line of location 0 refers to function 1, of 1"},
		"function negative": {func(p *profile.Profile) { p.Locations[0].Lines[0].Function = -2 }, Limits{}, &reference, "line of location 0 refers to function -2, of 1"},
		"a value missing":   {func(p *profile.Profile) { p.Samples[0].Values = p.Samples[0].Values[:1] }, Limits{}, &reference, "sample 0 has 1 values, for 2 sample types"},
		"a value too many":  {func(p *profile.Profile) { p.Samples[0].Values = []int64{1, 2, 3} }, Limits{}, &reference, "sample 0 has 3 values, for 2 sample types"},
		"no sample type":    {func(p *profile.Profile) { p.SampleTypes = nil }, Limits{}, &reference, "sample 0 has 2 values, for 0 sample types"},
		"sample types":      {func(*profile.Profile) {}, Limits{SampleTypes: 1}, &limit, "more than 1 sample types"},
		"samples":           {func(*profile.Profile) {}, Limits{Samples: 2}, &limit, "more than 2 samples of all types"},
		"frames":            {func(*profile.Profile) {}, Limits{Frames: 2}, &limit, "more than 2 locations of distinct stacks"},
	} {
		t.Run(name, func(t *testing.T) {
			p := small(3)
			delta := NewDelta(DeltaLimits{}, nil)
			c.damage(p)
			_, stats, err := Convert(p, Options{Delta: delta, Limits: c.limits})
			if err == nil || !errors.As(err, c.want) || err.Error() != c.text {
				t.Errorf("got %v, want %s", err, c.text)
			}
			if stats != (Stats{}) || delta.known || delta.Bytes() != 0 {
				t.Errorf("%+v, and %d stacks are kept", stats, delta.Stacks())
			}
		})
	}
}

func TestLabelLimits(t *testing.T) {
	p := small(100)
	message, stats, err := Convert(p, Options{Limits: Limits{Attributes: 10}})
	if err != nil {
		t.Fatal(err)
	}
	mustConform(t, message)
	if stats.DroppedLabels != 91 || stats.Samples != 200 {
		t.Errorf("%+v, want 200 samples and 91 labels dropped: 9, the frame type and no more", stats)
	}

	p = small(1)
	for i := range 50 {
		p.Samples[0].Labels = append(p.Samples[0].Labels, profile.Label{Key: fmt.Sprint(i), Num: 1})
	}
	p.Samples[0].Labels[1].Key = "" // OTLP knows no attribute without a name
	p.Samples[0].Labels[3] = profile.Label{Key: "1", Num: 2, NumUnit: "bytes"}
	message, stats, err = Convert(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustConform(t, message)
	if stats.DroppedLabels != 51-32+1+1 {
		t.Errorf("%d labels dropped, want 21: beyond the 32nd, without a name, of another unit", stats.DroppedLabels)
	}
}

// TestExtremes converts values, times and lines at the ends of their ranges.
func TestExtremes(t *testing.T) {
	p := small(2)
	p.TimeNanos, p.DurationNanos, p.Period = math.MinInt64, math.MinInt64, math.MinInt64
	p.Locations[0].Lines[0] = profile.Line{Function: -1, Line: math.MinInt64, Column: math.MaxInt64}
	p.Locations[0].Address = math.MaxUint64
	p.Samples[0].Values = []int64{math.MaxInt64, math.MinInt64}
	p.Samples = append(p.Samples, p.Samples[0])
	message, stats, err := Convert(p, Options{Delta: NewDelta(DeltaLimits{}, nil), KeepZeros: true, Started: time.Unix(0, math.MinInt64)})
	if err != nil {
		t.Fatal(err)
	}
	mustConform(t, message)
	if stats.Merged != 1 {
		t.Errorf("%+v, want one sample merged", stats)
	}
	first := message.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0)
	if got := first.Samples().At(0).Values().At(0); got != math.MinInt64 || first.Time() != 0 || first.DurationNano() != 0 {
		t.Errorf("value %d at %d for %d, want the sum to stay at the end of the range, and no time", got, first.Time(), first.DurationNano())
	}
	if l := message.Dictionary().LocationTable().At(1); l.Address() != math.MaxUint64 || l.Lines().At(0).Line() != math.MinInt64 || l.Lines().At(0).Column() != math.MaxInt64 {
		t.Errorf("%#x %d:%d", l.Address(), l.Lines().At(0).Line(), l.Lines().At(0).Column())
	}
}

// TestLabelKinds tells sizes in different units apart, takes a label without a value for an empty text, and counts what is
// dropped each time.
func TestLabelKinds(t *testing.T) {
	p := small(4)
	for i, l := range []profile.Label{{Key: "size", Num: 8, NumUnit: "bytes"}, {Key: "size", Num: 8, NumUnit: "pages"}, {Key: "empty"}, {Key: "size", Num: 8}} {
		p.Samples[i].Locations, p.Samples[i].Labels = nil, []profile.Label{l}
	}
	message, stats, err := Convert(p, Options{})
	if err != nil || stats.Merged != 0 || stats.DroppedLabels != 0 {
		t.Fatalf("%+v, %v, want four samples", stats, err)
	}
	mustConform(t, message)
	var got []string
	b := &reader{dict: message.Dictionary()}
	for _, kv := range message.Dictionary().AttributeTable().All() {
		if key := b.text(kv.KeyStrindex()); key == "size" || key == "empty" {
			got = append(got, fmt.Sprintf("%s=%s%q %s", key, kv.Value().Type(), kv.Value().AsString(), b.text(kv.UnitStrindex())))
		}
	}
	if want := `size=Int"8" bytes; size=Int"8" pages; empty=Str"" ; size=Int"8" `; strings.Join(got, "; ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "; "), want)
	}

	p.Samples[1].Labels = []profile.Label{{Key: "size", Num: 16, NumUnit: "bytes"}}
	p.Samples[3].Labels = p.Samples[1].Labels
	message, stats, err = Convert(p, Options{Limits: Limits{Attributes: 1}})
	if err != nil || stats.DroppedLabels != 3 {
		t.Errorf("%+v, %v, want 3 labels dropped", stats, err)
	}
	mustConform(t, message)
}

func TestSaturated(t *testing.T) {
	for _, c := range [][3]int64{
		{1, 2, 3}, {-1, 1, 0}, {math.MaxInt64, 1, math.MaxInt64}, {math.MaxInt64, math.MinInt64, -1},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64}, {math.MinInt64, -1, math.MinInt64}, {math.MinInt64, math.MinInt64, math.MinInt64},
	} {
		if got := saturated(c[0], c[1]); got != c[2] {
			t.Errorf("%d + %d is %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

// TestLabelOrder says nothing: samples with the same labels are one.
func TestLabelOrder(t *testing.T) {
	p := small(2)
	p.Samples[1].Locations = p.Samples[0].Locations
	p.Samples[0].Labels = []profile.Label{{Key: "a", Str: "1"}, {Key: "b", Str: "2"}}
	p.Samples[1].Labels = []profile.Label{{Key: "b", Str: "2"}, {Key: "a", Str: "1"}}
	delta := NewDelta(DeltaLimits{}, nil)
	message, stats, err := Convert(p, Options{Delta: delta})
	if err != nil || stats.Merged != 1 || delta.Stacks() != 1 {
		t.Errorf("%+v, %v, %d stacks kept; want one sample merged and one stack", stats, err, delta.Stacks())
	}
	mustConform(t, message)
}

// TestEmpty converts nothing at all.
func TestEmpty(t *testing.T) {
	message, stats, err := Convert(&profile.Profile{}, Options{Delta: NewDelta(DeltaLimits{}, nil)})
	if err != nil || stats != (Stats{}) {
		t.Fatal(stats, err)
	}
	mustConform(t, message)
	if message.ResourceProfiles().At(0).Resource().Attributes().Len() != 0 {
		t.Error("the zero Resource has attributes")
	}
}

// TestStarted says of what is cumulative since when, and leaves snapshots at their time.
func TestStarted(t *testing.T) {
	p := small(1)
	p.TimeNanos = 100e9
	message, _, err := Convert(p, Options{Started: time.Unix(40, 0), Kind: "heap", SchemaURL: "https://schema"})
	if err != nil {
		t.Fatal(err)
	}
	scoped := message.ResourceProfiles().At(0).ScopeProfiles().At(0)
	cumulative, snapshot := scoped.Profiles().At(0), scoped.Profiles().At(1)
	if cumulative.Time() != 40e9 || cumulative.DurationNano() != 60e9 || snapshot.Time() != 100e9 || snapshot.DurationNano() != 0 {
		t.Errorf("cumulative at %d for %d, snapshot at %d for %d", cumulative.Time(), cumulative.DurationNano(), snapshot.Time(), snapshot.DurationNano())
	}
	b := &reader{dict: message.Dictionary()}
	if kind := b.attributes(snapshot.AttributeIndices())["heapgate.profile.kind"].Value(); kind.Type() != pcommon.ValueTypeStr || kind.Str() != "heap" {
		t.Errorf("kind %v", kind.AsRaw())
	}
	if scoped.SchemaUrl() != "https://schema" {
		t.Error(scoped.SchemaUrl())
	}
}

// TestBudget fills a budget that two Deltas share: the second gets nothing until the first gives its part back.
func TestBudget(t *testing.T) {
	budget := NewBudget(1500)
	one, two := NewDelta(DeltaLimits{}, budget), NewDelta(DeltaLimits{}, budget)
	outcome := func(d *Delta, n int) Outcome {
		t.Helper()
		_, stats, err := Convert(small(n), Options{Delta: d})
		if err != nil {
			t.Fatal(err)
		}
		if want := int64(one.Bytes() + two.Bytes()); budget.Used() != want || stats.StateBytes != d.Bytes() {
			t.Fatalf("%d bytes of the budget are used, %d are kept", budget.Used(), want)
		}
		return stats.Delta
	}
	var got []string
	for _, step := range []struct {
		d *Delta
		n int
	}{{one, 70}, {one, 70}, {two, 100}, {two, 50}, {one, 20}, {two, 50}, {two, 51}, {one, 200}} {
		got = append(got, string(outcome(step.d, step.n)))
	}
	one.Forget()
	got = append(got, string(outcome(two, 52)))
	two.Forget()
	if want := "first delta over_limit first reset delta delta over_limit delta"; strings.Join(got, " ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, " "), want)
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes of the budget are used by nobody", budget.Used())
	}
}

// TestDeltaAllocates nothing once it has seen a profile of that size.
func TestDeltaAllocates(t *testing.T) {
	p := synthetic(1000)
	delta, scratch := NewDelta(DeltaLimits{}, nil), &deltaScratch{}
	c := &converter{}
	allocs := testing.AllocsPerRun(20, func() {
		c.start(p, Limits{}.withDefaults())
		if outcome, cause := delta.apply(scratch, p, c.series, c.values, false); outcome == OutcomeReset {
			t.Fatal(cause)
		}
	})
	if allocs > 0 {
		t.Errorf("%g allocations for each profile, want 0", allocs)
	}
}
