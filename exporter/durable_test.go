// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
)

// childDirectory makes the test binary a process that writes into that directory until it is killed.
const childDirectory = "HEAPGATE_TEST_CHILD_DIRECTORY"

func init() {
	if dir := os.Getenv(childDirectory); dir != "" {
		fmt.Fprintln(os.Stderr, writeForever(dir))
		os.Exit(1)
	}
}

// writeForever writes one sample of ticks a second of its own time and prints how many are acknowledged.
func writeForever(dir string) error {
	e, err := newStoreExporter(testConfig(dir), exportertest.NewNopSettings(NewFactory().Type()))
	if err != nil {
		return err
	}
	if err := e.start(context.Background(), componenttest.NewNopHost()); err != nil {
		return err
	}
	for n := 1; ; n++ {
		at := noon.Add(time.Duration(n) * time.Second)
		e.now = func() time.Time { return at }
		if err := e.push(context.Background(), gauges("ticks", at, float64(n))); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestKill9 kills a writing process. What it acknowledged is there, in order, and the directory is free again.
func TestKill9(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childDirectory+"="+dir)
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	acknowledged := 0
	for acknowledged < 500 && lines.Scan() {
		acknowledged, _ = strconv.Atoi(lines.Text())
	}

	// While the child lives the directory is its own.
	err = newRig(t, testConfig(dir)).start(context.Background(), componenttest.NewNopHost())
	if err == nil || !strings.Contains(err.Error(), "which another process uses") {
		t.Errorf("the directory of a living process gave %v", err)
	}

	if err := child.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	for lines.Scan() { // what it printed before it died counts too
		acknowledged, _ = strconv.Atoi(lines.Text())
	}
	if err := child.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the child ended with %v", err)
	}
	if acknowledged < 500 {
		t.Fatalf("the child acknowledged %d samples, want at least 500", acknowledged)
	}

	r := startRig(t, testConfig(dir))
	end := noon.Add(24 * time.Hour)
	stored := r.number("count_over_time(ticks[1d])", end)
	// One more may have been written and not yet printed.
	if n := float64(acknowledged); stored < n || stored > n+1 {
		t.Errorf("%g samples after kill -9, want the %d that were acknowledged", stored, acknowledged)
	}
	if last := r.number("last_over_time(ticks[1d])", end); last != stored {
		t.Errorf("the last of %g samples is %g", stored, last)
	}
	at := noon.Add(time.Duration(stored+1) * time.Second)
	r.write(at, gauges("ticks", at, stored+1)) // and the store goes on where it was
	if got := r.number("ticks", at); got != stored+1 {
		t.Errorf("ticks = %g, want %g", got, stored+1)
	}
}
