// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// TestPlannedLooks: which looks compare, and what is said between them.
func TestPlannedLooks(t *testing.T) {
	comparing := func(outcome verdict.Outcome, of string, at lookMoment) report {
		reason := "too_variable"
		if at.Early {
			reason = reasonBetweenLooks
		}
		s := compared{Outcome: of, Reason: &reason}
		if of == "pass" {
			s.Reason = nil
		}
		e := stateWith(9, 1)
		e.Comparison = &comparison{Baseline: baseline{Kind: baselinePrevious}, Signals: map[string]compared{signalHeapLive: s}}
		r := saying(outcome, e)
		r.moment = at
		return r
	}
	for name, tt := range map[string]struct {
		plan  schedule
		look  func(lookMoment) report
		looks string // n is a planned one, . is between two
		took  time.Duration
		want  int
	}{
		"undecided until the last": {schedule{time.Minute, 5 * time.Second, 4}, func(at lookMoment) report { return comparing(verdict.Pass, "inconclusive", at) },
			"...1..2..3..4", time.Minute, exitPass},
		"decided by the second": {schedule{time.Minute, 5 * time.Second, 4}, func(at lookMoment) report {
			if at.Look.Number >= 2 && !at.Early {
				return comparing(verdict.Pass, "pass", at)
			}
			return comparing(verdict.Pass, "inconclusive", at)
		}, "...1..2", 30 * time.Second, exitPass},
		"a fail is not waited for": {schedule{time.Minute, 5 * time.Second, 4}, func(at lookMoment) report { return comparing(verdict.Fail, "inconclusive", at) },
			".", 0, exitFail},
		"fewer steps than looks": {schedule{time.Minute, 20 * time.Second, 6}, func(at lookMoment) report { return comparing(verdict.Pass, "inconclusive", at) },
			".246", time.Minute, exitPass},
		"one look": {schedule{0, 5 * time.Second, 4}, func(at lookMoment) report { return comparing(verdict.Pass, "inconclusive", at) },
			"1", 0, exitPass},
		"a baseline that comes late": {schedule{time.Minute, 5 * time.Second, 4}, func(at lookMoment) report { // A look that finds none is not taken.
			r := comparing(verdict.Inconclusive, "inconclusive", at)
			if at.Now.Sub(at.Since) < 25*time.Second {
				r.evidence.Comparison.Baseline.Kind = baselineNone
			}
			return r
		}, "...1112..3..4", time.Minute, exitInconclusive},
		"nothing to compare with": {schedule{time.Minute, 5 * time.Second, 4}, func(at lookMoment) report {
			r := comparing(verdict.Pass, "inconclusive", at)
			r.evidence.Comparison.Baseline.Kind = baselineNone
			return r
		}, ".", 0, exitPass},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, looks := time.Now(), ""
				var stderr bytes.Buffer
				r := await(t.Context(), tt.plan.begin(start), func(_ context.Context, at lookMoment) report {
					if at.Early {
						looks += "."
					} else {
						looks += fmt.Sprint(at.Look.Number)
					}
					if !at.Since.Equal(start) {
						t.Errorf("since %s", at.Since)
					}
					return tt.look(at)
				}, newProgress(&stderr, nil))
				if looks != tt.looks || time.Since(start) != tt.took || r.exitCode() != tt.want {
					t.Errorf("looks %q after %s, exit code %d; want %q, %s, %d", looks, time.Since(start), r.exitCode(), tt.looks, tt.took, tt.want)
				}
				if name == "undecided until the last" {
					for _, text := range []string{"; look 0 of 4 done, next look in 15s", "; look 1 of 4 leaves open heap_live_bytes, next look in 15s", "; look 3 of 4"} {
						if !strings.Contains(stderr.String(), text) {
							t.Errorf("%q is not in\n%s", text, stderr.String())
						}
					}
				}
			})
		})
	}
}

