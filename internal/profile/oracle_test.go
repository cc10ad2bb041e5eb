// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/pprof/profile"
)

// recorded gives the profiles that real programs wrote: testdata/prog with old and new Go, and the corpus.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	bodies := map[string][]byte{}
	for _, pattern := range []string{"testdata/go1.*/*.pb.gz", "testdata/corpus/*.pb.gz"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			bodies[strings.TrimPrefix(file, "testdata/")] = body
		}
	}
	if len(bodies) < 14 {
		t.Fatalf("got %d recorded profiles, want 7 of testdata/prog by 2 versions of Go", len(bodies))
	}
	return bodies
}

// TestOracle holds everything in every profile to google/pprof, with one decoder that reads them one after another.
func TestOracle(t *testing.T) {
	d := NewDecoder(Limits{})
	for range 2 {
		for name, body := range recorded(t) {
			want, err := profile.ParseData(body)
			if err != nil {
				t.Fatalf("%s: google/pprof: %v", name, err)
			}
			for how, body := range map[string][]byte{"gzip": body, "plain": unzip(t, body)} {
				got, err := d.Decode(bytes.NewReader(body))
				if err != nil {
					t.Fatalf("%s, %s: %v", name, how, err)
				}
				if diff := difference(want, got); diff != "" {
					t.Errorf("%s, %s (-google/pprof +got):\n%s", name, how, diff)
				}
			}
		}
	}
}

func unzip(t testing.TB, body []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// difference compares all that both hold. google/pprof keeps labels by key, so their order is lost; it has no empty slices.
func difference(want *profile.Profile, got *Profile) string {
	sorted := *got
	sorted.Samples = slices.Clone(got.Samples)
	for i := range sorted.Samples {
		labels := slices.Clone(sorted.Samples[i].Labels)
		slices.SortStableFunc(labels, byKey)
		sorted.Samples[i].Labels = labels
	}
	return gocmp.Diff(translate(want), &sorted, cmpopts.EquateEmpty())
}

func byKey(a, b Label) int {
	number := func(l Label) int { // google/pprof has strings and numbers apart
		if l.Num != 0 || l.NumUnit != "" {
			return 1
		}
		return 0
	}
	return cmp.Or(number(a)-number(b), strings.Compare(a.Key, b.Key))
}

// translate makes google/pprof's profile one of this package.
func translate(p *profile.Profile) *Profile {
	name := func(s string) string { return clean(s) }
	out := &Profile{
		PeriodType: ValueType{name(p.PeriodType.Type), name(p.PeriodType.Unit)}, Period: p.Period, TimeNanos: p.TimeNanos,
		DurationNanos: p.DurationNanos, DefaultSampleType: name(p.DefaultSampleType), DropFrames: name(p.DropFrames),
		KeepFrames: name(p.KeepFrames), DocURL: name(p.DocURL),
	}
	for _, c := range p.Comments {
		out.Comments = append(out.Comments, name(c))
	}
	for _, v := range p.SampleType {
		out.SampleTypes = append(out.SampleTypes, ValueType{name(v.Type), name(v.Unit)})
	}
	functions, mappings, locations := map[*profile.Function]int32{}, map[*profile.Mapping]int32{nil: -1}, map[*profile.Location]int32{}
	for i, f := range p.Function {
		functions[f] = int32(i)
		out.Functions = append(out.Functions, Function{name(f.Name), name(f.SystemName), name(f.Filename), f.StartLine})
	}
	for i, m := range p.Mapping {
		mappings[m] = int32(i)
		out.Mappings = append(out.Mappings, Mapping{
			m.Start, m.Limit, m.Offset, name(m.File), name(m.BuildID), m.HasFunctions, m.HasFilenames, m.HasLineNumbers, m.HasInlineFrames,
		})
	}
	for i, l := range p.Location {
		locations[l] = int32(i)
		location := Location{Address: l.Address, Mapping: mappings[l.Mapping], Folded: l.IsFolded}
		for _, line := range l.Line {
			location.Lines = append(location.Lines, Line{functions[line.Function], line.Line, line.Column})
		}
		out.Locations = append(out.Locations, location)
	}
	for _, s := range p.Sample {
		sample := Sample{Values: s.Value}
		for _, l := range s.Location {
			sample.Locations = append(sample.Locations, locations[l])
		}
		for key, values := range s.Label {
			for _, v := range values {
				sample.Labels = append(sample.Labels, Label{Key: name(key), Str: name(v)})
			}
		}
		for key, values := range s.NumLabel {
			for i, v := range values {
				unit := ""
				if units := s.NumUnit[key]; len(units) > 0 {
					unit = name(units[i])
				}
				sample.Labels = append(sample.Labels, Label{Key: name(key), Num: v, NumUnit: unit})
			}
		}
		slices.SortStableFunc(sample.Labels, byKey)
		out.Samples = append(out.Samples, sample)
	}
	return out
}
