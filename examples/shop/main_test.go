// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))
}

func TestRunServesBothPortsUntilAskedToStop(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections() // Shutdown waits for connections that never sent a request
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdoutReader, stdout := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"--addr", "127.0.0.1:0", "--pprof", "127.0.0.1:0", "--version", "bad"}, stdout, &stderr)
		_ = stdout.Close()
	}()
	log := bufio.NewReader(stdoutReader)
	line, err := log.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`version=bad addr=(\S+) pprof=(\S+)`).FindStringSubmatch(line)
	if address == nil {
		t.Fatalf("the first log line must tell both addresses (got %q)", line)
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	if status, answer := ask(t, "GET", "http://"+address[1]+"/healthz", ""); status != 200 || answer != "ok\n" {
		t.Errorf("healthz: got %d %q", status, answer)
	}
	if status, answer := ask(t, "GET", "http://"+address[2]+"/debug/pprof/heap?debug=1", ""); status != 200 || !strings.HasPrefix(answer, "heap profile: ") {
		t.Errorf("heap: got %d %.80q", status, answer)
	}
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exit code: got %d, want 0 after an orderly stop", got)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr belongs to the runtime (got %q)", stderr.String())
	}
}

func TestRunRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		args   []string
		code   int
		stderr string
		stdout string
	}{
		"unknown version": {args: []string{"--version", "ugly"}, code: 2, stderr: `--version must be good, bad or lavish (got "ugly")`},
		"bounds":          {args: []string{"--max-receipts", "0", "--dump-every", "-1"}, code: 2, stderr: "--max-receipts must be positive (got 0)\n--dump-every must be positive (got -1)"},
		"argument":        {args: []string{"now"}, code: 2, stderr: `shop takes flags only (got ["now"])`},
		"help":            {args: []string{"--help"}, code: 0, stderr: "-pprof"},
		"no such address": {args: []string{"--addr", "127.0.0.1:99999"}, code: 1, stdout: "--addr: listen tcp"},
		"no such pprof":   {args: []string{"--addr", "127.0.0.1:0", "--pprof", "127.0.0.1:99999"}, code: 1, stdout: "--pprof: listen tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), tt.args, &stdout, &stderr)
			if code != tt.code || !strings.Contains(stderr.String(), tt.stderr) || !strings.Contains(stdout.String(), tt.stdout) {
				t.Errorf("got %d, stdout %q, stderr %q\nwant %d, %q, %q", code, stdout.String(), stderr.String(), tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}
