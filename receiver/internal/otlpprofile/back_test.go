// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gprofile "github.com/google/pprof/profile"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
)

// back makes google/pprof's profile of a message that has one resource and one scope. Profiles are put together by stack
// and attributes, or by position where these are equal.
func back(t testing.TB, message pprofile.Profiles) *gprofile.Profile {
	t.Helper()
	if n := message.ResourceProfiles().Len(); n != 1 {
		t.Fatalf("%d resources", n)
	}
	scoped := message.ResourceProfiles().At(0).ScopeProfiles().At(0)
	b := &reader{dict: message.Dictionary(), out: &gprofile.Profile{PeriodType: &gprofile.ValueType{}}, samples: map[string]*gprofile.Sample{}}
	b.tables()
	if v, ok := scoped.Scope().Attributes().Get("pprof.scope.default_sample_type"); ok {
		b.out.DefaultSampleType = v.Str()
	}
	order, ok := scoped.Scope().Attributes().Get("pprof.scope.sample_type_order")
	if !ok || order.Slice().Len() != scoped.Profiles().Len() {
		t.Fatalf("%d profiles, in the order %v", scoped.Profiles().Len(), order.AsString())
	}
	b.out.SampleType = make([]*gprofile.ValueType, scoped.Profiles().Len())
	for i, p := range scoped.Profiles().All() {
		b.profile(p, int(order.Slice().At(i).Int()))
	}
	if err := b.out.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return b.out
}

type reader struct {
	dict    pprofile.ProfilesDictionary
	out     *gprofile.Profile
	samples map[string]*gprofile.Sample
}

func (b *reader) text(i int32) string { return b.dict.StringTable().At(int(i)) }

func (b *reader) attributes(indices pcommon.Int32Slice) map[string]pprofile.KeyValueAndUnit {
	attributes := map[string]pprofile.KeyValueAndUnit{}
	for _, i := range indices.All() {
		kv := b.dict.AttributeTable().At(int(i))
		attributes[b.text(kv.KeyStrindex())] = kv
	}
	return attributes
}

func (b *reader) tables() {
	for i, m := range b.dict.MappingTable().All() {
		a := b.attributes(m.AttributeIndices())
		has := func(what string) bool { kv, ok := a["pprof.mapping.has_"+what]; return ok && kv.Value().Bool() }
		mapping := &gprofile.Mapping{
			ID: uint64(i), Start: m.MemoryStart(), Limit: m.MemoryLimit(), Offset: m.FileOffset(), File: b.text(m.FilenameStrindex()),
			HasFunctions: has("functions"), HasFilenames: has("filenames"), HasLineNumbers: has("line_numbers"), HasInlineFrames: has("inline_frames"),
		}
		if kv, ok := a["process.executable.build_id.gnu"]; ok {
			mapping.BuildID = kv.Value().Str()
		}
		b.out.Mapping = append(b.out.Mapping, mapping)
	}
	for i, f := range b.dict.FunctionTable().All() {
		b.out.Function = append(b.out.Function, &gprofile.Function{
			ID: uint64(i), Name: b.text(f.NameStrindex()), SystemName: b.text(f.SystemNameStrindex()), Filename: b.text(f.FilenameStrindex()), StartLine: f.StartLine(),
		})
	}
	for i, l := range b.dict.LocationTable().All() {
		location := &gprofile.Location{ID: uint64(i), Address: l.Address()}
		if at := l.MappingIndex(); at != 0 {
			location.Mapping = b.out.Mapping[at]
		}
		_, location.IsFolded = b.attributes(l.AttributeIndices())["pprof.location.is_folded"]
		for _, line := range l.Lines().All() {
			to := gprofile.Line{Line: line.Line(), Column: line.Column()}
			to.Function = b.out.Function[line.FunctionIndex()]
			location.Line = append(location.Line, to)
		}
		b.out.Location = append(b.out.Location, location)
	}
	b.out.Mapping = b.out.Mapping[1:]
	// A function without a name and a location without anything are some, in pprof.
	b.out.Function[0].ID = uint64(len(b.out.Function))
	b.out.Location[0].ID = uint64(len(b.out.Location))
}

func (b *reader) profile(p pprofile.Profile, column int) {
	b.out.SampleType[column] = &gprofile.ValueType{Type: b.text(p.SampleType().TypeStrindex()), Unit: b.text(p.SampleType().UnitStrindex())}
	*b.out.PeriodType = gprofile.ValueType{Type: b.text(p.PeriodType().TypeStrindex()), Unit: b.text(p.PeriodType().UnitStrindex())}
	b.out.Period, b.out.TimeNanos, b.out.DurationNanos = p.Period(), int64(p.Time()), int64(p.DurationNano())
	a := b.attributes(p.AttributeIndices())
	about := func(key string) string {
		if kv, ok := a[key]; ok {
			return kv.Value().Str()
		}
		return ""
	}
	b.out.DropFrames, b.out.KeepFrames, b.out.DocURL = about("pprof.profile.drop_frames"), about("pprof.profile.keep_frames"), about("pprof.profile.doc_url")
	if kv, ok := a["pprof.profile.comment"]; ok {
		b.out.Comments = nil
		for _, c := range kv.Value().Slice().All() {
			b.out.Comments = append(b.out.Comments, c.Str())
		}
	}
	for _, s := range p.Samples().All() {
		key := fmt.Sprint(s.StackIndex(), s.AttributeIndices().AsRaw())
		sample := b.samples[key]
		if sample == nil {
			sample = b.sample(s)
			b.samples[key] = sample
			b.out.Sample = append(b.out.Sample, sample)
		}
		sample.Value[column] += s.Values().At(0)
	}
}

