// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	gprofile "github.com/google/pprof/profile"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/heapgate/heapgate/internal/profile"
)

// FuzzBody converts whatever the decoder accepts: the message conforms and says what google/pprof reads.
func FuzzBody(f *testing.F) {
	for _, body := range recorded(f) {
		if p, err := gprofile.ParseData(body); err == nil && len(p.Sample) < 50 {
			var plain bytes.Buffer
			if err := p.WriteUncompressed(&plain); err != nil {
				f.Fatal(err)
			}
			f.Add(plain.Bytes())
		}
	}
	f.Add(everything(f))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := profile.NewDecoder(profile.Limits{Bytes: 1 << 20}).Decode(bytes.NewReader(body))
		if err != nil {
			return
		}
		message, stats, err := Convert(p, Options{KeepZeros: true})
		if err != nil {
			return // more sample types than are allowed
		}
		if problems := conform(message); problems != nil {
			t.Fatal(problems)
		}
		want, err := gprofile.ParseData(body)
		if err != nil || stats.DroppedLabels > 0 || p.TimeNanos < 0 || p.DurationNanos < 0 || len(p.SampleTypes) == 0 || !oneUnit(want) {
			return // OTLP has no word for it
		}
		if diff := cmp.Diff(written(want), written(back(t, message))); diff != "" {
			t.Errorf("-google/pprof +ours:\n%s", diff)
		}
	})
}

// oneUnit reports whether text labels of the profile have no namesakes with numbers, whose order pprof's form loses.
func oneUnit(p *gprofile.Profile) bool {
	for _, s := range p.Sample {
		for key := range s.NumLabel {
			if s.Label[key] != nil {
				return false
			}
		}
		for _, values := range s.Label {
			for _, v := range values {
				if v == "" {
					return false
				}
			}
		}
	}
	return true
}

// FuzzConvert makes two profiles of the bytes, which may refer to what is not there, and converts them one after another
// with one Delta: an error or a message that conforms, and whose sum is that of the samples, or their change.
func FuzzConvert(f *testing.F) {
	f.Add([]byte("ab"), []byte("ac"))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 14, 16, 16})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		delta := NewDelta(DeltaLimits{Stacks: 20}, NewBudget(200))
		var before []int64
		for _, data := range [][]byte{one, two} {
			p := profileOf(data)
			message, stats, err := Convert(p, Options{Delta: delta, Limits: Limits{Labels: 2, Attributes: 5}})
			if err != nil {
				if stats != (Stats{}) || message != (pprofile.Profiles{}) {
					t.Fatal("an error and a message")
				}
				before = nil
				continue
			}
			if problems := conform(message); problems != nil {
				t.Fatal(problems)
			}
			now := sums(p)
			if stats.Delta == OutcomeDelta && before != nil {
				got := map[string]int64{}
				for _, q := range message.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().All() {
					for _, s := range q.Samples().All() {
						got[message.Dictionary().StringTable().At(int(q.SampleType().TypeStrindex()))] += s.Values().At(0)
					}
				}
				want := map[string]int64{"alloc_space": now[0] - before[0], "inuse_space": now[1]}
				if fmt.Sprint(got["alloc_space"], got["inuse_space"]) != fmt.Sprint(want["alloc_space"], want["inuse_space"]) {
					t.Fatalf("got %v, want %v", got, want)
				}
			}
			before = now
		}
	})
}

func sums(p *profile.Profile) []int64 {
	sum := make([]int64, 2)
	for _, s := range p.Samples {
		for i, v := range s.Values {
			sum[i] += v
		}
	}
	return sum
}

// profileOf makes a profile of two sample types. Each byte decides one thing, and some break it.
func profileOf(data []byte) *profile.Profile {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	index := func(n int) int32 { // of n, or beyond
		b := next()
		if b == 255 || n == 0 {
			return int32(n)
		}
		return int32(b % n)
	}
	p := &profile.Profile{SampleTypes: []profile.ValueType{{Type: "alloc_space"}, {Type: "inuse_space"}}, Period: int64(next() / 250)}
	for range next() % 3 {
		p.Mappings = append(p.Mappings, profile.Mapping{Start: uint64(next() % 2), HasFunctions: next()%2 == 1})
	}
	for range next() % 4 {
		p.Functions = append(p.Functions, profile.Function{Name: []string{"", "f", "g"}[next()%3]})
	}
	for range next() % 6 {
		l := profile.Location{Address: uint64(next() % 3), Mapping: index(len(p.Mappings)+1) - 1, Folded: next()%9 == 8}
		for range next() % 3 {
			l.Lines = append(l.Lines, profile.Line{Function: index(len(p.Functions)+1) - 1, Line: int64(next() % 2)})
		}
		p.Locations = append(p.Locations, l)
	}
	for len(data) > 0 {
		s := profile.Sample{Values: []int64{int64(next()), int64(next()) - 20}}
		for range next() % 4 * min(1, len(p.Locations)) {
			s.Locations = append(s.Locations, index(len(p.Locations)))
		}
		for range next() % 4 {
			s.Labels = append(s.Labels, profile.Label{Key: fmt.Sprint(next() % 3), Num: int64(next() % 3), NumUnit: "x"[:next()%2]})
		}
		p.Samples = append(p.Samples, s)
	}
	return p
}
