// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/record"
	"github.com/heapgate/heapgate/internal/verdict"
)

// walked runs a course until patience or cancellation ends it, and lists its looks: minutes since the first start, which of how many, e
// for early.
func walked(t *testing.T, c *course, began time.Time, stop time.Duration) (looks []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if stop > 0 {
		time.AfterFunc(stop, cancel)
	}
	look := func(_ context.Context, m lookMoment) report {
		r := report{moment: m, verdict: verdict.Verdict{Outcome: verdict.Inconclusive, Reasons: []verdict.Reason{{Text: "x"}}}}
		r.evidence = &evidence{Comparison: &comparison{}}
		early := ""
		if m.Early {
			early = "e"
		}
		if !m.Since.Equal(began.UTC()) {
			t.Errorf("the schedule began at %s, want %s", m.Since, began)
		}
		looks = append(looks, fmt.Sprintf("%g:%d/%d%s", time.Since(began).Minutes(), m.Look.Number, m.Look.Of, early))
		return r
	}
	await(ctx, c, look, newProgress(&bytes.Buffer{}, nil))
	return looks
}

// TestCourseGoesOn: a hook that is killed or run again goes on with the looks that are left, at the times that were planned for them.
func TestCourseGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{}
		s := gateSettings{wait: 8 * time.Minute, step: time.Minute, compare: compareSettings{looks: 4}}
		began := time.Now()
		var kept record.Looks
		c := h.newCourse(s, nil, ourKey, began)
		c.keep = func(c *course) { kept = c.record() }
		got := walked(t, c, began, 5*time.Minute+time.Second)
		if diff := cmp.Diff([]string{"0:1/4e", "1:1/4e", "2:1/4", "3:2/4e", "4:2/4", "5:3/4e"}, got); diff != "" {
			t.Error(diff)
		}
		if want := (record.Looks{Taken: 2, Of: 4, Started: began.UTC(), Horizon: 480}); kept != want {
			t.Errorf("kept %+v, want %+v", kept, want)
		}

		known := remembered(true, "pass", "PreSync", ours)
		known.Looks = kept
		time.Sleep(time.Minute - time.Second) // another pod starts
		c = h.newCourse(s, known, ourKey, time.Now())
		if diff := cmp.Diff([]string{"6:3/4", "7:4/4e", "8:4/4"}, walked(t, c, began, 0)); diff != "" {
			t.Error(diff)
		}

		// All are taken: the next retry compares nothing and does not wait.
		known = remembered(false, "inconclusive", "PostSync", ours)
		known.Looks = c.record()
		time.Sleep(time.Minute)
		c = h.newCourse(s, known, ourKey, time.Now())
		if diff := cmp.Diff([]string{"9:4/4e"}, walked(t, c, began, 0)); diff != "" {
			t.Error(diff)
		}

		// One that was too short to wait for anything ends with its last look.
		short := *known
		short.Looks = record.Looks{Taken: 1, Of: 4, Started: time.Now().UTC()}
		c = h.newCourse(s, &short, ourKey, time.Now())
		if diff := cmp.Diff([]string{"0:4/4"}, walked(t, c, time.Now(), 0)); diff != "" {
			t.Error(diff)
		}

		// With other settings, and an hour after the horizon, a new one begins.
		other := ourKey
		other.parameters = theirs
		if c = h.newCourse(s, known, other, time.Now()); c.taken != 0 || !c.since.Equal(time.Now()) {
			t.Errorf("another key goes on with %+v", c)
		}
		time.Sleep(time.Hour - time.Minute - time.Second)
		if c = h.newCourse(s, known, ourKey, time.Now()); c.taken != 4 {
			t.Errorf("forgotten too early: %+v", c)
		}
		time.Sleep(time.Second)
		if c = h.newCourse(s, known, ourKey, time.Now()); c.taken != 0 {
			t.Errorf("not forgotten: %+v", c)
		}
	})
}

// TestOnlyComparisonsAreCounted: without a baseline no look spends anything, so that a retry looks as if it were the first.
func TestOnlyComparisonsAreCounted(t *testing.T) {
	c := schedule{patience: time.Minute, looks: 4}.begin(time.Now())
	m := lookMoment{}
	m.Look.Number, m.Look.Of = 2, 4
	for name, r := range map[string]report{
		"no evidence":   {moment: m},
		"no comparison": {moment: m, evidence: &evidence{}},
		"no baseline":   {moment: m, evidence: &evidence{Comparison: &comparison{Baseline: baseline{Kind: baselineNone}}}},
		"early": {moment: func() lookMoment {
			early := m
			early.Early = true
			return early
		}(), evidence: &evidence{Comparison: &comparison{}}},
	} {
		if c.took(r); c.taken != 0 || c.record() != (record.Looks{}) {
			t.Errorf("%s: %d looks are taken", name, c.taken)
		}
	}
}

// TestParameters: what changes the meaning of a verdict changes its key; how long and where is asked does not.
func TestParameters(t *testing.T) {
	limit, warm := 1e9, time.Minute
	base := gateSettings{window: 10 * time.Minute, step: 15 * time.Second, wait: time.Minute, store: "http://a", compare: compareSettings{baseline: "auto", looks: 4}}
	h := &hook{}
	seen := map[string]string{h.parameters(base): "base"}
	for name, change := range map[string]func(*gateSettings, *hook){
		"window":       func(s *gateSettings, _ *hook) { s.window++ },
		"step":         func(s *gateSettings, _ *hook) { s.step++ },
		"baseline":     func(s *gateSettings, _ *hook) { s.compare.baseline = "none" },
		"looks":        func(s *gateSettings, _ *hook) { s.compare.looks = 3 },
		"load":         func(s *gateSettings, _ *hook) { s.compare.load = "x" },
		"workload":     func(s *gateSettings, _ *hook) { s.compare.workload = "x" },
		"warm-up":      func(s *gateSettings, _ *hook) { s.compare.warmUp = &warm },
		"memory limit": func(s *gateSettings, _ *hook) { s.memoryLimit = &limit },
		"tier":         func(_ *gateSettings, h *hook) { h.tier = "critical" },
	} {
		s, other := base, &hook{}
		change(&s, other)
		digest := other.parameters(s)
		if !strings.HasPrefix(digest, "sha256:") || seen[digest] != "" {
			t.Errorf("%s gives the digest of %s", name, seen[digest])
		}
		seen[digest] = name
	}
	same := base
	same.wait, same.store, same.output, same.bundle = time.Hour, "http://b", "json", "x"
	if seen[h.parameters(same)] != "base" {
		t.Error("where and how long is asked makes another key")
	}
}
