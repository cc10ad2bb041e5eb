// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// TestProtoOracle adds real profiles up by site and holds the sums to those made with google/pprof; once carefully, once
// quickly, and once as another program writes the same profile.
func TestProtoOracle(t *testing.T) {
	r := NewProtoReader(ProtoLimits{})
	for name, body := range corpus(t) {
		target := &ProtoTarget{Build: NewBuild(BuildLimits{})}
		want := siteOracle(parsePprof(t, body))
		for i, body := range [][]byte{body, body, rewritten(t, body, 1)} {
			careful := r.Careful
			got := classless(readProto(t, r, target, body).Snapshot())
			if quick := r.Careful == careful; quick != (i == 1) {
				t.Errorf("%s, read %d: quick is %v", name, i, quick)
			}
			for j := range got.Sites {
				got.Sites[j].Samples = 0
			}
			got.Total.Samples, got.Observer.Samples = 0, 0
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s, read %d (-google/pprof +got):\n%s", name, i, diff)
			}
		}
	}
}

var oracleGeneric = regexp.MustCompile(`\[.*\]`)

// siteOracle adds up what google/pprof reads, class by class unknown.
func siteOracle(p *profile.Profile) Snapshot {
	s := Snapshot{Rate: p.Period}
	sums, index := siteSums{}, map[stacktext.Place]int{}
	for _, sample := range p.Sample {
		v := Totals{AllocObjects: sample.Value[0], AllocBytes: sample.Value[1], InuseObjects: sample.Value[2], InuseBytes: sample.Value[3]}
		if v == (Totals{}) {
			continue
		}
		s.Total.add(v)
		var site, other, last stacktext.Place
		observer := false
		for _, location := range sample.Location {
			for _, line := range location.Line {
				function := oracleGeneric.ReplaceAllString(line.Function.Name, "[...]")
				at := stacktext.Place{Function: function, File: line.Function.Filename, Line: int(line.Line)}
				observer = observer || oracleMine.MatchString(at.Function) && at.Function != "runtime/pprof.Do"
				if site == (stacktext.Place{}) && !oracleSkip.MatchString(at.Function) {
					site = at
				}
				if other == (stacktext.Place{}) && !hasAnyPrefix(at.Function, allocators) {
					other = at
				}
				if site == (stacktext.Place{}) {
					last = at
				}
			}
		}
		if observer {
			s.Observer.add(v)
			continue
		}
		at := cmp.Or(site, other, last)
		if _, ok := index[at]; !ok {
			index[at] = len(sums.all)
			sums.all = append(sums.all, siteSum{place: at})
		}
		sums.all[index[at]].totals.add(v)
	}
	s.Sites, s.ObserverBytes = sums.sites(), s.Observer.AllocBytes
	return s
}

