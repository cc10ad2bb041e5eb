// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/heapgate/heapgate/internal/profile"
)

var update = flag.Bool("update", false, "rewrite the out files of testdata/delta/*.txtar")

// TestDeltaFixtures converts the scrapes of `-- in --` one after another, with one Delta.
//
// A scrape begins with its kind and words of its own: at=SECONDS, build=ID, period=N, lasting=SECONDS (the server took the
// difference), stacks=N and bytes=N (limits, of a first scrape), restarted. A sample is its values, its stack from the leaf
// on, and a label. A function without address begins with a question mark. In `-- out --` stands what became of it: of
// each OTLP Profile its type, temporality, time and duration, then the samples.
func TestDeltaFixtures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "delta", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(archive.Files[0].Data))
			out := &archive.Files[1]
			if *update {
				out.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := gocmp.Diff(string(out.Data), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// scrape is one profile of a fixture.
type scrape struct {
	p         *profile.Profile
	restarted bool
	limits    DeltaLimits
}

func replay(t *testing.T, in string) string {
	t.Helper()
	var out strings.Builder
	var delta *Delta
	for _, text := range strings.Split(strings.TrimSpace(in), "\n\n") {
		s := parseScrape(t, text)
		if delta == nil {
			delta = NewDelta(s.limits, nil)
		}
		message, stats, err := Convert(s.p, Options{Delta: delta, Restarted: s.restarted})
		if err != nil {
			t.Fatal(err)
		}
		mustConform(t, message)
		head, _, _ := strings.Cut(text, "\n")
		fmt.Fprintf(&out, "%s: %s\n", head, fmt.Sprintf("%s, %d stacks kept", cmp.Or(strings.TrimSpace(string(stats.Delta)+" "+string(stats.Reset)), "nothing cumulative"), delta.Stacks()))
		for _, p := range message.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().All() {
			b := &reader{dict: message.Dictionary()}
			temporality := b.attributes(p.AttributeIndices())["heapgate.profile.temporality"].Value().Str()
			fmt.Fprintf(&out, "  %s %s at %d for %d s\n", b.text(p.SampleType().TypeStrindex()), temporality, p.Time()/1e9, p.DurationNano()/1e9)
			var lines []string
			for _, s := range p.Samples().All() {
				line := fmt.Sprintf("    %d", s.Values().At(0))
				for _, at := range message.Dictionary().StackTable().At(int(s.StackIndex())).LocationIndices().All() {
					f := message.Dictionary().LocationTable().At(int(at)).Lines().At(0).FunctionIndex()
					line += " " + b.text(message.Dictionary().FunctionTable().At(int(f)).NameStrindex())
				}
				for key, kv := range b.attributes(s.AttributeIndices()) {
					line += " " + key + "=" + kv.Value().AsString()
				}
				lines = append(lines, line+"\n")
			}
			slices.Sort(lines)
			out.WriteString(strings.Join(lines, ""))
		}
	}
	return out.String()
}

var kinds = map[string][]profile.ValueType{
	"heap":      {{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
	"mutex":     {{Type: "contentions", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}},
	"goroutine": {{Type: "goroutine", Unit: "count"}},
	"cpu":       {{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
}

// parseScrape makes the profile of a text. Its locations are in another order each time, as ids of Go are.
func parseScrape(t *testing.T, text string) scrape {
	t.Helper()
	head, rest, _ := strings.Cut(text, "\n")
	words := strings.Fields(head)
	types := kinds[words[0]]
	s := scrape{p: &profile.Profile{SampleTypes: types, PeriodType: types[len(types)-1], Period: 1}}
	build := "b1"
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "at":
			s.p.TimeNanos = int64(n) * 1e9
		case "lasting":
			s.p.DurationNanos = int64(n) * 1e9
		case "period":
			s.p.Period = int64(n)
		case "build":
			build = value
		case "restarted":
			s.restarted = true
		case "stacks":
			s.limits.Stacks = n
		case "bytes":
			s.limits.Bytes = n
		default:
			t.Fatalf("%q in %q", word, head)
		}
	}
	s.p.Mappings = []profile.Mapping{{Start: 0x400000, Limit: 0x800000, File: "/bin/app", BuildID: build}}
	at := map[string]int32{}
	for line := range strings.Lines(rest) {
		var sample profile.Sample
		for _, word := range strings.Fields(line) {
			if n, err := strconv.ParseInt(word, 10, 64); err == nil {
				sample.Values = append(sample.Values, n)
			} else if key, value, ok := strings.Cut(word, "="); ok {
				sample.Labels = append(sample.Labels, profile.Label{Key: key, Str: value})
			} else {
				if _, ok := at[word]; !ok {
					at[word] = int32(len(at))
				}
				sample.Locations = append(sample.Locations, at[word])
			}
		}
		s.p.Samples = append(s.p.Samples, sample)
	}
	s.p.Locations, s.p.Functions = make([]profile.Location, len(at)), make([]profile.Function, len(at))
	shuffled := rand.Perm(len(at))
	for name, i := range at {
		to := int32(shuffled[i])
		s.p.Functions[i] = profile.Function{Name: name}
		s.p.Locations[to] = profile.Location{Mapping: 0, Lines: []profile.Line{{Function: i, Line: 1}}}
		if !strings.HasPrefix(name, "?") {
			s.p.Locations[to].Address = 0x400000 + uint64(len(name))<<8 + uint64(name[len(name)-1])
		}
	}
	for i := range s.p.Samples {
		for j, at := range s.p.Samples[i].Locations {
			s.p.Samples[i].Locations[j] = int32(shuffled[at])
		}
	}
	return s
}
