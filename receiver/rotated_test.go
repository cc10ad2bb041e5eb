// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// pack compresses a file as kubelet and logrotate do.
func pack(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".gz", packed(t, text), os.O_TRUNC)
	if err := os.Chtimes(path+".gz", info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func packed(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// crossings is how often a limit was counted.
func crossings(t *testing.T, tel *componenttest.Telemetry, limit string) (n int64) {
	t.Helper()
	m, err := tel.GetMetric("otelcol_receiver_go_runtime_limits_crossed")
	if err != nil {
		return 0
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		if v, _ := p.Attributes.Value("limit"); v.AsString() == limit {
			n += p.Value
		}
	}
	return n
}

// logger writes cycles into a log and rotates it. Its clock is the one of the test's bubble, and so is that of its files.
type logger struct {
	t    *testing.T
	path string
	next int
	wrap func(string) string
}

func (l *logger) cycles(n int) {
	l.t.Helper()
	text := cycleLines(l.next+1, l.next+n)
	if l.wrap != nil {
		text = l.wrap(text)
	}
	write(l.t, l.path, text, os.O_APPEND)
	l.next += n
	l.touch(l.path)
}

// touch sets the time that the file would have outside of the bubble.
func (l *logger) touch(path string) {
	l.t.Helper()
	if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
		l.t.Fatal(err)
	}
}

// kubelet rotates as kubelet does: what was rotated before is compressed, then the log is renamed, then the runtime opens
// a new one.
func (l *logger) kubelet(name string) {
	l.t.Helper()
	for _, r := range rotations(l.path) {
		if !r.packed {
			pack(l.t, r.path)
			l.touch(r.path + ".gz")
		}
	}
	rename(l.t, l.path, l.path+"."+name)
	write(l.t, l.path, "", 0)
}

// logrotate rotates with numbers: the newest stays as it is if delayed.
func (l *logger) logrotate(delayed bool) {
	l.t.Helper()
	all := rotations(l.path)
	for _, r := range all { // oldest first
		to := fmt.Sprintf("%s.%d", l.path, r.number+1)
		if r.packed {
			to += ".gz"
		}
		rename(l.t, r.path, to)
		if !r.packed {
			pack(l.t, to)
		}
	}
	rename(l.t, l.path, l.path+".1")
	write(l.t, l.path, "", 0)
	if !delayed {
		pack(l.t, l.path+".1")
	}
}

// copytruncate copies the log and empties it.
func (l *logger) copytruncate(to string) {
	l.t.Helper()
	text, err := os.ReadFile(l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	write(l.t, l.path+to, string(text), os.O_TRUNC)
	l.touch(l.path + to)
	write(l.t, l.path, "", os.O_TRUNC)
}

// What happens to a log while the collector is down. Ten cycles were read before.
var whileDown = map[string]func(l *logger){
	"grows":        func(l *logger) { l.cycles(5) },
	"kubelet once": func(l *logger) { l.cycles(2); l.kubelet("20261121-060000"); l.cycles(3) },
	"kubelet twice": func(l *logger) {
		l.cycles(2)
		l.kubelet("20261121-060000")
		l.cycles(3)
		l.kubelet("20261121-070000")
		l.cycles(4)
	},
	"kubelet 4 times": func(l *logger) {
		for n := range 4 {
			l.cycles(2)
			l.kubelet(fmt.Sprintf("2026112%d-060000", n))
			l.cycles(3)
		}
	},
	"nothing before it": func(l *logger) { l.kubelet("20261121-060000"); l.cycles(3); l.kubelet("20261121-070000"); l.cycles(4) },
	"nothing behind it": func(l *logger) { l.cycles(2); l.kubelet("20261121-060000"); l.cycles(3); l.kubelet("20261121-070000") },
	"logrotate": func(l *logger) {
		for range 3 {
			l.cycles(2)
			l.logrotate(true)
			l.cycles(1)
		}
	},
	"logrotate at once": func(l *logger) {
		for range 3 {
			l.cycles(2)
			l.logrotate(false)
			l.cycles(1)
		}
	},
	"dateext": func(l *logger) {
		l.cycles(2)
		rename(l.t, l.path, l.path+"-20261121")
		l.cycles(3)
		rename(l.t, l.path, l.path+"-20261122")
		pack(l.t, l.path+"-20261121")
		l.cycles(1)
	},
	"copytruncate":    func(l *logger) { l.cycles(2); l.copytruncate(".1"); l.cycles(3) },
	"copytruncate gz": func(l *logger) { l.cycles(2); l.copytruncate(".1"); pack(l.t, l.path+".1"); l.cycles(30) },
	"half packed": func(l *logger) {
		l.cycles(2)
		l.kubelet("20261121-060000")
		write(l.t, l.path+".20261121-060000.gz", "half", 0)
		write(l.t, l.path+".20261121-060000.tmp", "half", 0)
		l.cycles(3)
	},
	"a copy somebody made": func(l *logger) {
		l.cycles(2)
		l.kubelet("20261121-060000")
		text, _ := os.ReadFile(l.path + ".20261121-060000")
		write(l.t, l.path+".bak", string(text), 0)
		write(l.t, l.path+".20261121-060000.orig.gz", packed(l.t, text), 0)
		l.cycles(3)
	},
}

func TestRotationsWhileDown(t *testing.T) {
	for name, happens := range whileDown {
		for wrapping, wrap := range map[string]func(string) string{"raw": nil, "cri": cri} {
			for _, rotatedBefore := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/before=%v", name, wrapping, rotatedBefore), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						l := &logger{t: t, path: filepath.Join(t.TempDir(), "0.log"), wrap: wrap}
						r := &reader{kept: newMemory(), path: l.path, tel: componenttest.NewTelemetry()}
						if rotatedBefore { // of an earlier process: never read
							earlier := strings.ReplaceAll(cycleLines(1, 77), "10 MB goal", "11 MB goal")
							write(t, l.path+".20261120-060000.gz", packed(t, []byte(earlier)), 0)
							write(t, l.path+".2.gz", packed(t, []byte(earlier)), 0)
							write(t, l.path+".1", earlier, 0)
							for _, path := range []string{".20261120-060000.gz", ".2.gz", ".1"} {
								l.touch(l.path + path)
							}
							if strings.Contains(name, "kubelet") || strings.Contains(name, "packed") || strings.Contains(name, "somebody") || strings.Contains(name, "it") {
								for _, path := range []string{".2.gz", ".1"} {
									_ = os.Remove(l.path + path)
								}
							} else {
								_ = os.Remove(l.path + ".20261120-060000.gz")
							}
							time.Sleep(time.Minute)
						}
						l.cycles(10)
						r.start(t)
						time.Sleep(time.Minute)
						before := r.sums(t)
						r.stop(t, true) // killed: the offsets of a while ago
						time.Sleep(time.Minute)
						happens(l)
						r.start(t)
						time.Sleep(time.Minute)
						got := r.sums(t)
						if got.summed != int64(l.next) || got.records[intact] != int64(l.next) || got.cycles != int64(l.next) || !got.firstHeard.Equal(before.firstHeard) {
							t.Errorf("%d cycles are summed, the highest is %d, %v records; want %d, on top of what was there", got.summed, got.cycles, got.records, l.next)
						}
						r.stop(t, false)
					})
				})
			}
		}
	}
}