func (b *reader) sample(s pprofile.Sample) *gprofile.Sample {
	sample := &gprofile.Sample{Value: make([]int64, len(b.out.SampleType)), Label: map[string][]string{}, NumLabel: map[string][]int64{}, NumUnit: map[string][]string{}}
	for _, at := range b.dict.StackTable().At(int(s.StackIndex())).LocationIndices().All() {
		sample.Location = append(sample.Location, b.out.Location[at])
	}
	for key, kv := range b.attributes(s.AttributeIndices()) {
		values := pcommon.NewSlice()
		if kv.Value().Type() == pcommon.ValueTypeSlice {
			kv.Value().Slice().CopyTo(values)
		} else {
			kv.Value().CopyTo(values.AppendEmpty())
		}
		for _, v := range values.All() {
			if v.Type() == pcommon.ValueTypeInt {
				sample.NumLabel[key] = append(sample.NumLabel[key], v.Int())
				sample.NumUnit[key] = append(sample.NumUnit[key], b.text(kv.UnitStrindex()))
			} else if v.Str() != "" { // pprof has no empty text
				sample.Label[key] = append(sample.Label[key], v.Str())
			}
		}
	}
	return sample
}

// written is a profile as text: everything that it says, without ids, samples in the order of their text and those
// with the same stack and labels together. Samples without a value are left out.
func written(p *gprofile.Profile) string {
	var out strings.Builder
	name := func(s string) string {
		return fmt.Sprintf("%q", strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				return '\ufffd'
			}
			return r
		}, strings.ToValidUTF8(s, "\ufffd")))
	}
	for _, t := range p.SampleType {
		fmt.Fprintf(&out, "type %s %s\n", name(t.Type), name(t.Unit))
	}
	fmt.Fprintf(&out, "default %s\n", name(p.DefaultSampleType))
	if t := p.PeriodType; t != nil {
		fmt.Fprintf(&out, "period %d %s %s\n", p.Period, name(t.Type), name(t.Unit))
	}
	fmt.Fprintf(&out, "time %d duration %d\ndrop %s keep %s doc %s\n", p.TimeNanos, p.DurationNanos, name(p.DropFrames), name(p.KeepFrames), name(p.DocURL))
	for _, c := range p.Comments {
		fmt.Fprintf(&out, "comment %s\n", name(c))
	}
	sums := map[string][]int64{}
	for _, s := range p.Sample {
		var text strings.Builder
		for _, key := range sortedKeys(s.Label) {
			for _, v := range s.Label[key] {
				fmt.Fprintf(&text, "  label %s=%s\n", name(key), name(v))
			}
		}
		for _, key := range sortedKeys(s.NumLabel) {
			for i, v := range s.NumLabel[key] {
				unit := ""
				if units := s.NumUnit[key]; i < len(units) {
					unit = units[i]
				}
				fmt.Fprintf(&text, "  label %s=%d %s\n", name(key), v, name(unit))
			}
		}
		for _, l := range s.Location {
			fmt.Fprintf(&text, "  %#x folded=%t", l.Address, l.IsFolded)
			if m := l.Mapping; m != nil {
				fmt.Fprintf(&text, " in %#x-%#x+%#x %s build %s %t %t %t %t", m.Start, m.Limit, m.Offset, name(m.File), name(m.BuildID), m.HasFunctions, m.HasFilenames, m.HasLineNumbers, m.HasInlineFrames)
			}
			text.WriteByte('\n')
			for _, line := range l.Line {
				fmt.Fprintf(&text, "    %d:%d", line.Line, line.Column)
				if f := line.Function; f != nil {
					fmt.Fprintf(&text, " %s %s %s %d", name(f.Name), name(f.SystemName), name(f.Filename), f.StartLine)
				}
				text.WriteByte('\n')
			}
		}
		sum := sums[text.String()]
		if sum == nil {
			sum = make([]int64, len(s.Value))
			sums[text.String()] = sum
		}
		for i, v := range s.Value {
			sum[i] += v
		}
	}
	for _, text := range sortedKeys(sums) {
		if slices.ContainsFunc(sums[text], func(v int64) bool { return v != 0 }) {
			fmt.Fprintf(&out, "sample %d\n%s", sums[text], text)
		}
	}
	return out.String()
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
