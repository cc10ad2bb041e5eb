// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// clocked adds up how long the store takes for its answers.
type clocked struct {
	next http.RoundTripper
	took atomic.Int64
}

func (c *clocked) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	answer, err := c.next.RoundTrip(r)
	c.took.Add(int64(time.Since(began)))
	return answer, err
}

// BenchmarkLook is what passes between the last sample and the verdict: one look with a comparison over 40 minutes, the questions to a
// Prometheus TSDB in this process and its answers, the policies, and no waiting. asking-ms/op is the sum over questions, of which four
// run at a time.
func BenchmarkLook(b *testing.B) {
	for _, pods := range []int{3, 10, 50} {
		b.Run(fmt.Sprintf("pods=%d+%d", pods, pods), func(b *testing.B) {
			store, err := newFakeStore(fleet(1, quarter, 240, fleetPart{version: "v1", pods: pods, to: 240, allocation: 1, live: 1},
				fleetPart{version: "v2", pods: pods, from: 60, to: 240, allocation: 1, live: 1}), storeNow)
			if err != nil {
				b.Fatal(err)
			}
			defer store.close()
			s, err := testSettings(gateFlags{version: "v2", window: 40 * time.Minute, compare: compareFlags{baseline: "auto", looks: 4, warmUp: -1, history: 168 * time.Hour}}, store)
			if err != nil {
				b.Fatal(err)
			}
			clock := &clocked{next: s.client.Transport}
			s.client.Transport = clock
			client, err := promapi.New(s.store, s.client)
			if err != nil {
				b.Fatal(err)
			}
			j, err := newJudge(policySource{}, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if r := lookOnce(b.Context(), s, client, j, single(storeNow)); r.exitCode() != exitPass || r.evidence.Comparison.Baseline.Kind != "concurrent" {
					b.Fatal(r.verdict.Summary)
				}
			}
			b.ReportMetric(float64(clock.took.Load())/1e6/float64(b.N), "asking-ms/op")
		})
	}
}