// The same while the collector runs, between two looks at the file.
func TestRotationsWhileReading(t *testing.T) {
	for name, happens := range whileDown {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &logger{t: t, path: filepath.Join(t.TempDir(), "0.log")}
				r := &reader{kept: newMemory(), path: l.path}
				l.cycles(10)
				r.start(t)
				time.Sleep(time.Minute)
				for range 2 {
					for _, rotation := range rotations(l.path) {
						_ = os.Remove(rotation.path)
					}
					happens(l)
					time.Sleep(time.Minute)
				}
				if got := r.sums(t); got.summed != int64(l.next) || got.records[intact] != int64(l.next) {
					t.Errorf("%d cycles are summed of %v records; want %d", got.summed, got.records, l.next)
				}
				r.stop(t, false)
			})
		})
	}
}

// A log that was emptied and has grown beyond what was read is told by the bytes before the place.
func TestTruncatedFileThatHasGrownAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{kept: newMemory(), path: filepath.Join(t.TempDir(), "0.log")}
		write(t, r.path, cycleLines(1, 3), 0)
		r.start(t)
		time.Sleep(time.Minute)
		write(t, r.path, cycleLines(4, 20), os.O_TRUNC)
		time.Sleep(time.Minute)
		if got := r.sums(t); got.summed != 20 || got.records[bad] != 0 {
			t.Errorf("%d cycles are summed, %v records", got.summed, got.records)
		}
		r.stop(t, false)
	})
}

func TestRotatedFilesThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		text  func(t *testing.T) string
		limit string
		lost  int64
	}{
		"no gzip":   {func(*testing.T) string { return "junk" }, "rotated_unreadable", 6},
		"cut off":   {func(t *testing.T) string { p := packed(t, []byte(cycleLines(11, 16))); return p[:len(p)-12] }, "rotated_unreadable", 0},
		"too large": {func(t *testing.T) string { return packed(t, bytes.Repeat([]byte(cycleLine(11)+"\n"), 100_000)) }, "rotated_size", 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "0.log")
				r := &reader{kept: newMemory(), path: path, tel: componenttest.NewTelemetry(), set: func(f *followers) { f.maxRotated = 2000 }}
				write(t, path, cycleLines(1, 10), 0)
				r.start(t)
				time.Sleep(time.Minute)
				r.stop(t, true)
				rename(t, path, path+".20261121-060000")
				write(t, path+".20261121-070000.gz", c.text(t), 0)
				write(t, path+".20261121-080000", cycleLines(17, 18), 0)
				write(t, path, cycleLines(19, 20), 0)
				r.start(t)
				time.Sleep(time.Minute)
				got := r.sums(t)
				if got.cycles != 20 || c.limit == "rotated_unreadable" && got.summed < 20-6 {
					t.Errorf("%d cycles are summed, the highest is %d: what stands behind the broken file is lost too", got.summed, got.cycles)
				}
				if n := crossings(t, r.tel, c.limit); n != 1 {
					t.Errorf("%s was counted %d times", c.limit, n)
				}
				r.stop(t, false)
			})
		})
	}
}

// A log that is rotated twice while the one behind it is being opened loses nothing in between.
func TestLogRotatedWhileItIsOpened(t *testing.T) {
	log := filepath.Join(t.TempDir(), "0.log")
	write(t, log, "a", 0)
	tail := newTail(t.Context(), log, func() {})
	defer tail.Close()
	buffer := make([]byte, 10)
	if _, err := tail.Read(buffer); err != nil {
		t.Fatal(err)
	}
	rename(t, log, log+".20261121-060000")
	write(t, log, "b", 0)
	rename(t, log, log+".20261121-070000")
	write(t, log, "c", 0)
	if changed, err := tail.arrive(); !changed || err != nil { // it was to be opened when it was still b
		t.Fatal(changed, err)
	}
	got := ""
	for len(got) < 2 {
		n, err := tail.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got += string(buffer[:n])
	}
	if got != "bc" {
		t.Errorf("read %q", got)
	}
}

// Where nothing that was rotated can be read, the log itself still is.
func TestOnlyBrokenRotatedFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "0.log")
		r := &reader{kept: newMemory(), path: path, tel: componenttest.NewTelemetry()}
		write(t, path, cycleLines(1, 10), 0)
		r.start(t)
		time.Sleep(time.Minute)
		rename(t, path, path+".20261121-060000")
		write(t, path+".20261121-070000.gz", "junk", 0)
		write(t, path, cycleLines(11, 12), 0)
		time.Sleep(time.Minute)
		if got := r.sums(t); got.summed != 12 {
			t.Errorf("%d cycles are summed", got.summed)
		}
		if n := crossings(t, r.tel, "rotated_unreadable"); n != 1 {
			t.Errorf("counted %d times", n)
		}
		r.stop(t, false)
	})
}

// A glob that finds the rotated files as well follows none of them.
func TestRotatedFilesAreNotFollowedByThemselves(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"api.log", "api.log.1", "api.log.2.gz", "api.log-20261121", "api.log.20261121-060000.gz", "gone.log.3.gz", "other-1", "web.log.1", "x.20261121"} {
		write(t, filepath.Join(dir, name), "x", 0)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var followed []string
	for _, path := range paths {
		if !isRotation(path) {
			followed = append(followed, filepath.Base(path))
		}
	}
	if want := []string{"api.log", "other-1", "web.log.1", "x.20261121"}; !slices.Equal(followed, want) {
		t.Errorf("got %q, want %q", followed, want)
	}
}

func TestRotationsAreSortedByAge(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"a.log", "a.log.10", "a.log.9.gz", "a.log.2", "a.log.2.gz", "a.log.1", "a.log.tmp", "a.log.1.tmp", "a.log.x", "a.log2", "b.log.1",
		"d.log.20261121-060000.gz", "d.log.20261121-050000.gz", "d.log.20261121-070000", "d.log.20261121-070000.gz", "d.log.20261121-080000.tmp",
	} {
		write(t, filepath.Join(dir, name), "x", 0)
	}
	for log, want := range map[string][]string{
		"a.log": {"a.log.10", "a.log.9.gz", "a.log.2", "a.log.1"},
		"d.log": {"d.log.20261121-050000.gz", "d.log.20261121-060000.gz", "d.log.20261121-070000"},
	} {
		var got []string
		for _, r := range rotations(filepath.Join(dir, log)) {
			got = append(got, filepath.Base(r.path))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", log, got, want)
		}
	}
}
