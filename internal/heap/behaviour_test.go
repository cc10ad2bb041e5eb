// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// tail is a MemStats tail, which the fixtures write as the line MEMSTATS.
var tail = `
# runtime.MemStats
# Alloc = 1000
# TotalAlloc = 5000
# Stack = 30 / 40
# NextGC = 4194304
# LastGC = 1795256998479587485
# PauseNs = [10 20 30 40` + strings.Repeat(" 0", 252) + `]
# PauseEnd = [101 202 303 404` + strings.Repeat(" 0", 252) + `]
# NumGC = 4
# NumForcedGC = 1
# GCCPUFraction = 0.0125
# DebugGC = false
# MaxRSS = 12189696
`

func expand(in []byte) string {
	text := strings.Replace(string(in), "MEMSTATS\n", tail, 1)
	text, _, _ = strings.Cut(text, "CUT\n") // a text without a newline at its end
	text = strings.ReplaceAll(text, "\\xff", "\xff")
	return strings.ReplaceAll(text, "\\e", "\x1b")
}

// eachFixture runs the text files of a folder: `-- in --` (a heap text), `-- symbols --` (of /debug/pprof/symbol),
// `-- out --`.
func eachFixture(t *testing.T, folder string, show func(t *testing.T, in, symbols string) string) {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s (%v)", folder, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, part := range archive.Files {
				parts[part.Name] = string(part.Data)
			}
			got := show(t, expand([]byte(parts["in"])), parts["symbols"])
			if diff := cmp.Diff(parts["out"], got); diff != "" && !*update {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if *update {
				setPart(archive, "out", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func setPart(archive *txtar.Archive, name, data string) {
	for i := range archive.Files {
		if archive.Files[i].Name == name {
			archive.Files[i].Data = []byte(data)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(data)})
}

// TestBehaviour shows what a text says: its sites, and what must be asked.
func TestBehaviour(t *testing.T) {
	eachFixture(t, "behaviour", func(t *testing.T, in, symbols string) string {
		text := parse(t, in)
		s := text.Snapshot(lookup(t, symbols))
		checkSums(t, s)
		return table(s)
	})
}

// TestRefused shows why a text is refused as a whole.
func TestRefused(t *testing.T) {
	eachFixture(t, "refused", func(t *testing.T, in, _ string) string {
		text, err := Parse(strings.NewReader(in), Limits{})
		if err == nil || text != nil {
			t.Fatalf("got a text and error %v, want an error alone", err)
		}
		return err.Error() + "\n"
	})
}

// checkSums holds the sites and the observer to the total.
func checkSums(t *testing.T, s Snapshot) {
	t.Helper()
	sum := s.Observer
	for _, site := range s.Sites {
		if !sum.add(Totals{site.AllocBytes, site.AllocObjects, site.InuseBytes, site.InuseObjects, site.Samples}) {
			t.Error("the sites' sum overflows")
		}
		if min(site.AllocBytes, site.AllocObjects, site.InuseBytes, site.InuseObjects, site.Samples) < 0 || !(site.StdErrBytes >= 0) {
			t.Errorf("negative: %+v", site)
		}
	}
	if sum != s.Total {
		t.Errorf("sites and observer add up to %+v, total is %+v", sum, s.Total)
	}
}
