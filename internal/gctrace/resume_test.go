// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/heapgate/heapgate/internal/crash"
)

// stop is a record and the place behind it, or a crash.
type stop struct {
	record string
	place  Checkpoint
	ok     bool
}

func stops(t *testing.T, r io.Reader, from Checkpoint) (all []stop) {
	t.Helper()
	crashes := crash.New(func(c crash.Crash) {
		c.Offset += from.Offset // the same wherever reading was resumed
		all = append(all, stop{record: fmt.Sprint(c.Kind, c.Offset, c.Message, c.Stack, c.Notes, c.Time)})
	})
	s, err := Resume(r, from, Settings{Crashes: crashes})
	if err != nil {
		t.Fatal(err)
	}
	for s.Scan() {
		var text string
		if rec := s.Record(); rec.Cycle != nil {
			text = rec.Cycle.String()
		} else {
			text = string(rec.Bad.Reason) + " " + rec.Bad.Text
		}
		place, ok := s.Checkpoint()
		all = append(all, stop{text, place, ok})
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return all
}

func recordsOf(all []stop) (records []string) {
	for _, s := range all {
		records = append(records, s.record)
	}
	return records
}

// resumes holds a Scanner that goes on at each checkpoint to one that never stopped, and counts the checkpoints.
func resumes(t *testing.T, in []byte) (checked int) {
	t.Helper()
	all := stops(t, bytes.NewReader(in), Checkpoint{})
	for i, at := range all {
		if !at.ok {
			continue
		}
		checked++
		if at.place.Offset < 0 || at.place.Offset > int64(len(in)) {
			t.Fatalf("checkpoint %+v of %d bytes", at.place, len(in))
		}
		rest := bytes.NewReader(in[at.place.Offset:])
		for name, r := range map[string]io.Reader{"at once": rest, "by bytes": iotest.OneByteReader(bytes.NewReader(in[at.place.Offset:]))} {
			if got, want := recordsOf(stops(t, r, at.place)), recordsOf(all[i+1:]); !slices.Equal(got, want) {
				t.Errorf("%s from %+v behind %q:\n%q\nwithout the stop\n%q", name, at.place, at.record, got, want)
			}
		}
	}
	return checked
}

func TestEveryFixtureGoesOnAtEveryCheckpoint(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name == "in" {
				t.Run(filepath.Base(file), func(t *testing.T) { checked += resumes(t, part.Data) })
			}
		}
	}
	if checked < 80 {
		t.Errorf("only %d checkpoints were tried", checked)
	}
}

// A record can end inside a line, also of a wrapped one: what of the line was read is not read again.
func TestCheckpointInsideALine(t *testing.T) {
	const at = "2026-11-21T06:00:00.1Z "
	forcedThenText := cycle + " (forced)tail gc 7\n"
	glued := "gc 4 @0.0gc 5 @1.012s 16%: " + rest + "\n"
	for name, in := range map[string]string{
		"raw":         forcedThenText + cycle + "\n" + glued,
		"cri":         at + "stderr F " + forcedThenText + at + "stdout F gc 9\n" + at + "stderr F " + cycle + "\n" + at + "stderr F " + glued,
		"cri in two":  at + "stderr P " + cycle[:20] + "\n" + at + "stderr F " + cycle[20:] + " (forced)\n" + at + "stderr F " + cycle + "\n",
		"docker":      `{"log":"` + cycle + ` (forced)\n","stream":"stderr"}` + "\n" + `{"log":"` + cycle + `\n","stream":"stderr"}` + "\n",
		"line of cut": at + "stderr F x\n" + strings.Repeat("y", maxWrapped+10) + "\n" + at + "stderr F " + cycle + "\n" + at + "stderr F " + cycle + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			if resumes(t, []byte(in)) < 2 {
				t.Error("no checkpoints")
			}
		})
	}
}

func FuzzResume(f *testing.F) {
	f.Add([]byte("gc 4 @0.0gc 5 @1.012s 16%: " + rest + "\n" + cycle + " (forced)x\n"))
	f.Add([]byte("2026-11-21T06:00:00.1Z stderr F " + cycle + "\n2026-11-21T06:00:00.1Z stderr P " + cycle + "\n"))
	f.Add([]byte(cycle + "\n" + died + cycle + "\n" + died + "panic: x\n" + cycle + "\n"))
	f.Add([]byte(cycle + " (forced)fatal error: concurrent map writes\n" + cycle + "\n"))
	f.Fuzz(func(t *testing.T, in []byte) { resumes(t, in) })
}

func TestResumeKeepsTheFormatAndRefusesNonsense(t *testing.T) {
	for _, c := range []Checkpoint{{Offset: -1}, {Skip: -1}, {Format: "tar"}} {
		if _, err := Resume(strings.NewReader(""), c, Settings{}); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	for _, format := range []Format{Raw, "", Auto} { // the text goes on as what it was, whatever its next line looks like
		all := stops(t, strings.NewReader(cycle+" (forced)\n"), Checkpoint{Format: format})
		if len(all) != 1 || all[0].place.Format != Raw {
			t.Errorf("raw text that was begun as %q goes on as %+v", format, all)
		}
	}
	s, err := Resume(strings.NewReader("gc"), Checkpoint{Skip: 100, Format: Raw}, Settings{})
	if err != nil || s.Scan() {
		t.Errorf("a checkpoint behind the end of the input gives a record (%v)", err)
	}
}

// Streams that were written down answer as those that were not.
func TestStreamsGoOn(t *testing.T) {
	cycles := []Cycle{}
	for n := range int64(40) {
		cycles = append(cycles, Cycle{GC: n + 1, At: float64(n)})
		if n > 10 && n < 20 {
			cycles = append(cycles, Cycle{GC: n + 500, At: float64(n + 900)})
		}
		if n == 30 {
			cycles = append(cycles, Cycle{GC: 1, At: 0.5}, Cycle{GC: 2, At: 0.7})
		}
	}
	var never, saved Streams
	for i, c := range cycles {
		text, err := json.Marshal(&saved)
		if err != nil {
			t.Fatal(err)
		}
		saved = Streams{}
		if err := json.Unmarshal(text, &saved); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		process, restarted := never.Add(c)
		again, restartedAgain := saved.Add(c)
		if process != again || restarted != restartedAgain || never.Mixed() != saved.Mixed() {
			t.Fatalf("cycle %d: %d %v %v, without the break %d %v %v", i, again, restartedAgain, saved.Mixed(), process, restarted, never.Mixed())
		}
	}
	for _, text := range []string{`{"next":-1}`, `{"mixed":5}`, `{"processes":[{"number":0}]}`, `{"processes":[{"number":3}],"next":2}`, `[]`} {
		if json.Unmarshal([]byte(text), &saved) == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
