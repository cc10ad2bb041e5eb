// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/template"
	"time"

	"golang.org/x/sync/errgroup"
)

// group is one deployed version: processes that nobody can tell apart.
type group struct {
	name, version, digest string
	addresses, pprof      []string
	stderr                []string // files with gctrace
}

// stage is what runs.
type stage struct {
	settings
	dir      string
	shop     string
	load     string
	store    string
	groups   []*group // good ones first
	children *errgroup.Group
	ctx      context.Context // ends with the first child
}

// perform runs everything and judges window by window.
func (s settings) perform(ctx context.Context, progress io.Writer) (*tally, error) {
	dir := s.keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "heapgate-trials-"); err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	ctx, cancel := context.WithCancel(ctx)
	st := &stage{settings: s, dir: dir, shop: filepath.Join(dir, "shop"), load: filepath.Join(dir, "load")}
	st.children, st.ctx = errgroup.WithContext(ctx)
	defer func() { cancel(); _ = st.children.Wait() }()
	if err := st.open(); err != nil {
		return nil, err
	}
	t := &tally{settings: s, counts: map[string]map[string]int{}}
	for began := time.Now(); ; {
		if err := wait(st.ctx, s.window); err != nil {
			return nil, err
		}
		if time.Since(began) >= s.lasts+s.window {
			return t, nil
		}
		if time.Since(began) < 2*s.window {
			continue // the first window has the start of the processes in it
		}
		if err := st.judgePairs(t); err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintf(progress, "%v of %v: %d trials\n", time.Since(began).Round(time.Second), s.lasts+s.window, t.trials)
	}
}

// open builds and starts the shops, their load and the collector.
func (st *stage) open() error {
	for path, pkg := range map[string]string{st.shop: "./examples/shop", st.load: "./examples/shop/load"} {
		if text, err := exec.CommandContext(st.ctx, "go", "build", "-buildvcs=false", "-trimpath", "-o", path, pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
		}
	}
	addresses, err := freeAddresses(2*st.pods*(st.good+st.lavish) + 1)
	if err != nil {
		return err
	}
	st.store, addresses = addresses[0], addresses[1:]
	for n := range st.good + st.lavish {
		g := &group{name: fmt.Sprintf("good-%d", n), version: "good"}
		if n >= st.good {
			g.name, g.version = fmt.Sprintf("lavish-%d", n-st.good), "lavish"
		}
		g.digest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(g.name)))
		g.addresses, g.pprof, addresses = addresses[:st.pods], addresses[st.pods:2*st.pods], addresses[2*st.pods:]
		st.groups = append(st.groups, g)
		for i := range st.pods {
			file := filepath.Join(st.dir, fmt.Sprintf("%s-%d.stderr.log", g.name, i))
			g.stderr = append(g.stderr, file)
			if err := st.start(file, []string{"GOMAXPROCS=1", "GODEBUG=gctrace=1"}, st.shop, "--version", g.version, "--addr", g.addresses[i], "--pprof", g.pprof[i]); err != nil {
				return err
			}
		}
	}
	if err := wait(st.ctx, 2*time.Second); err != nil {
		return err
	}
	for _, g := range st.groups {
		for _, address := range g.addresses {
			if err := st.start(filepath.Join(st.dir, "load.stderr.log"+address), []string{"GOMAXPROCS=1"}, st.load, "--url", "http://"+address, "--rate", fmt.Sprint(st.rate), "--wave", "0.4", "--period", (3 * st.window / 4).String(), "--duration", "0"); err != nil {
				return err
			}
		}
	}
	config := filepath.Join(st.dir, "collector.yaml")
	if err := st.writeConfig(config); err != nil {
		return err
	}
	return st.start(filepath.Join(st.dir, "collector.stderr.log"), nil, st.collector, "--config", config)
}

// start a program that lives as long as the trials. Its end is theirs.
func (st *stage) start(stderr string, env []string, path string, args ...string) error {
	said, err := os.Create(stderr)
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }() // the program has its own
	cmd := exec.CommandContext(st.ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return err
	}
	st.children.Go(func() error {
		err := cmd.Wait()
		return fmt.Errorf("%s ended, see %s: %w", filepath.Base(path), stderr, errors.Join(err, st.ctx.Err()))
	})
	return nil
}

//go:embed collector.yaml.tmpl
var collectorYAML string

var collectorTemplate = template.Must(template.New("collector.yaml").
	Funcs(template.FuncMap{"quote": func(s string) (string, error) { // a JSON string is a YAML string
		quoted, err := json.Marshal(s)
		return string(quoted), err
	}}).
	Parse(collectorYAML))

func (st *stage) writeConfig(path string) error {
	type target struct{ URL, Group, Version, Digest, GCTrace string }
	var targets []target
	for _, g := range st.groups {
		for i, address := range g.pprof {
			targets = append(targets, target{"http://" + address, g.name, g.name, g.digest, g.stderr[i]})
		}
	}
	var text bytes.Buffer
	err := collectorTemplate.Execute(&text, map[string]any{
		"Step": st.step, "Window": st.window / 4, "Targets": targets, "Directory": filepath.Join(st.dir, "store"), "Endpoint": st.store,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o600)
}

func freeAddresses(n int) ([]string, error) {
	var all []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }() // all are held until each is another
		all = append(all, listener.Addr().String())
	}
	return all, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
