// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// TestPriorIsNotNeeded: a history that fails, is too large, incomplete or nonsense costs the prior, and nothing else; and a replay finds
// the same.
func TestPriorIsNotNeeded(t *testing.T) {
	filled, err := newFakeStore(generations(3, 0.1, 1), storeNow)
	if err != nil {
		t.Fatal(err)
	}
	defer filled.close()
	flags := priorFlags(priorLearned)
	flags.compare.baseline, flags.compare.looks, flags.compare.warmUp = "auto", 4, -1
	s, err := testSettings(flags, filled)
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	judge, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	all := func(v float64) func(promapi.Answer) (promapi.Answer, error) {
		return func(a promapi.Answer) (promapi.Answer, error) {
			for _, s := range a.Series {
				for i := range s.Points {
					s.Points[i].Value = v
				}
			}
			return a, nil
		}
	}
	for name, tt := range map[string]struct {
		tamper func(promapi.Answer) (promapi.Answer, error)
		want   string
	}{
		"as it is":   {func(a promapi.Answer) (promapi.Answer, error) { return a, nil }, "learned from 16 pods of 4 past releases"},
		"fails":      {func(a promapi.Answer) (promapi.Answer, error) { return a, errors.New("down") }, "the default: the store has no answer about past releases"},
		"too large":  {func(a promapi.Answer) (promapi.Answer, error) { return a, &promapi.Error{Kind: promapi.KindTooLarge} }, "the default: the store has no answer about past releases"},
		"incomplete": {func(a promapi.Answer) (promapi.Answer, error) { a.Partial = true; return a, nil }, "the default: the store says that its answer about past releases is not complete"},
		"a warning": {func(a promapi.Answer) (promapi.Answer, error) {
			a.Warnings = []string{"a store is down"}
			return a, nil
		},
			"the default: the store says that its answer about past releases is not complete"},
		"empty": {func(promapi.Answer) (promapi.Answer, error) { return promapi.Answer{}, nil }, "the default: 0 pods of 0 past releases"},
		"NaN":   {all(math.NaN()), "the default: 0 pods of 0 past releases"},
		"Inf":   {all(math.Inf(1)), "the default: 0 pods of 0 past releases"},
		"zero":  {all(0), "the default: 0 pods of 0 past releases"},
		"huge":  {all(math.MaxFloat64), "learned from 16 pods of 4 past releases"},
	} {
		t.Run(name, func(t *testing.T) {
			from := &tampered{store: client, tamper: tt.tamper}
			r := lookOnce(t.Context(), s, from, judge, single(storeNow))
			if r.evidence == nil || r.evidence.Comparison == nil || len(r.results) != len(comparedNames) {
				t.Fatalf("nothing was compared: %s", r.verdict.Summary)
			}
			if got := courseOf(r, "prior"); !strings.Contains(got, tt.want) || from.past.Load() == 0 && name != "fails" {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if x := r.results[signalAllocation]; x.Outcome == compare.Inconclusive && x.Ratio == nil {
				t.Errorf("allocation: %+v", x)
			}
			if again := replayOf(t, bundled(t, r)); !again.same() {
				t.Errorf("replayed: %+v", again.Differences)
			}
		})
	}
}

// TestPriorIsNotAskedForNothing: between two looks, and without a baseline, nothing is compared.
func TestPriorIsNotAskedForNothing(t *testing.T) {
	early := single(storeNow)
	early.Early, early.Look = true, compare.Look{Number: 1, Of: 4}
	none := priorFlags("")
	none.compare.baseline, none.version = "concurrent", ""
	for name, r := range map[string]report{
		"between looks": compareAt(t, generations(1, 0.1, 1), priorFlags(""), early), "no candidate": compareWith(t, generations(1, 0.1, 1), none),
	} {
		for _, one := range r.answers {
			if strings.Contains(one.question.Query, " offset ") || strings.HasPrefix(one.question.Query, "count") {
				t.Errorf("%s: asked %s", name, one.question.Query)
			}
		}
	}
}

// TestPriorOfARecord: a record of the time before priors were learned says nothing of one, and nor does its replay.
func TestPriorOfARecord(t *testing.T) {
	r := recordedSettings{Window: "10m0s", Step: "15s", Wait: "0s", Timeout: "30s", History: "168h0m0s"}
	if s, err := r.settings(); err != nil || s.compare.prior != "" || s.recorded().Prior != "" {
		t.Errorf("%+v, %v", s.compare, err)
	}
	if r.Prior = "guessed"; true {
		if _, err := r.settings(); err == nil || !strings.Contains(err.Error(), `prior must be one of learned, default (got "guessed")`) {
			t.Error(err)
		}
	}
	if _, problems := (&compareFlags{baseline: "auto", looks: 1, history: time.Hour, prior: "guessed"}).settings(); len(problems) != 1 {
		t.Error(problems)
	}
	var m loadModel
	p := &pairing{g: &gatherer{settings: gateSettings{}}}
	a := p.learn(t.Context(), release{}, "", &m)
	if got := a.prior(specOf(signalHeapLive), "profile", &m, compare.Default()); got != compare.Default().Prior || len(m.course) != 0 {
		t.Errorf("%+v, %q", got, m.course)
	}
}
