// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"testing"
)

// onlyProfiles hears nothing of a process but the OTLP profiles that somebody takes of it.
const onlyProfiles = `
receivers:
  go_runtime:
    collection_interval: 1s
    cost: {max_cpu_share: 1}
    sources:
      heap_profile: {enabled: true, interval: 1s}
    targets:
      - {id: foreign, url: %[2]q, workload: {name: foreign}}
processors:
  resource: {attributes: [{key: process.runtime.version, value: go1.26, action: insert}]}
  go_signals: {window: 1m}
connectors:
  go_profiles:
exporters:
  file: {path: "%[1]s/metrics", flush_interval: 100ms}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    profiles: {receivers: [go_runtime], processors: [resource], exporters: [go_profiles]}
    metrics: {receivers: [go_profiles], processors: [go_signals], exporters: [file]}
`

// profiled: a map that grows is found in the protobuf profiles of a process by the sizes of its tables alone, through
// OTLP, the connector and the processor; and what only the process itself can tell is not made up.
func (h *hearing) profiled(t *testing.T) {
	p := launch(t, h.build(t, "go"), "20")
	told := start(t, h.binary, func(folder string) string { return fmt.Sprintf(onlyProfiles, folder, p.url) }).told()
	line := lineOf(t, "grow")
	p.do(t, "churn") // each cycle publishes what was allocated before the one before it
	await(t, "the growth of the map has a rate", func() (any, bool) {
		p.do(t, "grow")
		told.more(t)
		for _, point := range told.points {
			if point.name == "heapgate.signal.map.growth_rate" && point.isAt(line) && point.value > 0 {
				return point, true
			}
		}
		return len(told.points), false
	})
	for _, point := range told.points {
		switch point.name {
		case "heapgate.signal.cycles", "heapgate.signal.gc.cycle_rate", "heapgate.signal.gc.state", "go.memory.gc.cycles", "heapgate.signal.gc.pause.p99":
			t.Errorf("%s was made up", point)
		}
	}
}
