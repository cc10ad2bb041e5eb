// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/internal/signal"
)

// TestDecode: what of testdata/decode/*.txtar's batches becomes an observation, and what is noted. The batches are written as
// those of TestFixtures.
func TestDecode(t *testing.T) {
	files, err := filepath.Glob("testdata/decode/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	decoded := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, block := range blocks(string(archive.Files[0].Data)) {
				fmt.Fprintln(&out, block[0])
				for _, rm := range parseBatch(t, block).ResourceMetrics().All() {
					var r signal.Report
					o := decode(rm, &r)
					fmt.Fprintf(&out, "  resource%s\n", textOf(rm.Resource().Attributes()))
					writeKnown(&out, "    ", reflect.ValueOf(o), decoded)
					for _, n := range r.Notes {
						fmt.Fprintf(&out, "    %s %s %s %d\n", n.Event, n.Subject, n.Reason, n.N)
					}
				}
			}
			got := []txtar.File{archive.Files[0], {Name: "out", Data: []byte(out.String())}}
			if *update {
				archive.Files = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(archive.Files, got, cmp.Transformer("text", func(b []byte) string { return string(b) })); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for _, part := range []reflect.Type{
		reflect.TypeFor[signal.Observation](), reflect.TypeFor[signal.Heap](), reflect.TypeFor[signal.Site](), reflect.TypeFor[signal.Family](),
		reflect.TypeFor[signal.Trace](), reflect.TypeFor[signal.CPUProfile](), reflect.TypeFor[signal.Exec](), reflect.TypeFor[signal.Goroutines](),
		reflect.TypeFor[signal.GoroutineSite](),
	} {
		for i := range part.NumField() {
			if name := part.Name() + "." + part.Field(i).Name; !decoded[name] && name != "Observation.Peers" {
				t.Errorf("%s is in no fixture", name)
			}
		}
	}
}

// writeKnown writes what is not absent: a part on a line of its own, then its fields. It notes which these were.
func writeKnown(out *strings.Builder, indent string, v reflect.Value, decoded map[string]bool) {
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		if !f.IsZero() {
			decoded[v.Type().Name()+"."+name] = true
		}
		switch {
		case f.IsZero():
		case f.Type() == reflect.TypeFor[signal.Number]():
			fmt.Fprintf(out, "%s%s %v\n", indent, name, f.Field(0))
		case f.Kind() == reflect.Pointer:
			fmt.Fprintf(out, "%s%s\n", indent, name)
			writeKnown(out, indent+"  ", f.Elem(), decoded)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for i := range f.Len() {
				fmt.Fprintf(out, "%s%s\n", indent, name)
				writeKnown(out, indent+"  ", f.Index(i), decoded)
			}
		default:
			fmt.Fprintf(out, "%s%s %v\n", indent, name, f)
		}
	}
}

// TestDecodesTheDictionary: each metric that is read is one of receiver/metadata.yaml, and each of these is read or known not to be.
func TestDecodesTheDictionary(t *testing.T) {
	text, err := os.ReadFile("../receiver/metadata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var dictionary struct{ Metrics map[string]any }
	if err := yaml.Unmarshal(text, &dictionary); err != nil {
		t.Fatal(err)
	}
	dictionary.Metrics["go.memory.gc.pause.duration"] = nil // built by hand
	unread := []string{
		"heapgate.contention.count", "heapgate.contention.time", "heapgate.cpu.profile.map_share", "heapgate.gctrace.records",
		"heapgate.goroutine.by_state", "heapgate.goroutine.site.growth", "heapgate.heap.objects", "heapgate.load.requests", "heapgate.process.crashes", "heapgate.scrape.cost",
		"heapgate.scrape.duration", "heapgate.scrape.errors", "heapgate.scrape.interval", "heapgate.site.inuse_objects", "heapgate.target.up",
		"heapgate.trace.mark_assist.time", "heapgate.trace.stw.count",
	}
	for _, name := range unread {
		if readers[name] != nil {
			t.Errorf("%s is read", name)
		}
		if _, ok := dictionary.Metrics[name]; !ok {
			t.Errorf("%s is not in the dictionary", name)
		}
		delete(dictionary.Metrics, name)
	}
	for name := range readers {
		if _, ok := dictionary.Metrics[name]; !ok {
			t.Errorf("%s is read, and is not in receiver/metadata.yaml", name)
		}
		delete(dictionary.Metrics, name)
	}
	for name := range dictionary.Metrics {
		t.Errorf("%s is not read", name)
	}
}

// TestOverlongNames: a site whose name no compiler wrote is left out and counted, the others stay.
func TestOverlongNames(t *testing.T) {
	batch := scrape("a", 1, 2)
	long := strings.Repeat("x", mostName+1)
	for _, m := range batch.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Name() == "heapgate.site.allocated" {
			m.Gauge().DataPoints().At(0).Attributes().PutStr("code.function.name", long)
			m.Gauge().DataPoints().At(1).Attributes().PutStr("code.file.path", long)
		}
	}
	var r signal.Report
	o := decode(batch.ResourceMetrics().At(0), &r)
	want := []signal.Note{{Event: signal.Refused, Subject: signal.OfSite, Reason: tooLong, N: 2}}
	if diff := cmp.Diff(want, r.Notes); diff != "" {
		t.Errorf("notes, -want +got:\n%s", diff)
	}
	for _, s := range o.Heap.Sites {
		if len(s.Function) > mostName || len(s.File) > mostName {
			t.Errorf("a site with a name of %d bytes is kept", max(len(s.Function), len(s.File)))
		}
	}
}

// TestWhole: what no integer can hold is the nearest one that can.
func TestWhole(t *testing.T) {
	for v, want := range map[float64]int64{1e300: math.MaxInt64, -1e300: math.MinInt64, math.MaxInt64: math.MaxInt64, 2.9: 2, -2.9: -2} {
		if got := whole(v); got != want {
			t.Errorf("%v becomes %d, want %d", v, got, want)
		}
	}
}
