// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain makes the command `heapgate` of the scripts this test binary, and looks for goroutines that stayed.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"heapgate": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
		stop()
		os.Exit(code)
	}})
}

type leakChecked struct{ tests *testing.M }

func (l leakChecked) Run() int {
	code := l.tests.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return code
}

// TestScripts runs testdata/script/*.txtar. Beside the commands of testscript there are:
//
//	store FILE             starts a store filled from FILE (see fakeStore) and sets $STORE to its address
//	exits CODE COMMAND...  runs a command that must end with this exit code
//
// and those of hook_api_test.go.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"store": startStore, "exits": exits, "asked": asked, "api": startAPI, "kubeget": kubeget, "webhook": startWebhook, "notices": notices,
		},
	})
}

func startStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: store FILE")
	}
	store, err := newFakeStore(ts.ReadFile(args[0]), time.Now())
	ts.Check(err)
	server := httptest.NewServer(store)
	ts.Defer(func() { server.Close(); store.close() })
	running.mu.Lock()
	running.stores[ts.Getenv("WORK")] = store
	running.mu.Unlock()
	ts.Setenv("STORE", server.URL)
	ts.Setenv("STORE_HOST", server.Listener.Addr().String())
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
