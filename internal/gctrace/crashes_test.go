// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/crash"
)

// died is a dump of one goroutine, and what its process wrote before.
const died = "fatal error: concurrent map writes\n\ngoroutine 18 [running]:\nmain.put(...)\n\t/src/shop/cache.go:24 +0x1d\ncreated by main.main\n\t/src/shop/main.go:9 +0x1d3\n"

// heard is what comes out of a text in order, records by the number of their cycle.
func heard(t *testing.T, r io.Reader, format Format) (all []string) {
	t.Helper()
	text, err := Unwrap(r, format)
	if err != nil {
		t.Fatal(err)
	}
	s := NewScanner(text, Settings{Crashes: crash.New(func(c crash.Crash) {
		at := ""
		if !c.Time.IsZero() {
			at = " at " + c.Time.UTC().Format(time.RFC3339Nano)
		}
		all = append(all, fmt.Sprintf("%s in %s:%d, line %d, offset %d%s", c.Kind, c.File, c.Line, c.InputLine, c.Offset, at))
	})})
	for s.Scan() {
		_, ok := s.Checkpoint()
		all = append(all, fmt.Sprintf("line %d, checkpoint %v", s.Record().Line, ok))
	}
	return all
}

// TestCrashesBetweenRecords: each is told where it ends, at the place where it begins; nobody can resume inside of it.
func TestCrashesBetweenRecords(t *testing.T) {
	next := strings.Replace(cycle, "gc 1 ", "gc 2 ", 1) + "\n"
	wrap := func(text, before, behind string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(before + strings.TrimSuffix(strings.ReplaceAll(line, "\t", `\t`), "\n") + behind)
		}
		return b.String()
	}
	const cri, stdout = "2026-11-21T06:00:00.123456789Z stderr F ", "2026-11-21T06:00:00Z stdout F x\n"
	inDocker := wrap(cycle+"\n"+died, `{"log":"`, `\n","stream":"stderr","time":"2026-11-21T06:00:00.5Z"}`+"\n")
	for name, c := range map[string]struct {
		format Format
		in     string
		want   []string
	}{
		"raw": {Raw, cycle + "\n" + died + next, []string{
			"line 1, checkpoint true", fmt.Sprintf("concurrent_map_writes in /src/shop/cache.go:24, line 2, offset %d", len(cycle)+1), "line 9, checkpoint true",
		}},
		"at the end": {Raw, died, []string{"concurrent_map_writes in /src/shop/cache.go:24, line 1, offset 0"}},
		"a record inside of the dump": {Raw, strings.Replace(died, "main.put", cycle+"\nmain.put", 1) + next, []string{
			"line 4, checkpoint false", "concurrent_map_writes in /src/shop/cache.go:24, line 1, offset 0", "line 9, checkpoint true",
		}},
		"behind a forced record": {Raw, cycle + " (forced)" + died, []string{"line 1, checkpoint true"}},
		"cri": {Auto, cri + "x\n" + stdout + strings.ReplaceAll(wrap(died, cri, "\n"), `\t`, "\t") + cri + next, []string{
			fmt.Sprintf("concurrent_map_writes in /src/shop/cache.go:24, line 3, offset %d at 2026-11-21T06:00:00.123456789Z", len(cri+"x\n"+stdout)), "line 10, checkpoint true",
		}},
		"cri in parts": {Auto, strings.Replace(cri, " F ", " P ", 1) + "fatal er\n" + stdout + cri + "ror: concurrent map writes\n", []string{
			"concurrent_map_writes in :0, line 1, offset 0 at 2026-11-21T06:00:00.123456789Z",
		}},
		"docker": {Auto, inDocker, []string{
			"line 1, checkpoint true", fmt.Sprintf("concurrent_map_writes in /src/shop/cache.go:24, line 2, offset %d at 2026-11-21T06:00:00.5Z", strings.Index(inDocker, "\n")+1),
		}},
		"quoted in JSON": {Raw, `{"msg":"fatal error: concurrent map writes"}` + "\n" + next, []string{"line 2, checkpoint true"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				if diff := cmp.Diff(c.want, heard(t, r, c.format)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			}
			resumes(t, []byte(c.in))
		})
	}
}

// TestCrashOfASilentInput: the process is dead and writes nothing more; whoever reads its log sees that nothing comes.
func TestCrashOfASilentInput(t *testing.T) {
	now := time.Now()
	var found []crash.Crash
	crashes := crash.New(func(c crash.Crash) { found = append(found, c) })
	r := &quiet{text: "fatal error: out of memory\n\ngoroutine 1 [running]:\nmain.grow(...)\n\t/src/a.go:7\n", poll: func() bool {
		crashes.Idle(now)
		now = now.Add(250 * time.Millisecond)
		return len(found) == 0
	}}
	s := NewScanner(r, Settings{Crashes: crashes})
	if s.Scan() || len(found) != 1 || found[0].Function != "main.grow" || r.polls != 5 {
		t.Errorf("%+v after %d polls, want one after the fifth, a second after the first", found, r.polls)
	}
}

// quiet has a text and then nothing more, until poll is false.
type quiet struct {
	text  string
	poll  func() bool
	polls int
}

func (q *quiet) Read(p []byte) (int, error) {
	n := copy(p, q.text)
	q.text = q.text[n:]
	if n > 0 {
		return n, nil
	}
	for q.polls++; q.poll(); q.polls++ {
	}
	return 0, io.EOF
}
