// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestHear runs the collector's binary as a user does, beside real programs and false ones, and reads what it has told the
// file exporter.
func TestHear(t *testing.T) {
	h := &hearing{folder: t.TempDir()}
	h.binary = filepath.Join(h.folder, "heapgate-collector")
	execute(t, ".", []string{"CGO_ENABLED=0"}, "go", "build", "-o", h.binary, ".")
	t.Run("versions", h.versions)
	if testing.Short() {
		return
	}
	t.Run("killed", h.killed)
	t.Run("chaos", h.chaos)
	t.Run("balanced", h.balanced)
	t.Run("profiled", h.profiled)
}

// hearing is what the tests of TestHear share.
type hearing struct{ folder, binary string }

// patience is how long something may take on a loaded machine. No test waits for it unless it fails.
const patience = time.Minute

// await fails the test when the condition does not come to hold. It says what was seen last.
func await(t *testing.T, what string, holds func() (seen any, ok bool)) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		seen, ok := holds()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %v: %s; last seen: %v", patience, what, seen)
		}
	}
}

func execute(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// process is one of another program than the test.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// begin starts a process that ends with the test at the latest. first is done before anybody waits for its end.
func begin(t *testing.T, cmd *exec.Cmd, first func()) *process {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd, make(chan struct{})}
	first()
	go func() { _ = cmd.Wait(); close(p.done) }()
	t.Cleanup(p.kill)
	return p
}

// kill ends it as nothing else does: kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// collector is one run of the binary. What it tells goes to files of its own.
type collector struct {
	*process
	folder string // metrics, logs, profiles; stderr
	killed bool   // on purpose
}

// pipelines ends each configuration: everything goes to files. The receiver's storage is there too. %[1]s is the
// collector's folder, %[2]s that of the storage, %[3]s where its own pprof listens.
const pipelines = `
extensions:
  file_storage: {directory: %[2]q, create_directory: true}
  pprof: {endpoint: %[3]q}
exporters:
  file/metrics: {path: "%[1]s/metrics", flush_interval: 100ms}
  file/logs: {path: "%[1]s/logs", flush_interval: 100ms}
  file/profiles: {path: "%[1]s/profiles", flush_interval: 100ms}
service:
  extensions: [file_storage, pprof]
  telemetry: {metrics: {level: none}, logs: {level: info}}
  pipelines:
    metrics: {receivers: [go_runtime], exporters: [file/metrics]}
    logs: {receivers: [go_runtime], exporters: [file/logs]}
    profiles: {receivers: [go_runtime], exporters: [file/profiles]}
`

// collect starts the collector with a receiver's configuration.
func (h *hearing) collect(t *testing.T, storage, pprof, receiver string) *collector {
	t.Helper()
	return start(t, h.binary, func(folder string) string { return receiver + fmt.Sprintf(pipelines, folder, storage, pprof) })
}

// start runs a collector's binary with the configuration that writes to its folder.
func start(t *testing.T, binary string, configuration func(folder string) string) *collector {
	t.Helper()
	c := &collector{folder: t.TempDir()}
	config := filepath.Join(c.folder, "config.yaml")
	if err := os.WriteFile(config, []byte(configuration(c.folder)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "--config", config, "--feature-gates=+service.profilesSupport")
	stderr, err := os.Create(filepath.Join(c.folder, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	c.process = begin(t, cmd, func() {})
	t.Cleanup(func() { c.check(t) })
	return c
}

// check fails the test when the collector died, and shows what it said when the test failed.
func (c *collector) check(t *testing.T) {
	stderr, err := os.ReadFile(filepath.Join(c.folder, "stderr"))
	if err != nil {
		t.Error(err)
	}
	for _, word := range []string{"panic:", "fatal error:", "goroutine 1 ["} {
		if bytes.Contains(stderr, []byte(word)) {
			t.Errorf("the collector said %q", word)
		}
	}
	if c.ended() && !c.killed {
		t.Errorf("the collector has ended: %s", c.cmd.ProcessState)
	}
	if t.Failed() {
		t.Logf("the collector's stderr ends with:\n%s", stderr[max(0, len(stderr)-8000):])
	}
}
