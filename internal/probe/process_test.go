// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/heap"
)

// TestRealProcess visits a built program: twice the same process, then a new one at the same address.
func TestRealProcess(t *testing.T) {
	program := filepath.Join(t.TempDir(), "serve")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/prog/serve").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address, stop := serve(t, program, "127.0.0.1:0")
	p := New(client(t), Settings{Goroutines: true, Vars: true})
	base := &url.URL{Scheme: "http", Host: address}
	var m Memory
	for visit := range 2 {
		o := visitOK(t, p, base, &m)
		site := findSite(t, o, "main.fill", heap.MapGrow)
		if site.AllocBytes < 5_000_000 || site.InuseBytes < 2_500_000 || site.Line == 0 || !strings.HasSuffix(site.File, "serve/main.go") {
			t.Errorf("visit %d: %+v", visit, site)
		}
		if o.Restarted || len(o.Partial) != 0 || o.Heap.Unresolved != 0 || o.Goroutines == nil || *o.Goroutines < 2 {
			t.Errorf("visit %d: restarted %v, partial %v, unresolved %d, goroutines %v", visit, o.Restarted, o.Partial, o.Heap.Unresolved, o.Goroutines)
		}
		if o.Vars == nil || o.Vars.Command != "serve" || o.Vars.PauseTotalNs == 0 {
			t.Errorf("visit %d: vars %+v", visit, o.Vars)
		}
		if o.Bytes < 10_000 || o.Duration <= 0 || o.At.IsZero() {
			t.Errorf("visit %d: %d bytes, %v, at %v", visit, o.Bytes, o.Duration, o.At)
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

// serve starts the program; stop ends it and waits.
func serve(t *testing.T, program, address string) (listening string, stop func()) {
	t.Helper()
	cmd := exec.Command(program, address)
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
