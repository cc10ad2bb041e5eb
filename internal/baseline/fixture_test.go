// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected lines in testdata")

// start is the hour of week 0, Thursday 0:00 UTC, to which the hours of a fixture are added.
const start = 2900 * slots

// TestFixtures plays testdata/*.txtar. `-- in --` has one line each; hours count from a start, 24 are a day and 168 a week:
//
//	kind share|slope                 what is heard: 0 or more with a floor of 1, or signed with a floor of 0.1
//	weeks N samples N                the settings, before anything is heard
//	hear FROM..TO VALUE SPREAD       in each hour from FROM to before TO five points: VALUE, and one and two SPREAD more and less
//	night FROM..TO VALUE SPREAD      the same, in the hours 0 to 5 of each day only
//	office FROM..TO VALUE SPREAD     the same, in the hours 8 to 17 of each day only
//	once HOUR VALUE                  one point, which is too few for an hour
//	expect HOUR VALUE                what is usual at HOUR and how far VALUE is from it
//
// `-- out --` has a line for each expect.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := playFixture(t, string(archive.Files[0].Data))
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

var fixtureKinds = map[string]Kind{"share": {Name: "share", Floor: 1}, "slope": {Name: "slope", Signed: true, Floor: 0.1}}

func playFixture(t *testing.T, in string) string {
	set := &Settings{Weeks: 6, MinSamples: 3, Kinds: []Kind{fixtureKinds["share"]}}
	w := New(set)
	var out strings.Builder
	for line := range strings.Lines(in) {
		var word string
		var from, to int64
		var value, spread float64
		line = strings.TrimSpace(line)
		_, _ = fmt.Sscan(line, &word) // an empty line has none
		var err error
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case word == "kind":
			var kind string
			_, err = fmt.Sscanf(line, "kind %s", &kind)
			set.Kinds[0] = fixtureKinds[kind]
		case word == "weeks":
			_, err = fmt.Sscanf(line, "weeks %d samples %d", &set.Weeks, &set.MinSamples)
			w = New(set)
		case word == "hear" || word == "night" || word == "office":
			_, err = fmt.Sscanf(line, word+" %d..%d %g %g", &from, &to, &value, &spread)
			for hour := from; hour < to; hour++ {
				if day := hour % 24; word == "hear" || word == "night" && day < 6 || word == "office" && day >= 8 && day < 18 {
					hearHour(w, start+hour, value, spread)
				}
			}
		case word == "once":
			_, err = fmt.Sscanf(line, "once %d %g", &from, &value)
			w.Begin(start + from)
			w.Learn(0, start+from, value)
		case word == "expect":
			_, err = fmt.Sscanf(line, "expect %d %g", &from, &value)
			w.Elapse(start + from)
			fmt.Fprintf(&out, "%s: %s\n", strings.TrimPrefix(line, "expect "), describe(w.Expect(0, start+from), value))
		default:
			t.Fatalf("%q: no such line", line)
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return out.String()
}

func hearHour(w *Workload, hour int64, value, spread float64) {
	w.Begin(hour)
	for i := -2.0; i <= 2; i++ {
		w.Learn(0, hour, value+i*spread)
	}
}

func describe(e Expectation, value float64) string {
	basis := [...]string{"nothing", "all hours", "hour of day", "hour of week"}[e.Basis]
	if e.Basis == None {
		return fmt.Sprintf("%s, %d samples, %d of %d weeks", basis, e.Samples, e.Weeks, e.Needed)
	}
	claim := "no claim"
	if e.Claim {
		claim = "claim"
	}
	return fmt.Sprintf("%s, %d samples, %d of %d weeks, expected %.4g, band %.4g to %.4g, scale %.3g, deviation %.3g, %s",
		basis, e.Samples, e.Weeks, e.Needed, e.Expected, e.Low, e.High, e.Scale, e.Deviation(value), claim)
}
