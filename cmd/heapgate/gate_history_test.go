// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict"
)

// TestHistory: four releases in seven hours, of which the first ran already and the third allocates a quarter more.
func TestHistory(t *testing.T) {
	const every, n = 30 * time.Second, 840
	version := func(name string, from, to int, allocation float64) fleetPart {
		return fleetPart{version: name, pods: 3, from: from, to: to, allocation: allocation, live: 1}
	}
	fixture := fleet(5, every, n, version("v1", 0, 240, 1), version("v2", 240, 460, 1), version("v3", 460, 640, 1.3), version("v4", 640, n, 1))
	store, err := newFakeStore(fixture, storeNow)
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	s, err := testSettings(gateFlags{window: time.Hour, step: every, compare: compareFlags{baseline: "auto", looks: 4, warmUp: -1, history: 168 * time.Hour}}, store)
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJudge(policySource{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	told, err := historyOf(t.Context(), s, client, j, storeNow, 6*time.Hour+59*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range told.Releases {
		got = append(got, one.Version+" "+string(one.Verdict)+" "+strings.Join(one.Rules, ",")+" "+one.Begun)
	}
	at := func(i int) string { return stamp(storeNow.Add(-time.Duration(n-1-i) * every)) }
	want := []string{"v2 pass  " + at(240), "v3 fail ALLOC-001 " + at(460), "v4 pass  " + at(640)}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || told.Counts[string(verdict.Fail)] != 1 {
		t.Errorf("got\n%s\nwant\n%s\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), told.text())
	}
	for format, text := range map[string]string{"text": "1 of 3 releases of shop/shop since 2026-11-21T03:01:00Z would have been stopped", "markdown": "| v3 |", "json": `"begun": "` + at(460)} {
		out, err := told.write(format)
		if err != nil || !strings.Contains(string(out), text) {
			t.Errorf("%q is not in (%v)\n%s", text, err, out)
		}
	}
}

func TestBegins(t *testing.T) {
	for text, want := range map[string]string{"": "", "xxxx": "", "_xxx": "1", "x__xx": "", "x___x": "4", "x____xx___x": "5 10", "____": ""} {
		var got []string
		track := track{}
		for _, c := range text {
			track.present = append(track.present, c == 'x')
		}
		for _, i := range begins(track) {
			got = append(got, string(rune('0'+i/10))+string(rune('0'+i%10)))
		}
		joined := strings.TrimPrefix(strings.ReplaceAll(strings.Join(got, " "), " 0", " "), "0")
		if joined != want {
			t.Errorf("%q begins at %q, want %q", text, joined, want)
		}
	}
}
