// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"
)

// child is a program that runs, in a process group of its own.
type child struct {
	cmd    *exec.Cmd
	stdout string // file
	done   chan struct{}
}

// launch starts a program, nicely, with stdout and stderr in files.
func launch(niceness int, dir, name, path string, args, env []string) (*child, error) {
	c := &child{stdout: filepath.Join(dir, name+".stdout.log"), done: make(chan struct{})}
	out, err := os.Create(c.stdout)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	errOut, err := os.Create(stderrOf(dir, name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = errOut.Close() }()
	c.cmd = exec.Command("nice", append([]string{"-n", strconv.Itoa(niceness), path}, args...)...)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = out, errOut
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		_ = c.cmd.Wait() // a scenario may crash: that is heard from its stderr
		close(c.done)
	}()
	return c, nil
}

func stderrOf(dir, name string) string { return filepath.Join(dir, name+".stderr.log") }

// stop asks for the end, and insists after a while. It returns when the program has ended.
func (c *child) stop() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		<-c.done
	}
}

// firstLine waits for what a program prints first.
func (c *child) firstLine(ctx context.Context) (string, error) {
	for {
		text, err := os.ReadFile(c.stdout)
		if err != nil {
			return "", err
		}
		if line, _, found := strings.Cut(string(text), "\n"); found {
			return line, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-c.done:
			return "", fmt.Errorf("%s ended before it said anything", strings.Join(c.cmd.Args, " "))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// collectorConfig fills collector.yaml.tmpl.
type collectorConfig struct {
	Interval, Window, Lookback time.Duration
	Targets                    []target
	Directory, Endpoint        string
}

type target struct{ ID, URL, GCTrace, MemoryLimit string }

//go:embed collector.yaml.tmpl
var collectorYAML string

var collectorTemplate = template.Must(template.New("collector.yaml").
	Funcs(template.FuncMap{"quote": func(s string) (string, error) { // a JSON string is a YAML string
		quoted, err := json.Marshal(s)
		return string(quoted), err
	}}).
	Parse(collectorYAML))

// startCollector starts one and waits for its store.
func startCollector(ctx context.Context, s settings, dir string, config collectorConfig) (c *child, store string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	config.Directory, config.Endpoint = filepath.Join(dir, "store"), listener.Addr().String()
	_ = listener.Close()
	var text bytes.Buffer
	if err := collectorTemplate.Execute(&text, config); err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, "collector.yaml")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, "", err
	}
	c, err = launch(s.niceness/2, dir, "collector", s.collector, []string{"--config", path}, nil)
	if err != nil {
		return nil, "", err
	}
	store = "http://" + config.Endpoint
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if _, err := get(ctx, store+"/-/ready"); err == nil {
			return c, store, nil
		}
		select {
		case <-c.done:
			said, _ := os.ReadFile(stderrOf(dir, "collector"))
			return nil, "", fmt.Errorf("the collector ended:\n%s", said)
		case <-time.After(200 * time.Millisecond):
		}
	}
	c.stop()
	return nil, "", errors.Join(ctx.Err(), errors.New("the collector does not get ready"))
}

// get a page whole.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return body.Bytes(), nil
}
