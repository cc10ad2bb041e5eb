// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/record"
)

var hex = strings.Repeat("ab", 32)

func sample() record.Record {
	return record.Record{
		Admit: true, Verdict: record.Pass, Phase: record.PostSync, Summary: `pass: 8 rules hold for "shop" <at> 5 % & more`, Application: "shop", Revision: "f4263f6",
		Container: "shop", Image: "registry/shop:v1@sha256:" + hex, Digest: "sha256:" + hex, PolicyDigest: "sha256:" + strings.Repeat("01", 32),
		Cluster: "prod-1", At: time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC),
	}
}

func sampleText() string {
	return `{"admit":true,"verdict":"pass","phase":"PostSync","summary":"pass: 8 rules hold for \"shop\" <at> 5 % & more","application":"shop","revision":"f4263f6",` +
		`"container":"shop","image":"registry/shop:v1@sha256:` + hex + `","digest":"sha256:` + hex + `","policy_digest":"sha256:` + strings.Repeat("01", 32) +
		`","cluster":"prod-1","at":"2026-11-04T12:00:00Z"}`
}

// TestText pins the text itself: admission policies and people read it.
func TestText(t *testing.T) {
	got, err := sample().Encode()
	if err != nil || got != sampleText() {
		t.Errorf("%v\n%s", err, cmp.Diff(sampleText(), got))
	}
	back, err := record.Decode(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), back); diff != "" {
		t.Error(diff)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*record.Record){
		"unknown verdict":              func(r *record.Record) { r.Verdict = "ok" },
		"unknown phase":                func(r *record.Record) { r.Phase = "SyncFail" },
		"admitted fail":                func(r *record.Record) { r.Phase, r.Verdict = record.PreSync, record.Fail },
		"admitted measured nothing":    func(r *record.Record) { r.Verdict = record.Inconclusive },
		"pass that is not admitted":    func(r *record.Record) { r.Admit = false },
		"no time":                      func(r *record.Record) { r.At = time.Time{} },
		"long summary":                 func(r *record.Record) { r.Summary = strings.Repeat("x", 1025) },
		"two lines":                    func(r *record.Record) { r.Revision = "a\nb" },
		"not UTF-8":                    func(r *record.Record) { r.Cluster = "\xff" },
		"sha512":                       func(r *record.Record) { r.Digest = "sha512:" + hex + hex },
		"no policy digest":             func(r *record.Record) { r.PolicyDigest = "" },
		"image with another digest":    func(r *record.Record) { r.Image = "shop@sha256:" + strings.Repeat("cd", 32) },
		"image without a digest":       func(r *record.Record) { r.Image = "shop:v1" },
		"a long application":           func(r *record.Record) { r.Application = strings.Repeat("x", 1025) },
		"capital letters in the digit": func(r *record.Record) { r.PolicyDigest = "sha256:" + strings.Repeat("AB", 32) },
	} {
		t.Run(name, func(t *testing.T) {
			r := sample()
			spoil(&r)
			if got, err := r.Encode(); err == nil || got != "" {
				t.Errorf("encoded as %q", got)
			}
		})
	}
}

// TestDecodeRefuses shows that nobody can write a record that the admission policy reads as true and heapgate as false.
func TestDecodeRefuses(t *testing.T) {
	good := sampleText()
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, text := range map[string]string{
		"nothing":          "",
		"not JSON":         `{"admit":true,`,
		"admit last":       `{` + strings.TrimPrefix(swap(`"2026-11-04T12:00:00Z"}`, `"2026-11-04T12:00:00Z","admit":true}`), `{"admit":true,`),
		"admit twice":      swap(`"at":`, `"admit":false,"at":`),
		"another order":    swap(`"verdict":"pass","phase":"PostSync"`, `"phase":"PostSync","verdict":"pass"`),
		"a further field":  swap(`"at":`, `"by":"me","at":`),
		"a missing field":  swap(`"cluster":"prod-1",`, ``),
		"another case":     swap(`"verdict"`, `"Verdict"`),
		"a space":          swap(`"verdict"`, ` "verdict"`),
		"a second value":   good + "{}",
		"a local time":     swap("12:00:00Z", "13:00:00+01:00"),
		"a fraction":       swap("12:00:00Z", "12:00:00.5Z"),
		"unknown verdict":  swap(`"pass"`, `"passed"`),
		"an escaped field": swap(`"verdict":"pass"`, `"verdict":"\u0070ass"`),
		"too long":         good + strings.Repeat(" ", 20<<10),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := record.Decode(text); err == nil || got != (record.Record{}) {
				t.Errorf("decoded as %+v", got)
			}
		})
	}
}

