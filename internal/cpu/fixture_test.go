// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cpu

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"
	pprof "github.com/google/pprof/profile"
)

func record(t *testing.T, version, mode string, body []byte) {
	t.Helper()
	dir := filepath.Join("testdata", version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, mode+".pb.gz"), body, 0o644); err != nil {
		t.Fatal(err)
	}
}

func fixtures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/go1.*/*.pb.gz")
	if err != nil || len(files) < 4 {
		t.Fatalf("got %d profiles, want those of old maps and of Swiss maps (%v)", len(files), err)
	}
	return files
}

// TestFixtures reads recorded profiles of Go 1.19 and 1.26.
func TestFixtures(t *testing.T) {
	for _, file := range fixtures(t) {
		t.Run(filepath.ToSlash(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := result(t, body)
			got := table(r)
			expected := strings.TrimSuffix(file, ".pb.gz") + ".txt"
			if *update {
				if err := os.WriteFile(expected, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkOracle(t, body, r)
		})
	}
}

// table shows a result for a reader, without what is nothing.
func table(r Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(what string, s Share) {
		if s.Samples == 0 {
			return
		}
		fmt.Fprintf(w, "%s\t%.4f\t±%.4f\t%v\t%d samples\n", what, s.Share, s.StdErr, s.CPU, s.Samples)
	}
	fmt.Fprintf(w, "usage\t%.3f cores\t\tin %v\n", r.Usage, r.Duration)
	row("program", r.Program)
	row("observer", r.Observer)
	for _, c := range r.GC {
		row("  "+string(c.Class), c.Share)
	}
	row("GC total", r.TotalShare)
	row("GC mark", r.MarkShare)
	row("map growth", r.MapGrowth)
	for _, s := range r.Sites {
		row(fmt.Sprintf("  %s %s:%d", s.Function, s.File, s.Line), s.Share)
	}
	row("  other", r.Other)
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	return b.String()
}

// checkSums holds the parts to their wholes.
func checkSums(t testing.TB, r Result) {
	t.Helper()
	var total, mark, growth Share
	add := func(to *Share, s Share) {
		to.Share, to.CPU, to.Samples = to.Share+s.Share, to.CPU+s.CPU, to.Samples+s.Samples
	}
	for i, c := range r.GC {
		if c.Class != Classes[i] || !(c.StdErr >= 0 && c.StdErr <= 0.5) || c.CPU < 0 {
			t.Errorf("class %d is %+v", i, c)
		}
		add(&total, c.Share)
		if c.Class == Assist || c.Class == MarkBG {
			add(&mark, c.Share)
		}
	}
	for _, s := range r.Sites {
		add(&growth, s.Share)
	}
	add(&growth, r.Other)
	for _, c := range []struct {
		name      string
		want, got Share
	}{{"total", r.TotalShare, total}, {"mark", r.MarkShare, mark}, {"map growth", r.MapGrowth, growth}} {
		if c.got.CPU != c.want.CPU || c.got.Samples != c.want.Samples || math.Abs(c.got.Share-c.want.Share) > 1e-9 {
			t.Errorf("%s is %+v, its parts are %+v", c.name, c.want, c.got)
		}
	}
	if rest := r.Program.CPU - r.TotalShare.CPU - r.MapGrowth.CPU; rest < 0 {
		t.Errorf("the parts are %v more than the program", -rest)
	}
}

// The frames of the runtime, as a reader of its source would write them down.
var (
	gcFrames = []struct {
		class Class
		name  *regexp.Regexp
	}{
		{Assist, regexp.MustCompile(`^runtime\.(gcAssistAlloc1?|deductAssistCredit)(\.func\d+)*$`)},
		{MarkBG, regexp.MustCompile(`^runtime\.gcBgMarkWorker(\.func\d+)*$`)},
		{Sweep, regexp.MustCompile(`^runtime\.(bgsweep|sweepone|deductSweepCredit|\(\*sweepLocked\)\.sweep|\(\*mcentral\)\.uncacheSpan)(\.func\d+)*$`)},
		{Scavenge, regexp.MustCompile(`^runtime\.(bgscavenge|\(\*scavengerState\)\.run|\(\*pageAlloc\)\.scavenge\w*)(\.func\d+)*$`)},
		{Control, regexp.MustCompile(`^runtime\.(gcStart|gcMarkDone|gcMarkTermination|gcSweep)(\.func\d+)*$`)},
		{WriteBarrier, regexp.MustCompile(`^runtime\.(wbBufFlush1?|gcWriteBarrier\w*|bulkBarrierPreWrite\w*)(\.func\d+)*$`)},
		{MarkAlloc, regexp.MustCompile(`^runtime\.gcmarknewobject$`)},
	}
	growFrames = regexp.MustCompile(`^runtime\.(hashGrow|growWork\w*|evacuate\w*|\(\*hmap\)\.(newoverflow|createOverflow))$|` +
		`^internal/runtime/maps\.(\(\*table\)\.(rehash|grow|split|uncheckedPutSlot|pruneTombstones)|\(\*Map\)\.(growToSmall|growToTable|installTableSplit))$`)
	observerFrames = regexp.MustCompile(`^(net/http/pprof|runtime/pprof)\.`)
)

// checkOracle classifies the same profile with google/pprof and regular expressions.
func checkOracle(t *testing.T, body []byte, r Result) {
	t.Helper()
	p, err := pprof.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	want := map[Class]int64{}
	var grown, observed int64
	for _, s := range p.Sample {
		class, grows, observer := Class(""), false, false
		for _, location := range s.Location {
			for _, line := range location.Line {
				name := line.Function.Name
				for _, f := range gcFrames {
					if class == "" && f.name.MatchString(name) {
						class = f.class
					}
				}
				grows = grows || growFrames.MatchString(name)
				observer = observer || observerFrames.MatchString(name)
			}
		}
		switch {
		case observer:
			observed += s.Value[1]
		case class != "":
			want[class] += s.Value[1]
		case grows:
			grown += s.Value[1]
		}
	}
	for _, c := range r.GC {
		if int64(c.CPU) != want[c.Class] {
			t.Errorf("%s is %v, google/pprof says %d", c.Class, c.CPU, want[c.Class])
		}
	}
	if int64(r.MapGrowth.CPU) != grown || int64(r.Observer.CPU) != observed {
		t.Errorf("map growth %v and observer %v, google/pprof says %d and %d", r.MapGrowth.CPU, r.Observer.CPU, grown, observed)
	}
}
