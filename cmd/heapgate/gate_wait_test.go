// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/verdict"
)

func stateWith(windows, coverage float64) *evidence {
	return &evidence{Targets: targetCount{Seen: 3, Up: 3}, Signals: map[string]signalFact{signalWindows: {Value: &windows, Coverage: coverage}, signalMemoryLimit: {}}}
}

func saying(outcome verdict.Outcome, e *evidence) report {
	return report{verdict: verdict.Verdict{Outcome: outcome, Summary: string(outcome)}, evidence: e}
}

func down() report {
	return report{verdict: verdict.Failed(verdict.CodeEvidenceError, "store is down")}
}

// TestAwait tells the looks of one wait in order, and what is said on stderr meanwhile. The last look repeats.
func TestAwait(t *testing.T) {
	waits := saying(verdict.Inconclusive, stateWith(1, 0.45))
	for name, tt := range map[string]struct {
		patience time.Duration
		looks    []report
		want     int // exit code
		count    int // looks
		took     time.Duration
		progress string
	}{
		"no patience":        {0, []report{waits}, exitInconclusive, 1, 0, ""},
		"no patience, down":  {0, []report{down()}, exitEvidence, 1, 0, ""},
		"at once":            {time.Minute, []report{saying(verdict.Pass, stateWith(3, 1))}, exitPass, 1, 0, ""},
		"fail ends it":       {time.Minute, []report{waits, saying(verdict.Fail, stateWith(3, 1))}, exitFail, 2, 4 * time.Second, "waiting for evidence: 3 of 3 targets up, windows 1 of 3, coverage 0.4 (0s of 1m)\n"},
		"pass ends it":       {time.Minute, []report{down(), waits, saying(verdict.Pass, stateWith(3, 1))}, exitPass, 3, 8 * time.Second, "waiting for evidence: error: store is down (0s of 1m)\nwaiting for evidence: 3 of 3 targets up, windows 1 of 3, coverage 0.4 (4s of 1m)\n"},
		"a broken policy":    {time.Minute, []report{{verdict: verdict.Failed(verdict.CodeConfigError, "x")}}, exitConfig, 1, 0, ""},
		"down until the end": {10 * time.Second, []report{down()}, exitEvidence, 4, 10 * time.Second, "waiting for evidence: error: store is down (0s of 10s)\n"},
		"until the end": {22 * time.Second, []report{waits}, exitInconclusive, 7, 22 * time.Second,
			"waiting for evidence: 3 of 3 targets up, windows 1 of 3, coverage 0.4 (0s of 22s)\nwaiting for evidence: 3 of 3 targets up, windows 1 of 3, coverage 0.4 (12s of 22s)\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stderr bytes.Buffer
				needed, count, start := 3.0, 0, time.Now()
				got := await(t.Context(), schedule{tt.patience, 4 * time.Second, 1}.begin(time.Now()), func(context.Context, lookMoment) report {
					count++
					return tt.looks[min(count, len(tt.looks))-1]
				}, newProgress(&stderr, &needed))
				if got.exitCode() != tt.want || count != tt.count || time.Since(start) != tt.took {
					t.Errorf("exit code %d after %d looks and %s; want %d, %d, %s", got.exitCode(), count, time.Since(start), tt.want, tt.count, tt.took)
				}
				if diff := cmp.Diff(tt.progress, stderr.String()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestInterruptedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		got := await(ctx, schedule{time.Hour, 4 * time.Second, 1}.begin(time.Now()), func(context.Context, lookMoment) report { return saying(verdict.Inconclusive, stateWith(1, 1)) }, newProgress(&bytes.Buffer{}, nil))
		if got.exitCode() != exitEvidence || !strings.Contains(got.verdict.Summary, "interrupted") || time.Since(start) != 5*time.Second {
			t.Errorf("exit code %d, %q after %s", got.exitCode(), got.verdict.Summary, time.Since(start))
		}
	})
}

func TestInterruptedWhileLooking(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got := await(ctx, schedule{time.Hour, time.Second, 1}.begin(time.Now()), func(context.Context, lookMoment) report {
		cancel()
		return saying(verdict.Pass, stateWith(9, 1))
	}, newProgress(&bytes.Buffer{}, nil))
	if got.exitCode() != exitEvidence {
		t.Errorf("an interrupted gate ends with %d: %s", got.exitCode(), got.verdict.Summary)
	}
}

// A leak grows in bursts: what was suspect a moment ago has not passed because one look finds it quiet.
func TestAwaitRemembersASuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		suspect, quiet := saying(verdict.Inconclusive, stateWith(3, 1)), saying(verdict.Pass, stateWith(3, 1))
		suspect.verdict.Reasons = []verdict.Reason{{Kind: verdict.KindInconclusive, Rules: []string{"MAP-001"}, Target: "a", Text: "a map grows"}}
		suspect.settings.window, quiet.settings.window = time.Minute, time.Minute
		began, n := time.Now(), 0
		looks := []report{suspect, quiet, quiet, suspect, quiet}
		got := await(t.Context(), schedule{5 * time.Minute, 10 * time.Second, 1}.begin(time.Now()), func(_ context.Context, at lookMoment) report {
			n++
			r := looks[min(n, len(looks))-1]
			r.verdict, r.suspect = at.doubt(r.verdict, r.settings.window)
			return r
		}, newProgress(&bytes.Buffer{}, nil))
		if took := time.Since(began); got.verdict.Outcome != verdict.Pass || took != 90*time.Second {
			t.Errorf("%s after %v, want a pass one window after the last suspicion at 30s", got.verdict.Outcome, took)
		}
		n = 0
		got = await(t.Context(), schedule{50 * time.Second, 10 * time.Second, 1}.begin(time.Now()), func(_ context.Context, at lookMoment) report {
			n++
			r := looks[min(n, len(looks))-1]
			r.verdict, r.suspect = at.doubt(r.verdict, r.settings.window)
			return r
		}, newProgress(&bytes.Buffer{}, nil))
		if got.exitCode() != exitInconclusive || !strings.Contains(got.verdict.Summary, "a map grows; that was 20s ago") {
			t.Errorf("%s: %s, want inconclusive when the patience ends first", got.verdict.Outcome, got.verdict.Summary)
		}
	})
}
