// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sample is what the collector used at one moment.
type sample struct {
	at         time.Time
	cpu        time.Duration // since it started
	rss        int64         // bytes
	anonymous  int64         // of them, not pages of the program's file
	goroutines float64
}

const configuration = `receivers:
  go_runtime:
    collection_interval: %[1]s
    discovery:
      file_sd_configs:
        - files: [%[2]s]
      allow_networks: [127.0.0.0/8]
    cost: {max_cpu_share: 1}
    limits: {targets: 60000}
extensions:
  pprof: {endpoint: '127.0.0.1:%[4]d'}
processors:
  go_signals: {max_targets: 60000}
exporters:
  debug: {verbosity: basic, sampling_initial: 1, sampling_thereafter: 1000000}
service:
  extensions: [pprof]
  telemetry:
    logs: {level: error}
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[3]d}}}}]
  pipelines:
    metrics: {receivers: [go_runtime], processors: [go_signals], exporters: [debug]}
`

// measure runs the fleet and the collector.
func measure(ctx context.Context, s settings, progress io.Writer) (*report, error) {
	programs, err := load(s.corpus)
	if err != nil {
		return nil, err
	}
	f, err := newFleet(ctx, s, programs)
	if err != nil {
		return nil, err
	}
	defer f.close()
	var ports [2]int // of the collector's metrics, and of its pprof
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	config, err := s.write(f, ports)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.collector, "--config", config)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = progress
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w; make build writes it", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	samples, scrapes, err := watch(ctx, s, f, cmd.Process.Pid, ports, ended, progress)
	stop := cmd.Process.Signal(os.Interrupt)
	if err == nil && stop == nil {
		err = <-ended
	}
	if err != nil {
		return nil, err
	}
	gaps, texts := f.waits()
	return &report{settings: s, programs: programs, samples: samples, gaps: gaps, texts: texts, scrapes: scrapes}, nil
}

// write writes the collector's configuration and the file of targets.
func (s *settings) write(f *fleet, ports [2]int) (string, error) {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	var groups []group
	for n := range s.targets {
		groups = append(groups, group{
			[]string{net.JoinHostPort(address(n), strconv.Itoa(f.port()))},
			map[string]string{"__heapgate_workload_name": f.programs[n%len(f.programs)].name, "__heapgate_workload_namespace": "fleet", "__heapgate_workload_version": "v1"},
		})
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return "", err
	}
	targets, config := filepath.Join(s.dir, "targets.json"), filepath.Join(s.dir, "collector.yaml")
	return config, errors.Join(
		os.WriteFile(targets, text, 0o600),
		os.WriteFile(config, fmt.Appendf(nil, configuration, s.interval, targets, ports[0], ports[1]), 0o600),
	)
}

// watch samples the collector until the time is over.
func watch(ctx context.Context, s settings, f *fleet, pid int, ports [2]int, ended <-chan error, progress io.Writer) (samples []sample, scrapes map[string]float64, err error) {
	const every = 5 * time.Second
	warm := time.After(2 * s.interval)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var end <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case err := <-ended:
			return nil, nil, fmt.Errorf("the collector ended by itself: %w", err)
		case <-warm:
			f.begin()
			end = time.After(s.lasts)
			first, _, err := look(pid, ports)
			if err != nil {
				return nil, nil, err
			}
			samples = append(samples, first)
		case <-ticker.C:
			now, _, err := look(pid, ports)
			if err != nil && end == nil {
				continue // it is still starting
			}
			if err != nil {
				return nil, nil, err
			}
			if end != nil {
				samples = append(samples, now)
			}
			gaps, texts := f.waits()
			fmt.Fprintf(progress, "%s  rss %d MiB  cpu %s  goroutines %.0f  texts %d  healthy %d\n", now.at.Format(time.TimeOnly), now.rss>>20, now.cpu.Round(time.Millisecond), now.goroutines, texts, len(gaps))
		case <-end:
			last, counters, err := look(pid, ports)
			return append(samples, last), counters, err
		}
	}
}

// look reads /proc and the collector's own metrics.
func look(pid int, ports [2]int) (sample, map[string]float64, error) {
	s := sample{at: time.Now()}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, nil, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	if len(fields) < 22 {
		return s, nil, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	ticks := func(i int) int64 { n, _ := strconv.ParseInt(fields[i], 10, 64); return n }
	s.cpu = time.Duration(ticks(11)+ticks(12)) * time.Second / 100 // USER_HZ
	if s.rss, s.anonymous, err = memory(pid); err != nil {
		return s, nil, err
	}
	counters, err := scrape(fmt.Sprintf("http://127.0.0.1:%d/metrics", ports[0]))
	if err != nil {
		return s, nil, err
	}
	s.goroutines, err = goroutines(fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/goroutine?debug=1", ports[1]))
	return s, counters, err
}

// memory reads resident bytes: all, and those that are not pages of the program's file.
func memory(pid int) (all, anonymous int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		name, value, _ := strings.Cut(line, ":")
		if _, err := fmt.Sscan(value, &kib); err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			all = kib << 10
		case "RssAnon":
			anonymous = kib << 10
		}
	}
	return all, anonymous, nil
}

// goroutines is the number in the first line of the profile.
func goroutines(url string) (float64, error) {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url) //nolint:noctx // it has a timeout
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(strings.TrimPrefix(line, "goroutine profile: total ")), 64)
}

// scrape reads the collector's own metrics as `name{labels}`.
func scrape(url string) (map[string]float64, error) {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url) //nolint:noctx // it has a timeout
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(io.LimitReader(resp.Body, 8<<20))
	for lines.Scan() {
		name, value, ok := cutLast(lines.Text())
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil {
			all[name] = n
		}
	}
	return all, lines.Err()
}

func cutLast(line string) (name, value string, ok bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 || strings.HasPrefix(line, "#") {
		return "", "", false
	}
	return line[:i], line[i+1:], true
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
