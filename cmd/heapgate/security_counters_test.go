// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

// TestPoisonedCountersNeverPass: a second series of a counter that is summed could hide what a candidate allocates.
func TestPoisonedCountersNeverPass(t *testing.T) {
	fixture := fleet(1, quarter, 240, fleetPart{version: "v1", pods: 3, to: 240, allocation: 1, live: 1}, fleetPart{version: "v2", pods: 3, from: 60, to: 240, allocation: 1.25, live: 1})
	for name, tt := range map[string]struct{ version, metric, values string }{
		"untouched":           {},
		"the candidate, less": {"v2", metricAllocated, "9e12-10000000x239"},
		"the baseline, more":  {"v1", metricAllocated, "0+15000000x239"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := fixture
			if tt.metric != "" {
				changed = addSeries(t, fixture, tt.version, tt.metric, tt.values)
			}
			r := compareWith(t, changed, gateFlags{version: "v2", window: 40 * time.Minute})
			got := r.evidence.Comparison.Signals[signalAllocation]
			if got.Outcome == "pass" {
				t.Errorf("allocation passes:\n%s", r.text())
			}
		})
	}
}
