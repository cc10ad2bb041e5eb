// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// pairingOf looks for the baseline of v2.
func pairingOf(t *testing.T, fixture string, now time.Time, window time.Duration) (*pairing, gateSettings, *promapi.Client) {
	t.Helper()
	store, err := newFakeStore(fixture, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.close)
	s, err := testSettings(gateFlags{version: "v2", window: window, compare: compareFlags{baseline: "auto", looks: 4, warmUp: time.Minute, history: 168 * time.Hour}}, store)
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	g := newGatherer(client, s, single(now))
	p := &pairing{g: g, grid: g.grid}
	p.candidate.release = release{version: "v2"}
	return p, s, client
}

// TestTheReleaseBehindTheCandidateIsNotBefore: all three run still, and the one that began two minutes behind the candidate has the same
// first point on the coarse grid.
func TestTheReleaseBehindTheCandidateIsNotBefore(t *testing.T) {
	const n = 520
	fixture := fleet(3, quarter, n, fleetPart{version: "v1", pods: 2, from: 40, to: n, allocation: 1, live: 1},
		fleetPart{version: "v2", pods: 2, from: 122, to: n, allocation: 1, live: 1}, fleetPart{version: "v3", pods: 2, from: 130, to: n, allocation: 1, live: 1})
	p, _, _ := pairingOf(t, fixture, storeNow, 40*time.Minute)
	found, _, why, err := p.before(t.Context(), storeNow.Add(-time.Duration(n-1-122)*quarter))
	if err != nil || found.version != "v1" {
		t.Errorf("before v2 was %v: %s %v", found, why, err)
	}
}

// TestReleasesBehindEachOther: the history is seen 20 minutes coarse, and three releases began within that time. The one that is held
// against is the last before the candidate, whether its last point is on the coarse grid or not.
func TestReleasesBehindEachOther(t *testing.T) {
	for _, idle := range []int{0, 30, 52, 90, 260} { // points for which the candidate's pods have run before it is judged
		for _, off := range []time.Duration{0, time.Minute, 7 * time.Minute, 13 * time.Minute, 19*time.Minute + 45*time.Second} {
			t.Run(fmt.Sprintf("%d/%v", idle, off), func(t *testing.T) {
				t.Parallel()
				now := storeNow.Add(off)
				fixture := fleet(3, quarter, 160+idle,
					fleetPart{version: "v9", pods: 3, from: 40, to: 80, allocation: 2, live: 1}, // what is first by name is not the last
					fleetPart{version: "v1", pods: 3, from: 80, to: 120, allocation: 1, live: 1},
					fleetPart{version: "v2", pods: 3, from: 120, to: 160 + idle, allocation: 1.25, live: 1})
				p, s, client := pairingOf(t, fixture, now, time.Duration(30+idle)*quarter)
				born := now.Add(-time.Duration(39+idle) * quarter)
				found, from, why, err := p.before(t.Context(), born)
				if err != nil || why != "" || found.version != "v1" {
					t.Fatalf("before v2 was %v: %s %v", found, why, err)
				}
				w := versionless(s.workload)
				w.Version = "v1"
				first, err := p.firstPoint(t.Context(), w, from)
				if want := now.Add(-time.Duration(79+idle) * quarter); err != nil || !first.Equal(want) {
					t.Errorf("it began at %v, want %v: %v", first, want, err)
				}
				w.Version = "v2"
				if first, err := p.firstSeen(t.Context(), w); err != nil || !first.Equal(born) {
					t.Errorf("the candidate was first seen at %v, want %v: %v", first, born, err)
				}
				s.workload = versionless(s.workload)
				all, err := deployments(t.Context(), s, client, now, 168*time.Hour)
				if err != nil || len(all) != 3 || all[0].release.version != "v9" || all[1].release.version != "v1" || all[2].release.version != "v2" || !all[2].begun.Equal(born) {
					t.Errorf("the releases were %v: %v", all, err)
				}
			})
		}
	}
}
