// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected signals in testdata")

// epoch is added to the times of a fixture, so that they have the precision of real ones.
const epoch = 1_700_000_000

// parts are the folders of testdata and the beginnings of the names of the signals that their fixtures show: each part of a
// target has its own, so that a new signal of one does not change the pages of another.
var parts = map[string][]string{
	"halves": {"cycles", "gc.cpu.share", "gc.limit_pressure", "gc.pause.max", "gc.pause.p99", "heap.allocation_rate", "heap.live", "map.doublings", "map.growth",
		"map.retained_share", "map.samples", "map.sites", "window"},
	"gc":       {"gc.", "memory.limit_inferred", "lag", "warning"},
	"climb":    {"heap.", "memory.", "advice.", "warning"},
	"maps":     {"map.", "warning"},
	"families": {"family.", "warning{family."},
	"blocking": {"goroutine.", "warning{goroutine."},
}

// TestFixtures plays testdata/PART/*.txtar. `-- in --` has one observation a line; a site or family line belongs to the heap
// line before, a stand line to the goroutines line before. Times are seconds, sizes bytes; what is not written is absent.
// `-- out --` has the notes, signals and changes of each observation.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		part := filepath.Base(filepath.Dir(file))
		t.Run(part+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			if parts[part] == nil {
				t.Fatalf("%s: no such part", part)
			}
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			set, observations := parseIn(t, string(archive.Files[0].Data))
			got := play(set, observations, part)
			if *update {
				archive.Files = []txtar.File{archive.Files[0], {Name: "out", Data: []byte(got)}}
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(archive.Files) != 2 {
				t.Fatalf("want the files in and out, got %d files", len(archive.Files))
			}
			if diff := gocmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func play(set Settings, observations []Observation, part string) string {
	var target Target
	var out strings.Builder
	for _, o := range observations {
		var r Report
		target.Observe(o, set, &r)
		describe(&out, o, &r, part)
	}
	return out.String()
}

func describe(out *strings.Builder, o Observation, r *Report, part string) {
	at, half := uint64(0), ""
	if o.Heap != nil {
		at, half = o.Heap.At, "heap"
	}
	if o.Trace != nil {
		at, half = o.Trace.At, strings.TrimPrefix(half+"+trace", "+")
	}
	if o.CPU != nil {
		at, half = o.CPU.At, "cpu"
	}
	if o.Exec != nil {
		at, half = o.Exec.At, "exec"
	}
	if o.Goroutines != nil {
		at, half = o.Goroutines.At, "goroutines"
	}
	fmt.Fprintf(out, "%s t=%s\n", half, number(seconds(at)-epoch))
	for _, n := range r.Notes {
		fmt.Fprintf(out, "  %s: %s %s (%d)\n", n.Event, n.Subject, n.Reason, n.N)
	}
	signals := slices.Clone(r.Signals)
	slices.SortStableFunc(signals, func(a, b Signal) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range signals {
		what := s.Name.String()
		if s.Name == Warning || s.Name == BaselineDeviation {
			what += "{" + s.Of.String() + "}"
		}
		if !slices.ContainsFunc(parts[part], func(beginning string) bool { return strings.HasPrefix(what, beginning) }) {
			continue
		}
		if s.Label != "" {
			what += "{" + s.Label + "}"
		}
		if s.Reason != "" {
			what += "{" + s.Reason + "}"
		}
		if s.Source != "" {
			what += "{" + string(s.Source) + "}"
		}
		if s.Site != nil {
			what += fmt.Sprintf("{%s %s:%d %s}", s.Site.Function, s.Site.File, s.Site.Line, s.Site.Class)
		}
		fmt.Fprintf(out, "  %s %s\n", what, number(s.Value))
	}
	for _, c := range r.Changes {
		what := c.Name.String()
		if !slices.ContainsFunc(parts[part], func(beginning string) bool { return strings.HasPrefix(what, beginning) }) {
			continue
		}
		if c.Site != nil {
			what += fmt.Sprintf("{%s %s:%d %s}", c.Site.Function, c.Site.File, c.Site.Line, c.Site.Class)
		}
		fmt.Fprintf(out, "  changed: %s %q -> %q (%s): %s\n", what, c.From, c.To, c.Reason, c.Text)
	}
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func parseIn(t *testing.T, text string) (Settings, []Observation) {
	t.Helper()
	set := Settings{Window: 10 * time.Minute, MaxSnapshots: 20, MaxSites: 64}
	var observations []Observation
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		v := fields{t, map[string]string{}}
		for _, word := range words[1:] {
			if words[0] == "runtime" {
				break // not key=value
			}
			key, value, ok := strings.Cut(word, "=")
			if !ok {
				t.Fatalf("want key=value, got %q in %q", word, line)
			}
			v.text[key] = value
		}
		switch words[0] {
		case "settings":
			set.Window = time.Duration(v.number("window").Value * 1e9)
			if n := v.number("snapshots"); n.Known {
				set.MaxSnapshots = int(n.Value)
			}
			if n := v.number("sites"); n.Known {
				set.MaxSites = int(n.Value)
			}
		case "heap":
			observations = append(observations, Observation{Heap: v.heap()})
		case "site":
			h := observations[len(observations)-1].Heap
			h.Sites = append(h.Sites, v.site())
		case "family":
			h := observations[len(observations)-1].Heap
			h.Families = append(h.Families, v.family())
		case "trace":
			observations = append(observations, Observation{Trace: v.trace()})
		case "cpu":
			observations = append(observations, Observation{CPU: v.cpu()})
		case "exec":
			observations = append(observations, Observation{Exec: v.exec()})
		case "goroutines":
			observations = append(observations, Observation{Goroutines: v.goroutines()})
		case "stand":
			g := observations[len(observations)-1].Goroutines
			key := v.key()
			key.Class = strings.ReplaceAll(key.Class, "+", " ") // class=chan+receive
			g.Sites = append(g.Sites, GoroutineSite{key, v.number("count"), v.number("leaked")})
		case "peers": // of the observation before
			observations[len(observations)-1].Peers = AgeSlope{v.number("upper"), int(v.number("samples").Value)}
		case "runtime":
			observations[len(observations)-1].Runtime = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "runtime"))
			clear(v.text)
		default:
			t.Fatalf("want settings, heap, site, family, trace, cpu, exec, goroutines, stand, peers or runtime, got %q", line)
		}
		for key := range v.text {
			t.Fatalf("unknown key %q in %q", key, line)
		}
	}
	return set, observations
}

// fields are the key=value pairs of a line; reading one takes it away.
type fields struct {
	t    *testing.T
	text map[string]string
}

func (f fields) number(key string) Number {
	text, ok := f.text[key]
	delete(f.text, key)
	if !ok {
		return Number{}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		f.t.Fatalf("%s: %v", key, err)
	}
	return Of(v)
}

func (f fields) unix(key string) Number {
	n := f.number(key)
	if n.Known {
		n.Value += epoch
	}
	return n
}

func (f fields) nanoseconds(key string) uint64 {
	return uint64((f.number(key).Value + epoch) * 1e9)
}

func (f fields) list(key string) (list []float64) {
	text, ok := f.text[key]
	delete(f.text, key)
	if !ok {
		return nil
	}
	for _, item := range strings.Split(text, ",") {
		v, err := strconv.ParseFloat(item, 64)
		if err != nil {
			f.t.Fatalf("%s: %v", key, err)
		}
		list = append(list, v)
	}
	return list
}
