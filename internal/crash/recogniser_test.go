// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const dumpText = "fatal error: concurrent map writes\n\ngoroutine 18 [running]:\nmain.(*cache).put(...)\n\t/src/shop/cache.go:24\n"

// TestIdle: a dump that nothing ends is over a second after the source fell silent, and not while it still comes.
func TestIdle(t *testing.T) {
	var found []Crash
	r := New(func(c Crash) { found = append(found, c) })
	now := time.Now()
	r.Text([]byte(dumpText[:60]))
	r.Idle(now)
	r.Idle(now.Add(900 * time.Millisecond))
	r.Text([]byte(dumpText[60:]))
	r.Idle(now.Add(1100 * time.Millisecond))
	r.Idle(now.Add(2 * time.Second))
	if len(found) > 0 || !r.Busy() {
		t.Fatalf("delivered before a second of silence: %s", describe(found))
	}
	r.Idle(now.Add(2100 * time.Millisecond))
	if len(found) != 1 || found[0].Line != 24 {
		t.Fatalf("after a second of silence: %s", describe(found))
	}
	r.Idle(now.Add(9 * time.Second))
	r.Text([]byte("main.main()\n\t/src/shop/main.go:9 +0x5\n"))
	r.Flush()
	if len(found) != 1 {
		t.Errorf("what came late is another crash: %s", describe(found))
	}
	r.Text([]byte("2026/11/21 06:00:00 starting\n"))
	if r.Busy() {
		t.Error("busy behind the dump")
	}
	r.Text([]byte(dumpText))
	r.Flush()
	if len(found) != 2 || found[1].Offset != int64(len(dumpText)+len("main.main()\n\t/src/shop/main.go:9 +0x5\n2026/11/21 06:00:00 starting\n")) {
		t.Errorf("the next one: %s", describe(found))
	}
	if n := r.Counts()[MapWrites]; n != 2 {
		t.Errorf("counted %d", n)
	}
}

// TestIdleInALine: a line that may begin a dump is given up as well.
func TestIdleInALine(t *testing.T) {
	r := New(func(c Crash) { t.Errorf("%+v", c) })
	now := time.Now()
	for _, text := range []string{"panic: ", "fatal error: concurrent map wri", "f", "SIGQUIT", "runtime: out of memory: "} {
		r.Begin(nil)
		r.Text([]byte(text))
		if !r.Busy() {
			t.Errorf("%q: not busy", text)
		}
		r.Idle(now)
		r.Idle(now.Add(time.Minute))
		r.Text([]byte("tes\nx\n"))
		if r.Busy() {
			t.Errorf("%q: busy", text)
		}
	}
}

// TestLastLine: what has no newline is read, but for a line number that may have had more digits.
func TestLastLine(t *testing.T) {
	for in, want := range map[string]string{
		dumpText + "main.main()":                 "main.(*cache).put /src/shop/cache.go:24",
		strings.TrimSuffix(dumpText, "\n"):       "main.(*cache).put :0",
		dumpText[:strings.Index(dumpText, "\t")]: "main.(*cache).put :0",
		"fatal error: concurrent map writes":     " :0",
	} {
		found := find([]byte(in), 0)
		if len(found) != 1 || place(found[0].Function, found[0].File, found[0].Line) != want {
			t.Errorf("%q: %s", in, describe(found))
		}
	}
}

// TestTime: two heads that the container runtime has read at different times are of two processes.
func TestTime(t *testing.T) {
	at := time.Now()
	var found []Crash
	r := New(func(c Crash) { found = append(found, c) })
	r.Begin(func(offset int64) (Position, bool) { return Position{Offset: 1000 + offset, Line: 7, Time: at}, true })
	const head = "fatal error: concurrent map writes\n"
	r.Text([]byte(head + head))
	at = at.Add(2 * time.Second)
	r.Text([]byte(head))
	r.Flush()
	if len(found) != 2 || found[0].Offset != 1000 || found[1].Offset != 1000+2*int64(len(head)) || found[1].InputLine != 7 || !found[1].Time.Equal(at) {
		t.Errorf("%+v", found)
	}
}