func TestKey(t *testing.T) {
	got, err := record.Key("StatefulSet", "shop.eu", "sha256:"+hex)
	if err != nil || got != "statefulset.shop.eu."+hex {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range [][3]string{
		{"Job", "shop", "sha256:" + hex}, {"", "shop", "sha256:" + hex}, {"Deployment", "Shop", "sha256:" + hex}, {"Deployment", "", "sha256:" + hex},
		{"Deployment", "shop", hex}, {"Deployment", "shop", "shop:v1"}, {"Deployment", strings.Repeat("a", 250), "sha256:" + hex},
	} {
		if got, err := record.Key(bad[0], bad[1], bad[2]); err == nil || got != "" {
			t.Errorf("%q gives %q", bad, got)
		}
	}
}

func TestSummary(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                        "plain",
		"two\nlines\x1b[31m":           "two lines [31m",
		"bad \xff":                     "bad ?",
		strings.Repeat("x", 1024):      strings.Repeat("x", 1024),
		strings.Repeat("x", 1025):      strings.Repeat("x", 1021) + "...",
		strings.Repeat("é", 513) + "x": strings.Repeat("é", 510) + "...",
	} {
		if got := record.Summary(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// filled is a ConfigMap's data with n records of a workload, one a minute; the i-th is changed by change.
func filled(t *testing.T, data map[string]string, workload string, n int, change func(int, *record.Record)) {
	for i := range n {
		r := sample()
		r.Digest = fmt.Sprintf("sha256:%064x", i)
		r.Image = "shop@" + r.Digest
		r.At = r.At.Add(time.Duration(i) * time.Minute)
		if change != nil {
			change(i, &r)
		}
		key, err := record.Key("Deployment", workload, r.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if data[key], err = r.Encode(); err != nil {
			t.Fatal(err)
		}
	}
}

func keys(workload string, numbers ...int) (all []string) {
	for _, i := range numbers {
		all = append(all, fmt.Sprintf("deployment.%s.%064x", workload, i))
	}
	return all
}

func TestPrune(t *testing.T) {
	failed := func(r *record.Record) { r.Admit, r.Verdict = false, record.Fail }
	data := map[string]string{"README": "not a record"}
	filled(t, data, "shop.eu", 60, nil)
	filled(t, data, "shop", 50, nil)
	if got := record.Prune(data, "Deployment", "shop"); got != nil {
		t.Errorf("50 records are pruned: %q", got)
	}
	filled(t, data, "shop", 54, func(i int, r *record.Record) {
		switch i {
		case 0:
			failed(r)
		case 1:
			r.Admit, r.Verdict = false, record.Inconclusive
		}
	})
	data[keys("shop", 2)[0]] = "garbage"
	live := []string{fmt.Sprintf("sha256:%064x", 3)}
	if diff := cmp.Diff(keys("shop", 4, 5, 6, 7), record.Prune(data, "Deployment", "shop", live...)); diff != "" {
		t.Errorf("passes go first, the oldest first; the fail, the garbage, the live one and other workloads' stay: %s", diff)
	}

	all := map[string]string{}
	filled(t, all, "shop", 60, func(_ int, r *record.Record) { failed(r) })
	if diff := cmp.Diff(keys("shop", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), record.Prune(all, "Deployment", "shop")); diff != "" {
		t.Errorf("failures alone are bounded too: %s", diff)
	}

	all["other"] = strings.Repeat("x", 700<<10)
	if got := record.Prune(all, "Deployment", "shop"); len(got) != 50 || slices.Contains(got, keys("shop", 59)[0]) {
		t.Errorf("a crowded ConfigMap keeps %d of 60", 60-len(got))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sampleText())
	f.Add(`{"admit":false,"verdict":"error"}`)
	f.Add(strings.Replace(sampleText(), "prod-1", `\\\"é`, 1))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := record.Decode(text)
		if err != nil {
			if r != (record.Record{}) {
				t.Fatalf("error and value: %v %+v", err, r)
			}
			return
		}
		again, err := r.Encode()
		if err != nil || again != text {
			t.Fatalf("%v: %q became %q", err, text, again)
		}
		// What the admission policy sees is what heapgate sees.
		if strings.HasPrefix(text, `{"admit":true,`) != r.Admit {
			t.Fatalf("admit is %t in %q", r.Admit, text)
		}
		if _, err := record.Key("Deployment", "shop", r.Digest); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzEncode: whatever goes in, what comes out can be read again, and a summary always fits.
func FuzzEncode(f *testing.F) {
	f.Add("a summary", "shop", "prod-1", int64(1_793_000_000))
	f.Fuzz(func(t *testing.T, summary, application, cluster string, at int64) {
		r := sample()
		r.Summary, r.Application, r.Cluster, r.At = record.Summary(summary), application, cluster, time.Unix(at, 1).UTC()
		text, err := r.Encode()
		if err != nil {
			return
		}
		back, err := record.Decode(text)
		if err != nil || back.Summary != r.Summary || back.Application != application {
			t.Fatalf("%v: %q", err, text)
		}
	})
}
