// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// TestRateOfUnevenSamples: a heap text and /debug/vars, one right after the other, show the same counter; where in the step they fall must
// not show in its rate. Prometheus' rate() is up to a quarter lower for some of them.
func TestRateOfUnevenSamples(t *testing.T) {
	const metric, n = "go_memory_allocated_bytes_total", 600
	for phase := range 15 {
		var values []string
		for i := range n {
			if at := i % 15; at == phase || at == (phase+1)%15 {
				values = append(values, fmt.Sprint(1000*i))
			} else {
				values = append(values, "_")
			}
		}
		store, err := newFakeStore("every 1s\ntarget 10.0.0.1:6060\n"+metric+" "+strings.Join(append(values, fmt.Sprint(1000*n)), " "), storeNow)
		if err != nil {
			t.Fatal(err)
		}
		s, err := testSettings(gateFlags{window: 5 * time.Minute}, store)
		if err != nil {
			t.Fatal(err)
		}
		client, err := promapi.New(s.store, s.client)
		if err != nil {
			t.Fatal(err)
		}
		g := &gatherer{settings: s}
		answer, err := client.QueryRange(t.Context(), g.rateOf(metric, s.workload), storeNow.Add(-5*time.Minute), storeNow, s.step)
		store.close()
		if err != nil || len(answer.Series) != 1 || len(answer.Series[0].Points) != 21 {
			t.Fatalf("phase %d: %v, %v", phase, answer, err)
		}
		for _, p := range answer.Series[0].Points {
			if math.Abs(p.Value-1000) > 0.1 {
				t.Errorf("phase %d: the rate is %g, want 1000", phase, p.Value)
			}
		}
	}
}
