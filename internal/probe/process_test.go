// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/profile"
)

// oldGo is the Go of Debian's bookworm: maps of old, no build id. A machine may lack it.
const oldGo = "/usr/lib/go-1.19/bin/go"

// programs builds testdata/prog/serve with each Go there is. The old one cannot read this module's go.mod.
func programs(t *testing.T) map[string]string {
	t.Helper()
	source, err := os.ReadFile("testdata/prog/serve/main.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for name, command := range map[string][]string{"go1.26": {"go"}, "go1.26 pie": {"go", "-buildmode=pie"}, "go1.19": {oldGo}} {
		dir := t.TempDir()
		if command[0] == oldGo {
			if _, err := os.Stat(oldGo); err != nil {
				continue
			}
		}
		for file, content := range map[string]string{"main.go": string(source), "go.mod": "module serve\n\ngo 1.19\n"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		build := exec.Command(command[0], append(append([]string{"build"}, command[1:]...), "-o", "serve", ".")...)
		build.Dir = dir
		build.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOROOT=", "GOFLAGS=", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		all[name] = filepath.Join(dir, "serve")
	}
	return all
}

// TestRealProcess visits built programs: twice the same process, then a new one at the same address.
func TestRealProcess(t *testing.T) {
	for version, program := range programs(t) {
		t.Run(version, func(t *testing.T) {
			testVisits(t, program)
			address, _ := serve(t, program, "127.0.0.1:0")
			testPages(t, &url.URL{Scheme: "http", Host: address}, version)
			testWriteTimeout(t, program, version)
			testOneBuild(t, program, version)
		})
	}
}

func testVisits(t *testing.T, program string) {
	address, stop := serve(t, program, "127.0.0.1:0")
	p := New(client(t), Settings{})
	base := &url.URL{Scheme: "http", Host: address}
	var m Memory
	for visit := range 2 {
		o := visitOK(t, p, base, &m)
		site := findSite(t, o, "main.fill", heap.MapGrow)
		if site.AllocBytes < 5_000_000 || site.InuseBytes < 2_500_000 || site.Line == 0 || !strings.HasSuffix(site.File, "main.go") {
			t.Errorf("visit %d: %+v", visit, site)
		}
		if o.Restarted || len(o.Partial) != 0 || o.Heap.Unresolved != 0 {
			t.Errorf("visit %d: restarted %v, partial %v, unresolved %d", visit, o.Restarted, o.Partial, o.Heap.Unresolved)
		}
		if o.Bytes < 10_000 || o.Duration <= 0 || o.At.IsZero() || o.Cost.CPU <= 0 || o.Cost.Wall > o.Duration {
			t.Errorf("visit %d: %d bytes, %v, at %v, cost %+v", visit, o.Bytes, o.Duration, o.At, o.Cost)
		}
	}
	stop()
	_, stop = serve(t, program, address)
	defer stop()
	if o := visitOK(t, p, base, &m); !o.Restarted || len(o.Partial) != 0 {
		t.Errorf("a new process at the same address: restarted %v, partial %v", o.Restarted, o.Partial)
	}
	if o := visitOK(t, p, base, &m); o.Restarted {
		t.Error("the visit after it: restarted again")
	}
}

// testPages asks for every page.
func testPages(t *testing.T, base *url.URL, version string) {
	p := New(client(t), Settings{})
	decode := func(page Page, found *profile.Profile) error {
		_, err := p.Get(t.Context(), base, page, func(body io.Reader) error {
			decoded, err := profile.NewDecoder(profile.Limits{}).Decode(body)
			if err == nil {
				*found = *decoded
			}
			return err
		})
		return err
	}
	for _, page := range []Page{HeapProfile(), Mutex(), Block()} {
		var got profile.Profile
		if err := decode(page, &got); err != nil || len(got.Samples) == 0 || len(got.Mappings) == 0 {
			t.Errorf("%s: %d samples, %d mappings, %v", page, len(got.Samples), len(got.Mappings), err)
		}
	}
	testTwice(t, CPU(time.Second), func(page Page) error {
		var got profile.Profile
		err := decode(page, &got)
		if err == nil && (got.DurationNanos < 9e8 || got.PeriodType.Type != "cpu") {
			t.Errorf("a CPU profile of %d ns, period type %v", got.DurationNanos, got.PeriodType)
		}
		return err
	})
	testTwice(t, Trace(500*time.Millisecond), func(page Page) error {
		cost, err := p.Get(t.Context(), base, page, func(body io.Reader) error {
			trace, err := io.ReadAll(body)
			if err == nil && !bytes.HasPrefix(trace, []byte("go 1.")) {
				t.Errorf("no trace: %.20q", trace)
			}
			return err
		})
		if err == nil && cost.Wall < page.Asked() {
			t.Errorf("a trace in %v", cost.Wall)
		}
		return err
	})
	goroutines, cost, err := p.Goroutines(t.Context(), base, new(Memory))
	if err != nil || goroutines.Total < 3 || goroutines.Unresolved != 0 || cost.Bytes == 0 {
		t.Errorf("goroutines %+v, %v", goroutines, err)
	}
	_, _, err = p.GoroutineLeaks(t.Context(), base, new(Memory))
	wantError(t, err, KindAbsent, "goroutineleak")
	testVars(t, p, base)
}

// testTwice asks for a page twice at once: one of them is told that the process is busy.
func testTwice(t *testing.T, page Page, get func(Page) error) {
	other := make(chan error)
	go func() { other <- get(page) }()
	first := get(page)
	second := <-other
	if first == nil {
		first, second = second, first
	}
	wantError(t, first, KindBusy, "/"+page.String(), "somebody else")
	if second != nil {
		t.Errorf("%s: both failed: %v", page, second)
	}
}

// testVars holds /debug/vars to the heap text of the same process.
func testVars(t *testing.T, p *Prober, base *url.URL) {
	before := visitOK(t, p, base, new(Memory)).Heap.MemStats
	v, cost, err := p.Vars(t.Context(), base)
	if err != nil || v.Command != "serve" || cost.Bytes < 3000 {
		t.Fatalf("command %q, cost %+v, %v", v.Command, cost, err)
	}
	after := visitOK(t, p, base, new(Memory)).Heap.MemStats
	m := &v.MemStats
	if m.NumGC < before.NumGC || m.NumGC > after.NumGC || m.TotalAlloc < before.TotalAlloc || m.TotalAlloc > after.TotalAlloc || m.HeapSys == 0 || m.StackInuse == 0 {
		t.Errorf("NumGC %d, %d, %d; TotalAlloc %d, %d, %d", before.NumGC, m.NumGC, after.NumGC, before.TotalAlloc, m.TotalAlloc, after.TotalAlloc)
	}
	var sum uint64
	for cycle := range m.NumGC {
		ns, end, ok := m.Pause(cycle + 1)
		sum += ns
		if was, wasEnd, wasThere := after.Pause(cycle + 1); !ok || !wasThere || ns != was || end != wasEnd {
			t.Errorf("cycle %d: %d ns until %d, the text says %d until %d", cycle+1, ns, end, was, wasEnd)
		}
	}
	if sum != v.PauseTotalNs {
		t.Errorf("pauses of %d ns, want PauseTotalNs, %d", sum, v.PauseTotalNs)
	}
}

// testWriteTimeout: Go before 1.23 refuses a profile that takes longer than the server may write.
func testWriteTimeout(t *testing.T, program, version string) {
	address, stop := serve(t, program, "127.0.0.1:0", "700ms")
	defer stop()
	base := &url.URL{Scheme: "http", Host: address}
	_, err := New(client(t), Settings{}).Get(t.Context(), base, CPU(time.Second), func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
	if version == "go1.19" {
		wantError(t, err, KindWriteTimeout, "WriteTimeout")
	} else if err != nil {
		t.Error(err)
	}
}

// testOneBuild: of three processes of one program, which the kernel may put anywhere, one is asked for names.
func testOneBuild(t *testing.T, program, version string) {
	counter := &pageCounter{next: client(t).Transport, pages: map[string]int{}}
	cache := NewCache(CacheLimits{})
	p := New(&http.Client{Transport: counter}, Settings{Cache: cache})
	for range 3 {
		address, stop := serve(t, program, "127.0.0.1:0")
		m := Memory{Trust: "shop"}
		o := visitOK(t, p, &url.URL{Scheme: "http", Host: address}, &m)
		findSite(t, o, "main.fill", heap.MapGrow)
		if o.Heap.Unresolved != 0 || len(o.Partial) != 0 || (m.BuildID() == "") != (version == "go1.19") {
			t.Errorf("unresolved %d, partial %v, build id %q", o.Heap.Unresolved, o.Partial, m.BuildID())
		}
		stop()
	}
	stats := cache.Stats()
	t.Logf("pages %v, cache %+v", counter.pages, stats)
	if counter.pages["symbol"] < 1 || counter.pages["symbol"] > 3 || stats.Builds != 1 || stats.Refused != 0 || stats.Hits < 5 { // each process has a few frames that the others had not
		t.Errorf("pages %v, cache %+v", counter.pages, stats)
	}
}

// serve starts the program; stop ends it and waits.
func serve(t *testing.T, program string, args ...string) (listening string, stop func()) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = stdin.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	return strings.TrimSpace(line), stop
}
