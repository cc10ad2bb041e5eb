// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// TestBehindGateway: a fleet that is spread over two collectors by a hash of the resource, as the load balancing exporter with
// routing_key: resource does, leads to the signals to which it leads in one, and no process is remembered by both.
func TestBehindGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newTestProcessor(t), [2]*goSignals{newTestProcessor(t), newTestProcessor(t)}
		for _, p := range []*goSignals{one, two[0], two[1]} {
			p.baselines = nil // a baseline is of a workload: of one that is spread, each collector learns from its own processes
		}
		var fleet []*sim
		for i, kind := range slices.Sorted(maps.Keys(shapes)) {
			for n := range 2 {
				s := &sim{kind: kind, rng: rand.New(rand.NewPCG(uint64(i), uint64(n)))}
				s.name(n, "1")
				s.restart(time.Now())
				fleet = append(fleet, s)
			}
		}
		signals := 0
		for minute := range 90 {
			time.Sleep(time.Minute)
			for _, s := range fleet {
				if minute == 45 && s.kind == "churn" {
					s.restart(time.Now())
				}
				batch := s.batch(time.Now(), time.Now(), minute)
				routed := pmetric.NewMetrics()
				batch.CopyTo(routed)
				want := send(t, one, batch)
				signals += len(want)
				if diff := cmp.Diff(want, send(t, two[route(routed)], routed)); diff != "" {
					t.Fatalf("minute %d %s: -one collector +two:\n%s", minute, s.kind, diff)
				}
			}
		}
		if signals < 20_000 {
			t.Errorf("only %d signals compared", signals)
		}
		first, second := heldBy(two[0].state), heldBy(two[1].state)
		if heldBy(one.state) != len(fleet) || first+second != len(fleet) || first == 0 || second == 0 {
			t.Errorf("%d processes are remembered by one collector, %d and %d by two, want %d of each", heldBy(one.state), first, second, len(fleet))
		}
	})
}

// route is where the gateway sends a batch of one resource.
func route(batch pmetric.Metrics) int {
	id, _ := identify(batch.ResourceMetrics().At(0).Resource())
	return int(id[15]) % 2
}

// TestBaselinesAreAsked: what is usual at the age of a process is there before the process observes, and its signals teach.
func TestBaselinesAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProcessor(t)
		var fleet []*sim
		for n := range 4 {
			s := &sim{kind: "steady", rng: rand.New(rand.NewPCG(uint64(n), 4))}
			s.name(n, "1")
			s.restart(time.Now())
			fleet = append(fleet, s)
		}
		asked := false
		for minute := range 30 * 60 {
			time.Sleep(time.Minute)
			if minute == 27*60 { // a young pod, of which its elders tell
				fleet[0].name(9, "1")
				fleet[0].restart(time.Now())
			}
			for _, s := range fleet {
				rm := s.batch(time.Now(), time.Now(), minute).ResourceMetrics().At(0)
				var r signal.Report
				o := decode(rm, &r)
				id, _ := identify(rm.Resource())
				p.observe(t.Context(), time.Now(), id, rm, &o, &r)
				asked = asked || o.Peers.Samples > 0
			}
		}
		if p.baselines.store.Workloads() != 1 {
			t.Errorf("%d workloads learned, want 1", p.baselines.store.Workloads())
		}
		if !asked {
			t.Error("no observation was told what is usual at its age")
		}
	})
}
