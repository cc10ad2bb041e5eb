// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gopkg.in/yaml.v3"
)

// fakeAs in the environment turns the test binary into a stand-in for the collector and the gate; its value says which
// story they play. Shop and load are the real ones.
const fakeAs = "HEAPGATE_DEMO_FAKE"

var sharedBin string // the shop is built once

func TestMain(m *testing.M) {
	if story := os.Getenv(fakeAs); story != "" {
		os.Exit(fake(story, os.Args[1:]))
	}
	var err error
	if sharedBin, err = os.MkdirTemp("", "heapgate-demo-test-"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(sharedBin)
		os.Exit(code)
	}))
}

func fake(story string, args []string) int {
	if args[0] == "gate" {
		return fakeGate(story, args)
	}
	if story == "collector dies" {
		fmt.Println("cannot unmarshal the configuration")
		return 1
	}
	if story == "collector dies later" {
		go func() {
			for !exists(wish) {
				time.Sleep(10 * time.Millisecond)
			}
			fmt.Println("disk full")
			os.Exit(1)
		}()
	}
	if err := fakeCollector(args); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// wish is the file, in $TMPDIR, with which a test asks the fake collector to die.
const wish = "die"

func exists(name string) bool {
	_, err := os.Stat(filepath.Join(os.TempDir(), name))
	return err == nil
}

func fakeCollector(args []string) error {
	text, err := os.ReadFile(args[1]) // --config FILE
	if err != nil {
		return err
	}
	var config struct {
		Receivers struct {
			GoRuntime struct{ Targets []struct{ URL string } } `yaml:"go_runtime"`
		}
		Exporters struct {
			TSDB struct{ Endpoint string } `yaml:"prometheus_tsdb"`
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return err
	}
	for _, target := range config.Receivers.GoRuntime.Targets {
		answer, err := http.Get(target.URL + "/debug/pprof/heap?debug=1")
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
	}
	listener, err := net.Listen("tcp", config.Exporters.TSDB.Endpoint)
	if err != nil {
		return err
	}
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/-/ready" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
}

func fakeGate(story string, args []string) int {
	version := args[6]
	fmt.Printf("asked about %s\n", strings.Join(args[3:], " "))
	switch {
	case story == "gate hangs":
		time.Sleep(time.Hour)
	case version == "bad" && story != "bad passes":
		fmt.Println("fail: map in main.(*OrderCache).Insert (cache.go:35) grows [MAP-001]")
		return gateFail
	}
	return gatePass
}

func TestStory(t *testing.T) {
	for name, tt := range map[string]struct {
		args        []string
		interruptAt string // in the output
		dieAt       string // same, for the fake collector
		code        int
		want        []string
	}{
		"as it should be": {
			code: exitHolds,
			want: []string{
				"build shop ", "start shop bad", "start collector and store", "gather 100ms of evidence",
				"--workload demo/shop/Deployment/shop --version good --image sha256:", "asked about --workload demo/shop/Deployment/shop --version bad",
				" --window 100ms --wait 3m0s --baseline none\n", // what the fake gate was asked
				"good  pass (exit code 0)\n", "bad   fail (exit code 10)\n            map in main.(*OrderCache).Insert (cache.go:35) grows [MAP-001]\n",
				"memory of the collector: ", "/api/v1/query", "good  load: ", "failed 0, ",
			},
		},
		"bad passes":                  {code: exitBroken, want: []string{"bad   pass (exit code 0); it should be fail (10)", "not how the demo should end"}},
		"collector dies":              {code: exitBroken, want: []string{"demo: heapgate-collector ended early: exit status 1", "cannot unmarshal the configuration"}},
		"interrupted before the gate": {args: []string{"--window", "1h"}, code: exitInterrupted, interruptAt: "gather", want: []string{"demo: interrupted"}},
		"gate hangs":                  {code: exitInterrupted, interruptAt: "asked about", want: []string{"demo: interrupted"}},
		"keep":                        {args: []string{"--keep", "--wait", "4m"}, code: exitHolds, interruptAt: "running until Ctrl-C", want: []string{" --window 100ms --wait 4m0s ", "To look further, now:", "bad   load: "}},
		"collector dies later":        {args: []string{"--keep"}, code: exitBroken, dieAt: "running until Ctrl-C", want: []string{"demo: heapgate-collector ended early: exit status 1", "disk full"}},
	} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			t.Setenv(fakeAs, name)
			t.Setenv("GODEBUG", "") // what go test sets is not for the shop
			t.Chdir("../..")
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			out := &watched{word: tt.interruptAt, seen: interrupt}
			if tt.dieAt != "" {
				out = &watched{word: tt.dieAt, seen: func() { _ = os.WriteFile(filepath.Join(temp, wish), nil, 0o600) }}
			}
			code := run(ctx, append([]string{"--window", "100ms", "--bin", sharedBin, "--collector-bin", self, "--heapgate-bin", self}, tt.args...), out, out)
			if code != tt.code {
				t.Errorf("exit code: got %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the output lacks %q", want)
				}
			}
			if left := leftovers(t, temp); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if t.Failed() {
				t.Logf("output:\n%s", out.String())
			}
		})
	}
}

// leftovers returns the files below temp, and the command lines of processes that were started by the demo.
func leftovers(t *testing.T, temp string) []string {
	t.Helper()
	var left []string
	files, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Name() == wish {
			continue
		}
		left = append(left, file.Name())
	}
	processes, err := fs.Glob(os.DirFS("/proc"), "[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		line, err := os.ReadFile(filepath.Join("/proc", process))
		if err == nil && (bytes.Contains(line, []byte(temp)) || bytes.Contains(line, []byte(sharedBin))) {
			left = append(left, string(line))
		}
	}
	return left
}

// watched is an output that calls seen as soon as it contains word.
type watched struct {
	word string
	seen func()

	mu   sync.Mutex
	text bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.text.Write(p)
	if w.word != "" && strings.Contains(w.text.String(), w.word) {
		w.seen()
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestRunRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, tt := range map[string]struct {
		args   []string
		code   int
		output string
	}{
		"not the repository": {code: exitBroken, output: "the demo must run at the top of the repository"},
		"help":               {args: []string{"--help"}, code: exitHolds, output: "-window"},
		"wrong flags": {args: []string{"--window", "0", "--wait", "0", "--rate", "-1", "--collector-bin", "none", "x"}, code: exitUsage, output: `demo: demo takes flags only (got ["x"])
--window must be positive (got 0s)
--wait must be positive (got 0s)
--rate must be positive (got -1)
--collector-bin: stat none: no such file or directory
`},
	} {
		t.Run(name, func(t *testing.T) {
			var output bytes.Buffer
			if code := run(t.Context(), tt.args, &output, &output); code != tt.code || !strings.Contains(output.String(), tt.output) {
				t.Errorf("got %d and %q, want %d and %q", code, output.String(), tt.code, tt.output)
			}
		})
	}
}
