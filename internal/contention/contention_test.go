// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package contention

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/heapgate/heapgate/internal/profile"
)

var update = flag.Bool("update", false, "rewrite the fixtures; with -run TestProgram also record testdata/go1.NN")

// TestBehaviour shows what stacks say. `-- in --` has `sites N`, `kind mutex`, and one line a stack: contentions,
// milliseconds, then its frames from the leaf, `function` or `function:line`.
func TestBehaviour(t *testing.T) {
	files, err := filepath.Glob("testdata/behaviour/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, kind, limits := stacks(t, string(archive.Files[0].Data))
			r, err := Of(p, kind, limits)
			if err != nil {
				t.Fatal(err)
			}
			checkSums(t, r)
			got := table(r)
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "out", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// stacks makes a profile of a fixture's text.
func stacks(t *testing.T, text string) (p *profile.Profile, kind Kind, limits Limits) {
	t.Helper()
	p = &profile.Profile{SampleTypes: []profile.ValueType{{Type: "contentions", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}}}
	kind = Block
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case words[0] == "kind":
			kind = Kind(words[1])
			continue
		case words[0] == "sites":
			fmt.Sscan(words[1], &limits.Sites)
			continue
		}
		var count, delay int64
		if _, err := fmt.Sscan(line, &count, &delay); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s := profile.Sample{Values: []int64{count, delay * 1e6}}
		for _, frame := range words[2:] {
			name, number, _ := strings.Cut(frame, ":")
			at := profile.Line{Function: int32(len(p.Functions))}
			fmt.Sscan(number, &at.Line)
			p.Functions = append(p.Functions, profile.Function{Name: name, File: "x.go"})
			s.Locations = append(s.Locations, int32(len(p.Locations)))
			p.Locations = append(p.Locations, profile.Location{Mapping: -1, Lines: []profile.Line{at}})
		}
		p.Samples = append(p.Samples, s)
	}
	return p, kind, limits
}

// table shows a result for a reader.
func table(r Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(what string, wait Wait, t Totals) {
		fmt.Fprintf(w, "%s\t%d\t%v\t%s\n", what, t.Count, t.Delay, wait)
	}
	fmt.Fprintf(w, "%s enabled %v\n", r.Kind, r.Enabled)
	for _, s := range r.Sites {
		row(fmt.Sprintf("%s %s:%d", s.Function, s.File, s.Line), s.Wait, s.Totals)
	}
	row("other", "", r.Other)
	row("observer", "", r.Observer)
	row("total", "", r.Total)
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	return b.String()
}

func checkSums(t testing.TB, r Result) {
	t.Helper()
	sum := r.Observer
	sum.add(r.Other)
	seen := map[string]bool{}
	for _, s := range r.Sites {
		sum.add(s.Totals)
		key := fmt.Sprint(s.Place)
		if seen[key] || s.Wait == "" || s.Delay < 0 || s.Count < 0 {
			t.Errorf("site %+v", s)
		}
		seen[key] = true
	}
	if sum != r.Total {
		t.Errorf("the parts add up to %+v, total is %+v", sum, r.Total)
	}
}

// TestRefused: a profile of something else, and sums that cannot be.
func TestRefused(t *testing.T) {
	p, kind, limits := stacks(t, "1 1 main.f\n1 1 main.g")
	p.Samples[0].Values[1], p.Samples[1].Values[1] = 1<<62, 1<<62
	if r, err := Of(p, kind, limits); !errors.Is(err, errOverflow) || r.Enabled {
		t.Errorf("got %+v and %v, want an overflow", r, err)
	}
	p.SampleTypes[0].Type = "samples"
	if r, err := Of(p, kind, limits); !errors.Is(err, ErrNotContention) || r.Enabled {
		t.Errorf("got %+v and %v, want ErrNotContention alone", r, err)
	}
}

// TestOddReferences: samples without all values and indices that refer to nothing do not stop the rest.
func TestOddReferences(t *testing.T) {
	p, kind, limits := stacks(t, "1 1 main.f\n2 2 main.g\n4 4 main.h")
	p.Samples[0].Values = p.Samples[0].Values[:1]
	p.Samples[1].Values[0] = -1
	p.Samples[2].Locations = append(p.Samples[2].Locations, -1, 99)
	p.Locations[p.Samples[2].Locations[0]].Lines[0].Function = -1
	r, err := Of(p, kind, limits)
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, r)
	if r.Total.Count != 4 || len(r.Sites) != 1 || r.Sites[0].Function != "unknown" || len(r.Warnings) != 1 {
		t.Errorf("got %+v", r)
	}
}

func decode(t testing.TB, body []byte) *profile.Profile {
	t.Helper()
	p, err := profile.NewDecoder(profile.Limits{}).Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzOf: a result or an error, never both; the parts are the total; no more sites than the limit.
func FuzzOf(f *testing.F) {
	files, err := filepath.Glob("testdata/go1.*/*.pb.gz")
	if err != nil || len(files) == 0 {
		f.Fatalf("no profiles (%v)", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := profile.NewDecoder(profile.Limits{Bytes: 1 << 20}).Decode(bytes.NewReader(body))
		if err != nil {
			return
		}
		r, err := Of(p, Block, Limits{Sites: 3})
		if (r.Kind == "") == (err == nil) || len(r.Sites) > 3 {
			t.Fatalf("got %+v and error %v", r, err)
		}
		checkSums(t, r)
	})
}
