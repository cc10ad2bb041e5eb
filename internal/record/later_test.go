// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/record"
)

func later() record.Record {
	r := sample()
	r.Parameters, r.Rules, r.WouldBe, r.Exception = "sha256:"+strings.Repeat("02", 32), "GC-001,MAP-001", record.Fail, "shop-map"
	r.Looks = record.Looks{Taken: 2, Of: 4, Started: r.At.Add(-10 * time.Minute), Horizon: 1200}
	return r
}

// TestLaterFields: what came later stands behind what the admission policies read, and only if it says something.
func TestLaterFields(t *testing.T) {
	want := strings.TrimSuffix(sampleText(), "}") + `,"parameters":"sha256:` + strings.Repeat("02", 32) + `","rules":"GC-001,MAP-001","would_be":"fail","exception":"shop-map",` +
		`"looks":{"taken":2,"of":4,"started":"2026-11-04T11:50:00Z","horizon_seconds":1200}}`
	got, err := later().Encode()
	if err != nil || got != want {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
	back, err := record.Decode(want)
	if diff := cmp.Diff(later(), back); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if back.Says() != record.Fail || sample().Says() != record.Pass {
		t.Error("a pass by an exception says what the image would have got")
	}
}

func TestLaterFieldsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*record.Record){
		"parameters":               func(r *record.Record) { r.Parameters = "30s" },
		"rules":                    func(r *record.Record) { r.Rules = "MAP-001, GC-001" },
		"exception alone":          func(r *record.Record) { r.WouldBe = "" },
		"would be alone":           func(r *record.Record) { r.Exception = "" },
		"would be a pass":          func(r *record.Record) { r.WouldBe = record.Pass },
		"exception without a pass": func(r *record.Record) { r.Admit, r.Verdict = false, record.Fail },
		"an exception of no name":  func(r *record.Record) { r.Exception = "Shop Map" },
		"an open that admits":      func(r *record.Record) { r.FailOpen = true },
		"an open that fails": func(r *record.Record) {
			r.Admit, r.Verdict, r.WouldBe, r.Exception, r.FailOpen = false, record.Fail, "", "", true
		},
		"no look":                    func(r *record.Record) { r.Looks.Taken = 0 },
		"more looks than planned":    func(r *record.Record) { r.Looks.Taken = 5 },
		"more looks than there are":  func(r *record.Record) { r.Looks.Of = 7 },
		"looks without a start":      func(r *record.Record) { r.Looks.Started = time.Time{} },
		"a horizon behind the start": func(r *record.Record) { r.Looks.Horizon = -1 },
		"a horizon of a year":        func(r *record.Record) { r.Looks.Horizon = 365 * 24 * 3600 },
	} {
		r := later()
		spoil(&r)
		if text, err := r.Encode(); err == nil {
			t.Errorf("%s: encoded as %s", name, text)
		}
	}
}

// TestOldRecords are read as they were written, and say that their parameters are not known.
func TestOldRecords(t *testing.T) {
	got, err := record.Decode(sampleText())
	if err != nil || got.Parameters != "" || got.Looks != (record.Looks{}) || got.Says() != record.Pass {
		t.Errorf("%+v, %v", got, err)
	}
	for _, empty := range []string{`,"parameters":""`, `,"fail_open":false`, `,"looks":{"taken":0,"of":0,"started":"0001-01-01T00:00:00Z","horizon_seconds":0}`} {
		if _, err := record.Decode(strings.TrimSuffix(sampleText(), "}") + empty + "}"); err == nil {
			t.Errorf("an empty field is taken: %s", empty)
		}
	}
}

// TestLooksEnd: a schedule goes on until an hour after its horizon, and one of the future never began.
func TestLooksEnd(t *testing.T) {
	l := later().Looks
	for after, want := range map[time.Duration]bool{-1: false, 0: true, 20 * time.Minute: true, 80*time.Minute - 1: true, 80 * time.Minute: false} {
		if got := l.Open(l.Started.Add(after)); got != want {
			t.Errorf("open %s after its start: %t", after, got)
		}
	}
	if (record.Looks{}).Open(time.Time{}) {
		t.Error("no schedule is open")
	}
}

func TestOpens(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	opens := record.Opens{now.Add(-31 * 24 * time.Hour), now.Add(-30 * 24 * time.Hour), now.Add(1 - 30*24*time.Hour), now.Add(time.Hour)}
	if got := opens.Recent(now); len(got) != 2 || len(opens) != 4 {
		t.Errorf("%v", got)
	}
	text, err := record.Opens{now, now.Add(time.Minute)}.Encode()
	if err != nil || text != `["2026-11-21T12:00:00Z","2026-11-21T12:01:00Z"]` {
		t.Errorf("%s, %v", text, err)
	}
	for text, want := range map[string]int{text: 2, "": 0, "[]": 0} {
		if got, err := record.DecodeOpens(text); err != nil || len(got) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"null", "{}", "3", `["2026-11-21T13:00:00+01:00"]`, `[ ]`, `["now"]`, "[" + strings.Repeat(" ", 20<<10) + "]"} {
		if got, err := record.DecodeOpens(text); err == nil || got != nil {
			t.Errorf("%.40q: %v", text, got)
		}
	}
	many := record.Opens{}
	for i := range 150 {
		many = append(many, now.Add(time.Duration(i)*time.Minute))
	}
	text, _ = many.Encode()
	if got, err := record.DecodeOpens(text); err != nil || len(got) != 100 || !got[99].Equal(many[149]) {
		t.Errorf("%d are kept, %v", len(got), err)
	}
	key, err := record.OpensKey("StatefulSet", "shop.eu")
	if kind, name, ok := record.OpensOf(key); err != nil || key != "opens.statefulset.shop.eu" || kind != "StatefulSet" || name != "shop.eu" || !ok {
		t.Errorf("%s, %v: %s %s", key, err, kind, name)
	}
	for _, other := range []string{keys("shop", 1)[0], "opens.job.a", "opens.deployment.", "opens.", "opens.deployment.A"} {
		if _, _, ok := record.OpensOf(other); ok {
			t.Errorf("%s is taken for opens", other)
		}
	}
	if _, err := record.OpensKey("Job", "a"); err == nil {
		t.Error("a Job has opens")
	}
}