// canaries are three pods of each version at once, of which v2 was born after 20 of 60 minutes.
func canaries(allocation float64) string {
	return fleet(3, quarter, 240, fleetPart{version: "v1", pods: 3, to: 240, allocation: 1, live: 1}, fleetPart{version: "v2", pods: 3, from: 80, to: 240, allocation: allocation, live: 1})
}

// TestALookIsAFunction: the same answers at the same moment give the same bytes, and a record of both is all that is needed.
func TestALookIsAFunction(t *testing.T) {
	at := single(storeNow.Add(7 * time.Second))
	at.Since, at.Look = storeNow.Add(-10*time.Minute), compare.Look{Number: 2, Of: 4}
	at.Suspect = &suspect{Reason: verdict.Reason{Kind: verdict.KindInconclusive, Rules: []string{ruleMapGrowth}, Target: "x", Text: "a map grows"}, Seen: storeNow.Add(-time.Minute)}
	first := compareAt(t, canaries(1.25), gateFlags{version: "v2", window: 20 * time.Minute, memoryLimit: "512MiB"}, at)
	encoded := func(r report) string {
		text, err := json.Marshal(map[string]any{"evidence": r.evidence, "findings": r.findings, "verdict": r.verdict, "results": r.results, "course": r.course, "asked": r.asked()})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	want := encoded(first)
	if diff := cmp.Diff(want, encoded(compareAt(t, canaries(1.25), gateFlags{version: "v2", window: 20 * time.Minute, memoryLimit: "512MiB"}, at))); diff != "" {
		t.Error(diff)
	}
	var settings recordedSettings
	var again lookMoment
	for from, to := range map[any]any{ptr(first.settings.recorded()): &settings, ptr(first.moment): &again} {
		text, err := json.Marshal(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, to); err != nil {
			t.Fatal(err)
		}
	}
	s, err := settings.settings()
	if err != nil {
		t.Fatal(err)
	}
	replayed := lookOnce(t.Context(), s, newRecordedStore(first.address, recordAnswers(first.answers)), first.judge, again)
	if diff := cmp.Diff(want, encoded(replayed)); diff != "" {
		t.Error(diff)
	}
}

func ptr[T any](v T) *T { return &v }

// TestComparedTimeGrows: each look sees what the one before saw, and more; between two looks nothing is compared.
func TestComparedTimeGrows(t *testing.T) {
	points := 0
	for number, waited := range []time.Duration{0, 10 * time.Minute, 20 * time.Minute} {
		at := single(storeNow)
		at.Since, at.Look = storeNow.Add(-waited), compare.Look{Number: max(1, number), Of: 3}
		at.Early = number == 0
		r := compareAt(t, canaries(1), gateFlags{version: "v2"}, at)
		s := r.evidence.Comparison.Signals[signalHeapLive]
		if at.Early {
			if s.Reason == nil || *s.Reason != reasonBetweenLooks || len(r.results) != 0 || r.evidence.Comparison.Look.Final {
				t.Errorf("between looks: %+v", s)
			}
			continue
		}
		if s.PointsCandidate <= points {
			t.Errorf("look %d compares %d points after %d", number, s.PointsCandidate, points)
		}
		points = s.PointsCandidate
	}
}

// TestWarmUpIsAtMostAThird of the time that is compared.
func TestWarmUpIsAtMostAThird(t *testing.T) {
	for name, tt := range map[string]struct {
		window, given, want time.Duration
	}{
		"long":  {time.Hour, -1, 5 * time.Minute},
		"short": {9 * time.Minute, -1, 3 * time.Minute},
		"given": {time.Hour, time.Minute, time.Minute},
		"none":  {time.Hour, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := compareWith(t, canaries(1), gateFlags{version: "v2", window: tt.window, compare: compareFlags{warmUp: tt.given}})
			if got := r.limits.WarmUp.Truncate(time.Second); got != tt.want {
				t.Errorf("warm-up %s, want %s", got, tt.want)
			}
		})
	}
}

