// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// TestBehaviour shows what events say. `-- in --` has one event a line: the time in µs, and what happened.
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
			m := newMachine(Limits{}.withDefaults())
			for line := range strings.Lines(string(archive.Files[0].Data)) {
				if words := strings.Fields(line); len(words) > 0 {
					play(t, m, words)
				}
			}
			r := m.result()
			checkResult(t, r)
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

// play gives one event to the machine: `T gc begin|end`, `T stw REASON`, `T stw end`, `T gN runs|exits|ready`,
// `T gN blocks REASON [FRAME...]`, `T gN found running|waiting [FRAME...]` (before the trace), `T gN assists [FRAME...]`,
// `T gN assisted`. Words of a reason are joined by _, frames go from the leaf.
func play(t *testing.T, m *machine, words []string) {
	t.Helper()
	var at int64
	if _, err := fmt.Sscan(words[0], &at); err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	m.at(at * 1000)
	who, what, rest := words[1], words[2], words[3:]
	switch who + " " + what {
	case "gc begin":
		m.gcBegin()
		return
	case "gc end":
		m.gcEnd()
		return
	case "stw end":
		m.stwEnd()
		return
	}
	if who == "stw" {
		m.stwBegin(reason(strings.ReplaceAll(what, "_", " ")))
		return
	}
	var id uint64
	if _, err := fmt.Sscanf(who, "g%d", &id); err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	g := m.goroutine(id)
	switch what {
	case "runs":
		m.becomes(g, running, "", stackInfo{}, false)
	case "ready":
		m.becomes(g, runnable, Runnable, stackInfo{}, false)
	case "blocks":
		stack := stackOf(rest[1:])
		m.becomes(g, waiting, waitState(strings.ReplaceAll(rest[0], "_", " "), stack), stack, false)
	case "found":
		stack := stackOf(rest[1:])
		if rest[0] == "running" {
			m.becomes(g, running, "", stack, true)
		} else {
			m.becomes(g, waiting, waitState("", stack), stack, true)
		}
	case "assists":
		m.assistBegin(g, stackOf(rest))
	case "assisted":
		m.assistEnd(g)
	case "exits":
		m.exits(id)
	default:
		t.Fatalf("unknown %q", words)
	}
}

func stackOf(frames []string) (s stackInfo) {
	for _, f := range frames {
		s.add(f, func() gofunc.Place { return gofunc.Place{Function: f, File: "x.go", Line: 1} })
	}
	if len(frames) > 0 {
		s.end()
	}
	return s
}
