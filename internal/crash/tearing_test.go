// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// oneWrite is what the runtime hands to write(2) at once behind a head, about.
var oneWrite = regexp.MustCompile(`goroutine |\t|\n|\[|\]:|[^\s(]+(?:\(\*[^)]*\)[^\s(]*)?|\(| \+| |[^\n]`)

// writes splits a dump into the writes of the runtime. The message of a head is one.
func writes(dump []byte) (all [][]byte) {
	for line := range bytes.Lines(dump) {
		if head, message, ok := bytes.Cut(line, []byte("fatal error: ")); ok && len(head) == 0 {
			all = append(all, []byte("fatal error: "), bytes.TrimSuffix(message, []byte{'\n'}), []byte{'\n'})
			continue
		}
		all = append(all, oneWrite.FindAll(line, -1)...)
	}
	return all
}

// tear lets, before each write, a log line in with probability p.
func tear(r *rand.Rand, dump []byte, p float64) []byte {
	var b bytes.Buffer
	for n, token := range writes(dump) {
		for r.Float64() < p {
			fmt.Fprintf(&b, [...]string{
				"2026/11/21 06:00:%02d request done (took 12ms)\n",
				"{\"time\":\"2026-11-21T06:00:%02dZ\",\"msg\":\"x\"}\n",
				"I1121 06:00:%02d.000000 1 main.go:12] 12 things\n",
				"%d errors (of 12)\n",
			}[r.IntN(4)], n%60)
		}
		b.Write(token)
	}
	return b.Bytes()
}

// TestTearing tears what real programs wrote: there is still one crash of the same kind, and its user frame is the same or
// it is said that it may not be.
func TestTearing(t *testing.T) {
	files, err := filepath.Glob("testdata/go1.*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatal("no recordings", err)
	}
	var whole, warned int
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in := archive.Files[0].Data
		if b := writes(in); !bytes.Equal(bytes.Join(b, nil), in) {
			t.Fatal("the writes are not the dump")
		}
		truth := find(in, len(in))[0]
		for seed := range uint64(300) {
			r := rand.New(rand.NewPCG(seed, 7))
			text := tear(r, in, []float64{0.001, 0.01, 0.05}[seed%3])
			found := find(text, len(text))
			certain := truth.Kind != Panic && truth.Kind != Fatal
			if len(found) > 1 || len(found) == 0 && certain {
				t.Fatalf("%s, seed %d: %d crashes\n%s\n%.2000s", file, seed, len(found), describe(found), text)
			}
			if len(found) == 0 {
				continue
			}
			c, notes := found[0], strings.Join(found[0].Notes, " ")
			switch same := c.Function == truth.Function && c.File == truth.File && c.Line == truth.Line; {
			case c.Kind != truth.Kind:
				t.Errorf("%s, seed %d: %s, want %s\n%.2000s", file, seed, c.Kind, truth.Kind, text)
			case same:
				whole++
			case strings.Contains(notes, "lines of others"), strings.Contains(notes, "torn or cut off"), strings.Contains(notes, "no goroutine is shown"), strings.Contains(notes, "not running"):
				warned++
			default:
				t.Errorf("%s, seed %d: at %s, want %s: %s\n%.3000s", file, seed, place(c.Function, c.File, c.Line), place(truth.Function, truth.File, truth.Line), c.Notes, text)
			}
		}
	}
	t.Logf("%d user frames are right, %d missing or wrong and said so", whole, warned)
	if whole < 4*warned {
		t.Errorf("%d right, %d not", whole, warned)
	}
}
