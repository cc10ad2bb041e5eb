// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// behind is a collector that derives signals of what the gateway gives it.
const behind = `
receivers:
  otlp: {protocols: {grpc: {endpoint: %[2]q}}}
processors:
  go_signals: {window: 1m}
exporters:
  file: {path: "%[1]s/metrics", flush_interval: 100ms}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp], processors: [go_signals], exporters: [file]}
`

// gateway hears the targets itself and balances what they say.
const gateway = `
receivers:
  go_runtime:
    collection_interval: 500ms
    cost: {max_cpu_share: 1}
    targets:
%[1]s
exporters:
  loadbalancing:
    routing_key: resource
    protocol: {otlp: {tls: {insecure: true}}}
    resolver: {static: {hostnames: [%[2]q, %[3]q]}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [go_runtime], exporters: [loadbalancing]}
`

// balanced: behind a gateway that balances by resource, two collectors share the processes, and each process has the
// signals of its whole life at one of them.
func (h *hearing) balanced(t *testing.T) {
	execute(t, "..", nil, "make", "distro-gateway")
	binary, err := filepath.Abs("../bin/heapgate-gateway")
	if err != nil {
		t.Fatal(err)
	}
	shown := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(shown, yamlBlock.FindSubmatch([]byte(read(t, "../docs/gateway.md")))[1], 0o600); err != nil {
		t.Fatal(err)
	}
	execute(t, ".", nil, binary, "validate", "--config", shown)
	p := launch(t, h.build(t, "go"), "20")
	const processes = 12 // names of one process: with 12 the chance that all go to one collector is 1 in 2000
	targets := ""
	for i := range processes {
		targets += fmt.Sprintf("      - {id: target-%d, url: %q, workload: {name: balanced}}\n", i, p.url)
	}
	places := []string{freeAddress(t), freeAddress(t)}
	var collectors []*told
	for _, at := range places {
		collectors = append(collectors, start(t, h.binary, func(folder string) string { return fmt.Sprintf(behind, folder, at) }).told())
	}
	for _, at := range places {
		awaitListener(t, at)
	}
	start(t, binary, func(string) string { return fmt.Sprintf(gateway, targets, places[0], places[1]) })
	heardBy := func() map[string][]int { // collectors by target
		by := map[string][]int{}
		for i, c := range collectors {
			c.more(t)
			targets := map[string]bool{}
			for _, p := range c.points {
				if p.name == "heapgate.signal.windows" && p.value >= 2 { // somebody heard three profiles of it in a row
					targets[p.target] = true
				}
			}
			for target := range targets {
				by[target] = append(by[target], i)
			}
		}
		return by
	}
	p.do(t, "churn") // a process that does nothing collects no garbage
	await(t, "each process is judged", func() (any, bool) {
		by := heardBy()
		return by, len(by) == processes
	})
	time.Sleep(2 * time.Second) // for a point that goes astray
	per := map[int]int{}
	heardBy()
	for i, c := range collectors {
		seen := map[string]bool{}
		for _, p := range c.points {
			seen[p.target] = true
		}
		per[i] = len(seen)
		for target := range seen {
			for j := range i {
				for _, q := range collectors[j].points {
					if q.target == target {
						t.Fatalf("%s was heard by collector %d and by collector %d", target, j, i)
					}
				}
			}
		}
	}
	if per[0]+per[1] != processes || per[0] == 0 || per[1] == 0 {
		t.Errorf("the collectors heard %v processes, want all of %d, some at each", per, processes)
	}
}

func awaitListener(t *testing.T, at string) {
	t.Helper()
	await(t, strings.TrimSpace("a listener at "+at), func() (any, bool) {
		c, err := net.DialTimeout("tcp", at, time.Second)
		if err == nil {
			c.Close()
		}
		return err, err == nil
	})
}
