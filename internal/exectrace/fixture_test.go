// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"
)

func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/go1.*/*.trace.gz")
	if err != nil || len(files) < 4 {
		t.Fatalf("got %d traces, want those of both formats (%v)", len(files), err)
	}
	bodies := map[string][]byte{}
	for _, file := range files {
		zipped, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(zipped)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		zipped.Close()
		bodies[strings.TrimSuffix(filepath.ToSlash(file), ".gz")] = body
	}
	return bodies
}

// TestFixtures reads recorded traces of Go 1.19 and 1.26.
func TestFixtures(t *testing.T) {
	for file, body := range fixtures(t) {
		t.Run(file, func(t *testing.T) {
			r := read(t, body, Limits{})
			checkResult(t, r)
			expected := strings.TrimSuffix(file, ".trace") + ".txt"
			if *update {
				if err := os.WriteFile(expected, []byte(table(r)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), table(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// table shows a result for a reader.
func table(r Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "go %s\t%v\t%d events\ttruncated %v\n", r.Version, r.Window, r.Events, r.Truncated)
	for _, s := range r.STW {
		fmt.Fprintf(w, "stop %s\t%v\tmax %v\t%d times\n", s.Reason, s.Time, s.Max, s.Count)
	}
	fmt.Fprintf(w, "mark\t%v\t\t%d cycles\n", r.GC.Mark, r.GC.Cycles)
	assist := func(what string, t Totals, goroutines string) {
		fmt.Fprintf(w, "%s\t%v\trunning %v\t%d times%s\n", what, t.Time, t.Running, t.Count, goroutines)
	}
	assist("assist", r.Assist.Totals, fmt.Sprintf(", %d goroutines", r.Assist.Goroutines))
	for _, s := range r.Assist.Sites {
		assist(fmt.Sprintf("  %s %s:%d", s.Function, s.File, s.Line), s.Totals, "")
	}
	assist("  other", r.Assist.Other, "")
	assist("  observer", r.Assist.Observer, "")
	for _, s := range r.Waits {
		fmt.Fprintf(w, "wait %s\t%v\tidle %v\n", s.State, s.Time, s.Idle)
	}
	for _, g := range []struct {
		name string
		Gauge
	}{{"heap", r.Heap}, {"goal", r.Goal}, {"procs", r.Procs}} {
		fmt.Fprintf(w, "%s\t%d\tmax %d\t%d times\n", g.name, g.Last, g.Max, g.Count)
	}
	for _, warning := range r.Warn {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	return b.String()
}

// TestOldFormatOracle reads the traces of Go 1.19 with golang.org/x/exp/trace too. It gives each event a time of its own,
// so a time may differ by 1 ns an event; and it does not say of what was there before the trace began which goroutines are
// the runtime's, so it has more that waited for nobody knows what.
func TestOldFormatOracle(t *testing.T) {
	for file, body := range fixtures(t) {
		if !strings.Contains(file, "go1.19") {
			continue
		}
		t.Run(file, func(t *testing.T) {
			got := read(t, body, Limits{})
			m := newMachine(Limits{}.withDefaults())
			if ended, err := drain(t.Context(), m, body); ended || err != nil {
				t.Fatalf("ended %v, error %v", ended, err)
			}
			want := m.result()
			slack := 10 * time.Duration(want.Events)
			want.Version, want.Events = got.Version, got.Events // it has more
			want.Procs.Count++                                  // the first one is how the trace begins
			want.Waits, got.Waits = told(want.Waits), told(got.Waits)
			near := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= slack })
			if diff := cmp.Diff(want, got, near); diff != "" {
				t.Errorf("to %v (-x/exp +got):\n%s", slack, diff)
			}
		})
	}
}

// told leaves out the states that the runtime's own goroutines have.
func told(all []Wait) (some []Wait) {
	for _, w := range all {
		if w.State != Runnable && w.State != GCWait && w.State != Waiting && w.State != Unknown {
			some = append(some, w)
		}
	}
	return some
}

// TestTruncated cuts a trace: what is told is told of whole generations, and never more than the whole trace has.
func TestTruncated(t *testing.T) {
	for file, body := range fixtures(t) {
		whole := read(t, body, Limits{})
		for _, at := range []int{0, 10, headerBytes, headerBytes + 1, len(body) / 2, len(body) - 1} {
			broken := io.MultiReader(bytes.NewReader(body[:at]), failing{})
			r, err := Read(t.Context(), broken, Limits{})
			limited, limitErr := Read(t.Context(), bytes.NewReader(body), Limits{Bytes: int64(max(at, 1))})
			if at > 0 && (limitErr == nil) != (err == nil) {
				t.Errorf("%s at %d: %v when it breaks off, %v at the limit", file, at, err, limitErr)
			}
			if err != nil {
				if !errors.Is(err, ErrTruncated) || r.Events != 0 {
					t.Errorf("%s at %d: got %d events and %v, want ErrTruncated", file, at, r.Events, err)
				}
				continue
			}
			checkResult(t, r)
			if !r.Truncated || !limited.Truncated || r.Window > whole.Window || r.Events > whole.Events {
				t.Errorf("%s at %d: truncated %v and %v, %d of %d events", file, at, r.Truncated, limited.Truncated, r.Events, whole.Events)
			}
		}
	}
}

// TestBroken: what has come is whole, but the stream broke off behind it, or a limit stood there.
func TestBroken(t *testing.T) {
	for file, body := range fixtures(t) {
		r, err := Read(t.Context(), io.MultiReader(bytes.NewReader(body), failing{}), Limits{})
		limited, limitErr := Read(t.Context(), bytes.NewReader(append(body, evEndOfGeneration)), Limits{Bytes: int64(len(body))})
		if strings.Contains(file, "go1.19") {
			if !errors.Is(err, ErrTruncated) || !errors.Is(limitErr, ErrTruncated) {
				t.Errorf("%s: got %v and %v, want ErrTruncated", file, err, limitErr)
			}
		} else if err != nil || limitErr != nil || !r.Truncated || !limited.Truncated {
			t.Errorf("%s: truncated %v and %v; %v, %v", file, r.Truncated, limited.Truncated, err, limitErr)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestLimits: limits that cut and limits that refuse.
func TestLimits(t *testing.T) {
	for file, body := range fixtures(t) {
		for _, c := range []struct {
			limits Limits
			what   string // refused for; "" cut
		}{
			{Limits{Events: 500}, ""},
			{Limits{Goroutines: 3}, ""},
			{Limits{Strings: 5}, "strings"},
			{Limits{Frames: 5}, "frames"},
			{Limits{Threads: 1}, "threads"},
		} {
			r, err := Read(t.Context(), bytes.NewReader(body), c.limits)
			if c.limits.Events > 0 && strings.Contains(file, "go1.19") {
				c.what = "events"
			}
			if c.what == "" {
				if err != nil || !r.Truncated || c.limits.Events > 0 && r.Events > c.limits.Events {
					t.Errorf("%s, %+v: %d events, truncated %v, %v", file, c.limits, r.Events, r.Truncated, err)
				}
				continue
			}
			var limit *LimitError
			if !errors.As(err, &limit) || limit.What != c.what || r.Events != 0 {
				t.Errorf("%s, %+v: got %v, want a limit of %s", file, c.limits, err, c.what)
			}
		}
	}
}

// TestSites: sites behind the limit are other.
func TestSites(t *testing.T) {
	for file, body := range fixtures(t) {
		all, one := read(t, body, Limits{}), read(t, body, Limits{Sites: 1})
		checkResult(t, one)
		if len(one.Assist.Sites) > 1 || len(all.Assist.Sites) > 1 && one.Assist.Other.Count == 0 {
			t.Errorf("%s: %d sites of %d, other %+v", file, len(one.Assist.Sites), len(all.Assist.Sites), one.Assist.Other)
		}
	}
}

// TestContext: the deadline cuts, and a cancelled context is an error.
func TestContext(t *testing.T) {
	for file, body := range fixtures(t) {
		late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
		r, err := Read(late, bytes.NewReader(body), Limits{})
		cancel()
		if !errors.Is(err, ErrTruncated) || r.Events != 0 {
			t.Errorf("%s: %d events and %v after the deadline", file, r.Events, err)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if r, err := Read(cancelled, bytes.NewReader(body), Limits{}); !errors.Is(err, context.Canceled) || r.Events != 0 {
			t.Errorf("%s: %d events and %v after it was cancelled", file, r.Events, err)
		}
		if r, err := Read(&dying{Context: t.Context(), left: 2}, bytes.NewReader(body), Limits{}); err != nil || !r.Truncated || r.Events > 2*checkEvery {
			t.Errorf("%s: %d events, truncated %v, %v when the deadline comes meanwhile", file, r.Events, r.Truncated, err)
		}
	}
}

// dying is a context whose deadline comes after some looks at it.
type dying struct {
	context.Context
	left int
}

func (d *dying) Err() error {
	if d.left--; d.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestRefused shows why a body is refused as a whole.
func TestRefused(t *testing.T) {
	storm := fixtures(t)["testdata/go1.26/storm.trace"]
	for _, c := range []struct {
		name, body, err string
	}{
		{"nothing", "", `not an execution trace: it must begin with "go 1.N trace", got ""`},
		{"a page", "<html><body>404", `not an execution trace: it must begin with "go 1.N trace", got "<html><body>404"`},
		{"no version", "go 1.xx trace\x00\x00\x00", `not an execution trace: it must begin with "go 1.N trace", got "go 1.xx trace\x00\x00\x00"`},
		{"old", "go 1.07 trace\x00\x00\x00", "unknown version of the trace format: go 1.7, want 1.11 to 1.26"},
		{"new", "go 1.99 trace\x00\x00\x00", "unknown version of the trace format: go 1.99, want 1.11 to 1.26"},
		{"empty", string(storm[:headerBytes]), ErrTruncated.Error()},
		{"junk", string(storm[:headerBytes]) + "junk", "broken trace: at byte 16: a batch must begin here"},
		{"a batch too large", string(storm[:headerBytes]) + "\x01\x01\x01\x01\xff\xff\x7f", "broken trace: at byte 16: a batch must begin here"},
		{"old junk", "go 1.19 trace\x00\x00\x00\x00", "broken trace: at byte 16: unknown event 0"},
		{"old event without a batch", "go 1.19 trace\x00\x00\x00\x4e\x01\x01", "broken trace: at byte 16: event 14 before the first batch"},
		{"nothing in it", string(storm[:headerBytes]) + "\x34", "broken trace: no frequency event found"},
	} {
		r, err := Read(t.Context(), strings.NewReader(c.body), Limits{})
		if err == nil || err.Error() != c.err || r.Events != 0 {
			t.Errorf("%s: got %v, want %s", c.name, err, c.err)
		}
	}
}