// TestPartialAnswersDecideNothing, whatever the numbers are.
func TestPartialAnswersDecideNothing(t *testing.T) {
	for _, how := range []string{"partial", "warn a store is down"} {
		r := compareWith(t, canaries(1.25)+how+"\n", gateFlags{version: "v2", window: 40 * time.Minute})
		for name, s := range r.evidence.Comparison.Signals {
			if s.Outcome != "inconclusive" || s.Reason == nil || *s.Reason != reasonPartial {
				t.Errorf("%s: %s is %s", how, name, s.Outcome)
			}
		}
		if len(r.evidence.Comparison.Sites) > 0 || r.exitCode() != exitInconclusive {
			t.Errorf("%s: exit code %d with %d sites", how, r.exitCode(), len(r.evidence.Comparison.Sites))
		}
	}
}

// TestASignalOfOneSide may come yet, and one of neither side will not.
func TestASignalOfOneSide(t *testing.T) {
	const perByte = "heapgate_signal_gc_cpu_per_byte_seconds_per_By"
	whole := canaries(1)
	cut := strings.Index(whole, "target 10.0.1.")
	for fixture, want := range map[string]string{
		whole[:cut] + strings.ReplaceAll(whole[cut:], perByte, "other"): compare.ReasonInsufficientData,
		strings.ReplaceAll(whole, perByte, "other"):                     reasonNotSeen,
	} {
		r := compareWith(t, fixture, gateFlags{version: "v2", window: 40 * time.Minute})
		if s := r.evidence.Comparison.Signals[signalCPUPerByte]; s.Reason == nil || *s.Reason != want || s.Outcome != "inconclusive" || s.curable() != (want != reasonNotSeen) {
			t.Errorf("%+v, want %s", s, want)
		}
	}
}

// TestLeakFact: the worst target's verdict.
func TestLeakFact(t *testing.T) {
	leak := func(target, state, reason string, seconds string) string {
		text := fmt.Sprintf("target %s\nheapgate_signal_heap_leak{heapgate_leak=%q,heapgate_reason=%q} 1x60\n", target, state, reason)
		if seconds != "" {
			text += fmt.Sprintf("heapgate_signal_heap_time_to_limit_lower_seconds{heapgate_limit=\"container\"} %sx60\n", seconds)
		}
		return text
	}
	for name, tt := range map[string]struct{ fixture, want string }{
		"nobody says":        {"target a:1\n", "null"},
		"none":               {leak("a:1", "none", "flat", ""), `{"state":"none","time_to_limit_seconds":null,"target":"a:1","reason":"flat"}`},
		"worst of two":       {leak("a:1", "none", "flat", "") + leak("b:1", "leak", "steeper", "3600"), `{"state":"leak","time_to_limit_seconds":3600,"target":"b:1","reason":"steeper"}`},
		"sooner of two":      {leak("a:1", "leak", "steeper", "7200") + leak("b:1", "leak", "steeper", "3600"), `{"state":"leak","time_to_limit_seconds":3600,"target":"b:1","reason":"steeper"}`},
		"unknown over none":  {leak("a:1", "unknown", "too_short", "") + leak("b:1", "none", "flat", ""), `{"state":"unknown","time_to_limit_seconds":null,"target":"a:1","reason":"too_short"}`},
		"time is no number":  {leak("a:1", "leak", "steeper", "NaN NaN"), `{"state":"leak","time_to_limit_seconds":null,"target":"a:1","reason":"steeper"}`},
		"a verdict not held": {"target a:1\nheapgate_signal_heap_leak{heapgate_leak=\"leak\",heapgate_reason=\"x\"} 0x60\n", "null"},
		"partial":            {leak("a:1", "none", "flat", "") + "partial\n", `{"state":"unknown","time_to_limit_seconds":null,"target":"a:1","reason":"partial"}`},
	} {
		t.Run(name, func(t *testing.T) {
			facts, _ := gatherFrom(t, strings.ReplaceAll(tt.fixture, "NaN NaNx60", "NaN"+strings.Repeat(" NaN", 60)), gateFlags{})
			text, err := json.Marshal(facts.Leak)
			if err != nil || string(text) != tt.want {
				t.Errorf("got  %s\nwant %s (%v)", text, tt.want, err)
			}
		})
	}
}
