// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	_ "expvar" // a page of the healthy targets, which are this process
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const chaosInterval = time.Second

const fromList = `
receivers:
  go_runtime:
    collection_interval: 1s
    cost: {max_cpu_share: 1}
    http: {timeout: 1s}
    limits: {body_size: 4MiB, concurrent_scrapes: 4}
    sources:
      vars: {enabled: true}
      heap_profile: {enabled: true}
      mutex: {enabled: true}
    discovery:
      allow_networks: [127.0.0.0/8]
      file_sd_configs: [{files: [%q], refresh_interval: 1s}]
`

// chaos: among targets that do all they should not, those that are well are heard at each interval, and when the others
// are gone, the collector is as before.
func (h *hearing) chaos(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs the addresses 127.0.0.2 and up")
	}
	list := filepath.Join(t.TempDir(), "targets.json")
	var healthy []string
	for range 5 {
		server := httptest.NewServer(http.DefaultServeMux) // net/http/pprof and expvar of this process
		t.Cleanup(server.Close)
		healthy = append(healthy, strings.TrimPrefix(server.URL, "http://"))
	}
	writeList(t, list, healthy)
	own := freeAddress(t)
	c := h.collect(t, filepath.Join(t.TempDir(), "offsets"), own, fmt.Sprintf(fromList, list))
	told := c.told()
	for _, target := range healthy {
		told.awaitPoint(t, target, "heapgate.target.up", func(p point) bool { return p.value == 1 })
	}
	before := 0 // goroutines
	for range 20 {
		before = max(before, goroutinesOf(t, own))
		time.Sleep(50 * time.Millisecond)
	}

	troubles := newTroubles(t)
	addresses := slices.Clone(healthy)
	for _, f := range troubles {
		addresses = append(addresses, f.address)
	}
	stalled := watchStalls(t)
	begun := time.Now()
	writeList(t, list, addresses)
	for _, f := range troubles {
		f.heardAs(t, told)
	}
	writeList(t, list, healthy)
	told.more(t)
	heardThroughout(t, told, healthy, begun, 3*chaosInterval+stalled())
	await(t, "the collector's goroutines are as before", func() (any, bool) {
		now := goroutinesOf(t, own)
		return fmt.Sprintf("%d, %d before", now, before), now <= before
	})
	followed := 0
	for _, f := range troubles {
		followed += int(f.followed.Load())
	}
	if followed > 0 {
		t.Errorf("%d redirects were followed", followed)
	}
}

// heardThroughout checks that targets were always up, and heard often enough.
func heardThroughout(t *testing.T, told *told, targets []string, begun time.Time, most time.Duration) {
	t.Helper()
	for _, target := range targets {
		last, heard := begun, 0
		for _, p := range told.points {
			if p.target != target || p.name != "heapgate.target.up" || p.at.Before(begun) {
				continue
			}
			if p.value != 1 {
				t.Errorf("%s is down, %v after the chaos began", target, p.at.Sub(begun))
			}
			if gap := p.at.Sub(last); gap > most {
				t.Errorf("%s was not heard for %v, %v after the chaos began; want %v at most", target, gap, p.at.Sub(begun), most)
			}
			last = p.at
			heard++
		}
		if heard == 0 {
			t.Errorf("%s was not heard", target)
		}
	}
}

// watchStalls measures for how long the machine keeps this process waiting: the collector waits as long.
func watchStalls(t *testing.T) (longest func() time.Duration) {
	t.Helper()
	stop, result := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		most, last := time.Duration(0), time.Now()
		for {
			select {
			case <-stop:
				result <- most
				return
			case <-time.After(10 * time.Millisecond):
			}
			most, last = max(most, time.Since(last)), time.Now()
		}
	}()
	return func() time.Duration { close(stop); return <-result }
}

// writeList replaces a list of file_sd_configs.
func writeList(t *testing.T, path string, addresses []string) {
	t.Helper()
	text, err := json.Marshal([]any{map[string]any{"targets": addresses, "labels": map[string]string{"__heapgate_workload_name": "chaos"}}})
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// goroutinesOf asks the collector's own pprof.
func goroutinesOf(t *testing.T, address string) int {
	t.Helper()
	resp, err := http.Get("http://" + address + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	head, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, total, _ := strings.Cut(strings.TrimSpace(head), "total ")
	n, err := strconv.Atoi(total)
	if err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	return n
}
