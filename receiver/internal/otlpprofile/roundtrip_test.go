// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	gprofile "github.com/google/pprof/profile"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/heapgate/heapgate/internal/profile"
)

// recorded gives profiles that real programs wrote: those of internal/profile, by file.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	bodies := map[string][]byte{}
	root := filepath.Join("..", "..", "..", "internal", "profile", "testdata")
	for _, pattern := range []string{"go1.*/*.pb.gz", "corpus/*.pb.gz"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, _ := filepath.Rel(root, file)
			bodies[filepath.ToSlash(name)] = readFile(t, file)
		}
	}
	for _, name := range []string{"cpu", "heap", "mutex", "block", "goroutine"} {
		for _, version := range []string{"go1.19", "go1.26"} {
			if bodies[version+"/"+name+".pb.gz"] == nil {
				t.Fatalf("no %s of %s", name, version)
			}
		}
	}
	return bodies
}

// TestRoundTrip makes OTLP of a profile, encodes it, decodes it, makes pprof's form of it again, and compares with what
// google/pprof reads in the profile.
func TestRoundTrip(t *testing.T) {
	bodies := recorded(t)
	bodies["everything"] = everything(t)
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			want, err := gprofile.ParseData(body)
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, want, body)
		})
	}
}

func roundTrip(t *testing.T, want *gprofile.Profile, body []byte) {
	t.Helper()
	for _, keepZeros := range []bool{true, false} {
		message, stats, err := Convert(decode(t, body), Options{Resource: someResource(), ScopeName: "scope", ScopeVersion: "1", KeepZeros: keepZeros})
		if err != nil {
			t.Fatal(err)
		}
		mustConform(t, message)
		if got := message.SampleCount(); got != stats.Samples || message.ProfileCount() != stats.Profiles {
			t.Errorf("%d samples in %d profiles, want %+v", got, message.ProfileCount(), stats)
		}
		for codec, coded := range coded(t, message) {
			if diff := cmp.Diff(written(want), written(back(t, coded))); diff != "" {
				t.Errorf("zeros %t, %s (-google/pprof +ours):\n%s", keepZeros, codec, diff)
			}
			resource := coded.ResourceProfiles().At(0)
			if diff := cmp.Diff(someResource().Attributes().AsRaw(), resource.Resource().Attributes().AsRaw()); diff != "" {
				t.Error(diff)
			}
			if scope := resource.ScopeProfiles().At(0).Scope(); scope.Name() != "scope" || scope.Version() != "1" {
				t.Errorf("scope %q %q", scope.Name(), scope.Version())
			}
		}
	}
}

// coded gives a message after it was encoded and decoded, by codec.
func coded(t testing.TB, message pprofile.Profiles) map[string]pprofile.Profiles {
	t.Helper()
	message.MarkReadOnly() // encoding changes it otherwise
	codecs := map[string]struct {
		pprofile.Marshaler
		pprofile.Unmarshaler
	}{
		"proto": {&pprofile.ProtoMarshaler{}, &pprofile.ProtoUnmarshaler{}},
		"json":  {&pprofile.JSONMarshaler{}, &pprofile.JSONUnmarshaler{}},
	}
	decoded := map[string]pprofile.Profiles{}
	for name, codec := range codecs {
		data, err := codec.MarshalProfiles(message)
		if err != nil {
			t.Fatal(err)
		}
		if decoded[name], err = codec.UnmarshalProfiles(data); err != nil {
			t.Fatal(err)
		}
	}
	return decoded
}

// everything is a profile with all that pprof can say.
func everything(t testing.TB) []byte {
	t.Helper()
	m := []*gprofile.Mapping{
		{ID: 1, Start: 0x400000, Limit: 0x500000, Offset: 0x1000, File: "/bin/app", BuildID: "abc", HasFunctions: true, HasFilenames: true, HasLineNumbers: true, HasInlineFrames: true},
		{ID: 2, Start: 0x7f0000000000, Limit: 0x7f0000001000, File: "[vdso]", HasLineNumbers: true},
	}
	f := []*gprofile.Function{
		{ID: 1, Name: "main.inner", SystemName: "main.inner", Filename: "/app/main.go", StartLine: 90},
		{ID: 2, Name: "main.outer", SystemName: "_main_outer", Filename: "/app/main.go", StartLine: 10},
		{ID: 3},
	}
	l := []*gprofile.Location{
		{ID: 1, Address: 0x400010, Mapping: m[0], Line: []gprofile.Line{{Function: f[0], Line: 99, Column: 7}, {Function: f[1], Line: 12}, {Function: f[0], Line: 3}}},
		{ID: 2, Address: 0xffffffff81000000, IsFolded: true, Line: []gprofile.Line{{Function: f[2], Line: 5}}},
		{ID: 3, Address: 0x7f0000000010, Mapping: m[1]},
		{ID: 4, Line: []gprofile.Line{{Function: f[1], Line: 1 << 40}}},
		{ID: 5, Address: 0x400010, Mapping: m[0], Line: []gprofile.Line{{Function: f[0], Line: 99, Column: 7}, {Function: f[1], Line: 12}, {Function: f[0], Line: 3}}}, // 1 again
		{ID: 6},
	}
	p := &gprofile.Profile{
		SampleType: []*gprofile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}, {Type: "odd", Unit: ""}},
		PeriodType: &gprofile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 10_000_000,
		TimeNanos: 1_700_000_000_000_000_001, DurationNanos: 10_000_000_001,
		DefaultSampleType: "cpu", DropFrames: "drop.*", KeepFrames: "keep.*", DocURL: "https://example.com/doc",
		Comments: []string{"second", "first", ""},
		Mapping:  m, Function: f, Location: l,
		Sample: []*gprofile.Sample{
			{Location: []*gprofile.Location{l[0], l[1], l[2], l[3]}, Value: []int64{1, 10, 0}, Label: map[string][]string{"k": {"v"}}},
			{Location: []*gprofile.Location{l[0], l[1], l[2], l[3]}, Value: []int64{2, 20, 1}, Label: map[string][]string{"k": {"w"}}},
			{Location: []*gprofile.Location{l[4], l[1], l[2], l[3]}, Value: []int64{4, 40, 2}, Label: map[string][]string{"k": {"w"}}}, // the same again
			{Location: []*gprofile.Location{l[3]}, Value: []int64{0, 0, -7}, NumLabel: map[string][]int64{"bytes": {4096}, "wait": {-3}}, NumUnit: map[string][]string{"bytes": {"bytes"}, "wait": {""}}},
			{Location: []*gprofile.Location{l[3]}, Value: []int64{1 << 62, -1 << 63, 1}, Label: map[string][]string{"k": {"b", "a", "b"}, "both": {"text"}}, NumLabel: map[string][]int64{"many": {2, 1}, "both": {5}}},
			{Location: []*gprofile.Location{l[3]}, Value: []int64{0, 0, 0}},
			{Location: []*gprofile.Location{l[5]}, Value: []int64{3, 3, 3}},
			{Value: []int64{5, 5, 5}},
		},
	}
	var body bytes.Buffer
	if err := p.Write(&body); err != nil {
		t.Fatal(err)
	}
	return body.Bytes()
}

func someResource() pcommon.Resource {
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.name", "shop")
	resource.Attributes().PutStr("k8s.pod.name", "shop-1")
	resource.Attributes().PutInt("process.pid", 42)
	return resource
}

func decode(t testing.TB, body []byte) *profile.Profile {
	t.Helper()
	p, err := profile.NewDecoder(profile.Limits{}).Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