// rewritten is a profile as google/pprof writes it, which is in another order, with its values multiplied.
func rewritten(t testing.TB, body []byte, times float64) []byte {
	t.Helper()
	p := parsePprof(t, body)
	p.Scale(times)
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestProtoChanges reads two profiles of one process quickly, and the first again, as if it had been restarted.
func TestProtoChanges(t *testing.T) {
	runs := runProto(t, buildProto(t, "go", "exe"), "4096", "20", "first", "second")
	build, r := NewBuild(BuildLimits{}), NewProtoReader(ProtoLimits{})
	teacher := &ProtoTarget{Build: build}
	for _, run := range runs {
		readProto(t, r, teacher, run.proto)
		teachText(t, build, run, teacher.Base())
	}
	target := &ProtoTarget{Build: build}
	if s := readProto(t, r, target, runs[0].proto); !s.First || len(s.Changes) > 0 {
		t.Errorf("first read: %d changes", len(s.Changes))
	}
	first, careful := sitesByKey(readProto(t, r, target, runs[0].proto).Snapshot()), r.Careful
	s := readProto(t, r, target, runs[1].proto)
	if s.First || s.Restarted || s.Relearned || r.Careful != careful {
		t.Errorf("second profile: %+v, read carefully: %v", s, r.Careful != careful)
	}
	got := map[Site]bool{}
	for _, c := range s.Changes {
		at := s.Place(c.Site)
		got[Site{Function: at.Function, File: at.File, Line: at.Line, Class: c.Class, AllocBytes: c.AllocBytes, AllocObjects: c.AllocObjects, InuseBytes: c.InuseBytes, InuseObjects: c.InuseObjects}] = true
	}
	want := map[Site]bool{}
	for key, site := range sitesByKey(s.Snapshot()) {
		was := first[key]
		site = Site{
			Function: site.Function, File: site.File, Line: site.Line, Class: site.Class, AllocBytes: site.AllocBytes - was.AllocBytes, AllocObjects: site.AllocObjects - was.AllocObjects,
			InuseBytes: site.InuseBytes - was.InuseBytes, InuseObjects: site.InuseObjects - was.InuseObjects,
		}
		if site.AllocBytes != 0 || site.InuseBytes != 0 {
			want[site] = true
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" || len(want) < 20 {
		t.Errorf("%d changes (-difference of the snapshots +got):\n%s", len(want), diff)
	}
	if s := readProto(t, r, target, runs[0].proto); !s.Restarted || len(s.Changes) > 0 {
		t.Errorf("smaller totals: restarted %v, %d changes", s.Restarted, len(s.Changes))
	}
	if s := readProto(t, r, target, runs[0].proto); s.Restarted || len(s.Changes) != 0 {
		t.Errorf("the same again: restarted %v, %d changes", s.Restarted, len(s.Changes))
	}
	build.mu.Lock()
	build.version++
	build.mu.Unlock()
	if s := readProto(t, r, target, runs[1].proto); !s.Relearned || len(s.Changes) > 0 {
		t.Errorf("classes were learned: relearned %v, %d changes", s.Relearned, len(s.Changes))
	}
}

func sitesByKey(s Snapshot) map[string]Site {
	m := map[string]Site{}
	for _, site := range s.Sites {
		m[strings.Join([]string{site.Function, site.File, string(rune(site.Line)), string(site.Class)}, "\t")] = site
	}
	return m
}

// TestProtoAllocations: a profile without anything new allocates nothing, and little is kept of it.
func TestProtoAllocations(t *testing.T) {
	r, wire := NewProtoReader(ProtoLimits{}), new(bytes.Reader)
	for name, body := range corpus(t) {
		target := taught(t, r, name, body)
		if n := testing.AllocsPerRun(20, func() {
			wire.Reset(body)
			if _, err := r.Read(wire, target); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
		kept := cap(target.kept)
		t.Logf("%s: %d bytes kept of %d sums", name, kept, len(r.sums.all))
		if kept > 25_000 {
			t.Errorf("%s: %d bytes are kept, want at most 25,000", name, kept)
		}
	}
}

func TestProtoRefused(t *testing.T) {
	all := corpus(t)
	body := all["etcd"]
	cpu := []byte(read(t, "../profile/testdata/go1.26/cpu.pb.gz"))
	broken := errors.New("connection reset")
	for _, test := range []struct {
		name   string
		body   io.Reader
		limits ProtoLimits
		want   error  // is it
		what   string // or a *LimitError of this
	}{
		{name: "empty", body: strings.NewReader(""), want: ErrNotHeapProto},
		{name: "html", body: strings.NewReader("<html>"), want: ErrNotHeapProto},
		{name: "cpu profile", body: bytes.NewReader(cpu), want: ErrNotHeapProto},
		{name: "cut", body: bytes.NewReader(body[:len(body)/2]), want: ErrTruncated},
		{name: "broken", body: io.MultiReader(bytes.NewReader(body[:100]), iotest.ErrReader(broken)), want: broken},
		{name: "another build", body: bytes.NewReader(all["kube-apiserver"]), want: ErrOtherBuild},
		{name: "wire", body: bytes.NewReader(body), limits: ProtoLimits{WireBytes: int64(len(body)) - 1}, what: "bytes on the wire"},
		{name: "bytes", body: bytes.NewReader(body), limits: ProtoLimits{Bytes: 8000}, what: "bytes"},
		{name: "samples", body: bytes.NewReader(body), limits: ProtoLimits{Samples: 20}, what: "samples"},
		{name: "locations", body: bytes.NewReader(body), limits: ProtoLimits{Locations: 20}, what: "locations"},
		{name: "frames", body: bytes.NewReader(body), limits: ProtoLimits{Frames: 2}, what: "locations of one sample"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := taught(t, NewProtoReader(ProtoLimits{}), "etcd", body)
			before := *target
			s, err := NewProtoReader(test.limits).Read(test.body, target)
			if s != nil || err == nil {
				t.Fatalf("got %v, %v", s, err)
			}
			var limit *LimitError
			if test.want != nil && !errors.Is(err, test.want) || test.what != "" && (!errors.As(err, &limit) || limit.What != test.what) {
				t.Errorf("got %v, want %v %s", err, test.want, test.what)
			}
			if target.total != before.total || !slices.Equal(target.kept, before.kept) {
				t.Error("a refused profile changed what is kept")
			}
		})
	}
}

func TestProtoNegative(t *testing.T) {
	r, body := NewProtoReader(ProtoLimits{}), corpus(t)["etcd"]
	var syntax *SyntaxError
	if _, err := r.Read(bytes.NewReader(rewritten(t, body, -1)), &ProtoTarget{Build: NewBuild(BuildLimits{})}); !errors.As(err, &syntax) {
		t.Errorf("got %v, want a syntax error", err)
	}
}

// TestBuildLimits: what does not fit is not learned, the totals stay right.
func TestBuildLimits(t *testing.T) {
	r, body := NewProtoReader(ProtoLimits{}), corpus(t)["etcd"]
	want := readProto(t, r, &ProtoTarget{Build: NewBuild(BuildLimits{})}, body).Total
	for _, limits := range []BuildLimits{{Addresses: 50}, {Sites: 40}} {
		target := &ProtoTarget{Build: NewBuild(limits)}
		for range 2 {
			if got := readProto(t, r, target, body).Snapshot(); got.Total != want || sumOf(got) != want {
				t.Errorf("%+v: total %+v, sites and observer %+v, want %+v", limits, got.Total, sumOf(got), want)
			}
		}
		if stats := target.Build.Stats(); !stats.Full || limits.Addresses > 0 && stats.Addresses > limits.Addresses || limits.Sites > 0 && stats.Sites > limits.Sites {
			t.Errorf("%+v: %+v", limits, stats)
		}
	}
}

func sumOf(s Snapshot) Totals {
	sum := s.Observer
	for _, site := range s.Sites {
		sum.add(Totals{site.AllocBytes, site.AllocObjects, site.InuseBytes, site.InuseObjects, site.Samples})
	}
	return sum
}

// TestProtoSamples: the raw number of sampled blocks comes back from what the writer made of it.
func TestProtoSamples(t *testing.T) {
	sums := protoSums{}
	for _, rate := range []int64{2, 4096, 524288} {
		sums.setRate(rate)
		for _, size := range []int64{1, 8, 48, 1024, 32768, 1 << 20, 1 << 26} {
			for _, n := range []int64{1, 2, 3, 77, 1000, 123456} {
				objects, _, _ := unsample(n, n*size, rate)
				scale := sums.scale(size)
				got := scale.samples(objects)
				if got != n {
					t.Errorf("rate %d, %d blocks of %d: got %d", rate, n, size, got)
				}
				if want := variance(n, n*size, rate); math.Abs(float64(got)*scale.variance-want) > 1e-6*want {
					t.Errorf("rate %d, %d blocks of %d: variance %g, want %g", rate, n, size, float64(got)*scale.variance, want)
				}
			}
		}
	}
}

// TestProtoRate: a process that samples at another rate than the one whose text was learned.
func TestProtoRate(t *testing.T) {
	b := NewBuild(BuildLimits{})
	b.rate = 4096
	b.spots = append(b.spots, spot{offset: 1})
	b.learn(addressSize{1, 48}, way{}, &Learned{})
	sums := protoSums{}
	for _, rate := range []int64{4096, 524288} {
		sums.reset(b)
		sums.setRate(rate)
		objects, bytes, _ := unsample(77, 77*48, rate)
		if !sums.add(&protoStack{leaf: 0, way: -1, site: 0}, &[4]int64{objects, bytes, 0, 0}, 48) || sums.close() != nil || sums.total.Samples != 77 || sums.unseen != 0 {
			t.Errorf("rate %d: %+v, want 77 samples", rate, sums.total)
		}
	}
}