// TestLimits: whatever stands in a dump, little is held of it, and what follows is read.
func TestLimits(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for name, c := range map[string]struct {
		in   string
		want int
	}{
		"foreign lines":             {"fatal error: concurrent map writes\n" + strings.Repeat("x\n", 1000), 1},
		"foreign bytes":             {"fatal error: concurrent map writes\n" + strings.Repeat(long[:4000]+"\n", 30), 1},
		"a panic's lines":           {"panic: x\n" + strings.Repeat("x\n", 1000), 0},
		"frames":                    {"fatal error: concurrent map writes\n\ngoroutine 1 [running]:\n" + strings.Repeat("main.f(...)\n\t/x.go:1\n", 10_000), 1},
		"a long message":            {"panic: " + long + "\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/x.go:1\n", 1},
		"a long name":               {"panic: x\n\ngoroutine 1 [" + long[:3000] + "]:\nmain." + long[:3000] + "(...)\n\t/" + long[:3000] + ".go:1\n", 1},
		"goroutines":                {dumpText + strings.Repeat("\ngoroutine 7 [running]:\nmain.f(...)\n\t/x.go:1\n", 10_000), 1},
		"foreign text that is long": {"fatal error: concurrent map writes\n" + long + "\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/x.go:1\n", 1},
	} {
		found := find([]byte(c.in+"end\n"+dumpText), 5000)
		if len(found) != c.want+1 || found[c.want].Function != "main.(*cache).put" {
			t.Errorf("%s: %d crashes, want %d", name, len(found), c.want+1)
		}
		for i := range found {
			if err := bounded(&found[i]); err != "" {
				t.Errorf("%s: %s", name, err)
			}
		}
	}
}

// TestGivesUp: a crash is told as soon as a limit of its dump is reached, not at the end of the input.
func TestGivesUp(t *testing.T) {
	const head, shown = "fatal error: concurrent map writes\n", "\ngoroutine 1 [running]:\n"
	for name, c := range map[string]struct{ before, last string }{
		"foreign lines":       {head + strings.Repeat("x\n", maxForeign), "x\n"},
		"foreign lines shown": {head + shown + strings.Repeat("x\n", maxForeign), "x\n"},
		"lines":               {head + shown + strings.Repeat("runtime.f(...)\n", maxLines-2), "runtime.f(...)\n"},
		"bytes":               {head + shown + strings.Repeat("runtime."+strings.Repeat("f", 4000)+"(...)\n", 16), "runtime." + strings.Repeat("f", 4000) + "(...)\n"},
	} {
		told := 0
		r := New(func(Crash) { told++ })
		r.Text([]byte(c.before))
		if told != 0 {
			t.Errorf("%s: told below the limit", name)
		}
		r.Text([]byte(c.last))
		if told != 1 {
			t.Errorf("%s: %d told at the limit", name, told)
		}
	}
}

// TestHoldsLittle: of a line of any length only the beginning is held.
func TestHoldsLittle(t *testing.T) {
	r := New(func(Crash) {})
	r.Text([]byte("panic: "))
	for range 1000 {
		r.Text([]byte(strings.Repeat("x", 1000)))
	}
	if n := cap(r.held); n > 2*maxLine {
		t.Errorf("%d bytes are held", n)
	}
}

// TestClean: what is cut off is no half of a character, and no limit is crossed by what stands for bytes that are none.
func TestClean(t *testing.T) {
	for _, text := range []string{strings.Repeat("é", 20), strings.Repeat("\xff", 40), "a\tb\x00\u0085∆" + strings.Repeat("∆", 20), "plain"} {
		for limit := range 40 {
			if got := clean(text, limit); len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\t\x00\u0085") {
				t.Errorf("%q up to %d: %q", text, limit, got)
			}
		}
	}
}

// bounded says which part of a crash is larger than it may be.
func bounded(c *Crash) string {
	for _, f := range append([]Frame{{c.Function, c.File, c.Line}, c.Caller}, c.Stack...) {
		if len(f.Function) > maxName || len(f.File) > maxName || f.Line < 0 {
			return fmt.Sprintf("frame %.50s... of %d and %d bytes", f.Function, len(f.Function), len(f.File))
		}
	}
	if len(c.Message) > maxMessage || len(c.State) > maxState || len(c.Stack) > maxFrames || len(c.Notes) > 6 {
		return fmt.Sprintf("message %d, state %d, %d frames, %d notes", len(c.Message), len(c.State), len(c.Stack), len(c.Notes))
	}
	return ""
}

// TestAllocations: text without a dump costs none, however it looks.
func TestAllocations(t *testing.T) {
	text := []byte(strings.Repeat("2026/11/21 06:00:00 x\nprogress 7\nrequest 9 done\nfile not found\nSIGN\nfatal error: x\nruntime: x\n\n", 100))
	r := New(func(Crash) {})
	r.Text(text)
	if got := testing.AllocsPerRun(10, func() { r.Text(text) }); got > 100 { // one for the message of each fatal error
		t.Errorf("%v allocations", got)
	}
	plain := []byte(strings.ReplaceAll(string(text), "fatal error: ", "fatal: "))
	if got := testing.AllocsPerRun(10, func() { r.Text(plain) }); got > 0 {
		t.Errorf("%v allocations of text without a head", got)
	}
}
