// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/bundle"
	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict"
)

// judged makes one look at a store that is filled from a fixture.
func judged(t testing.TB, fixture string, flags gateFlags, at lookMoment) report {
	t.Helper()
	filled, err := newFakeStore(fixture, storeNow)
	if err != nil {
		t.Fatal(err)
	}
	defer filled.close()
	s, err := testSettings(flags, filled)
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	judge, err := builtIn()
	if flags.policies != "" || flags.limits != "" {
		judge, err = s.policies.judge(t.Context(), nil, s.limits)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lookOnce(t.Context(), s, client, judge, at)
}

// builtIn is compiled once, for all tests.
var builtIn = sync.OnceValues(func() (*judge, error) { return newJudge(policySource{}, nil) })

func bundled(t testing.TB, r report) *bundle.Bundle {
	t.Helper()
	b, err := bundleOf(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpacked packs and reads a bundle, as it goes to another machine.
func unpacked(t testing.TB, b *bundle.Bundle) *opened {
	t.Helper()
	packed, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := bundle.Read(packed, bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	o, err := openRecord(again)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func replayOf(t testing.TB, b *bundle.Bundle) replayed {
	t.Helper()
	o := unpacked(t, b)
	judge, err := builtIn()
	if own, _ := builtInTree(); err == nil && !bytes.Equal(o.policy, own) || len(o.settings.limits) > 0 {
		judge, err = o.judge()
	}
	if err != nil {
		t.Fatal(err)
	}
	result, err := o.replay(t.Context(), judge)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// builtInTree is the source of builtIn as it is in a bundle: to compile it for each replay would make the tests slow.
var builtInTree = sync.OnceValues(func() ([]byte, error) { return policyTree(report{}) })

// generated is the fixture, flags and moment of evidence of any kind: good, bad, late, absent, not a number, doubted.
func generated(random *rand.Rand) (string, gateFlags, lookMoment) {
	one := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	var f strings.Builder
	for i := range 1 + random.IntN(3) {
		_, _ = fmt.Fprintf(&f, "target 10.0.0.%d:9090 %s\n", i, one("", `{service_version="v1"}`, fmt.Sprintf(`{service_version="v%d",oci_manifest_digest="sha256:%064x"}`, i, i)))
		for range random.IntN(4) {
			name := one(`heapgate_target_up`, `heapgate_signal_gc_cpu_share_ratio{heapgate_source="gctrace"}`, `heapgate_signal_gc_pause_p99_seconds`,
				`heapgate_signal_heap_live_bytes{heapgate_source="profile"}`, `heapgate_memory_limit_bytes`, `heapgate_signal_windows`, `heapgate_signal_map_sites`)
			_, _ = fmt.Fprintf(&f, "%s %s\n", name, one("_x60", strings.Repeat("NaN ", 61), "Inf 0.1x59", "0.1x40 _x20", fmt.Sprintf("%gx60", random.ExpFloat64()),
				fmt.Sprintf("%g%+gx59", random.ExpFloat64()*1e8, random.NormFloat64()*1e5), fmt.Sprintf("0x30 %gx29", random.Float64()), "-0x60"))
		}
		if random.IntN(3) == 0 {
			site := fmt.Sprintf(`{code_function_name="shop.(*Cache<\u00e9>).Put",code_file_path="/src/&%d.go",code_line_number="7",heapgate_class="map"}`, i)
			for field, metric := range siteMetrics[:4+random.IntN(4)] {
				_, _ = fmt.Fprintf(&f, "%s%s %gx60\n", metric, site, float64(field+5)*random.Float64())
			}
		}
	}
	if random.IntN(5) == 0 {
		f.WriteString(one("partial\n", "warn a store \"is\" down & <out>\n", "answer 500 down\n"))
	}
	flags := gateFlags{window: 10 * time.Minute, step: 15 * time.Second, memoryLimit: one("", "512MiB")}
	flags.compare = compareFlags{baseline: one("none", "auto", "concurrent"), looks: 1 + random.IntN(6), warmUp: -1, history: 24 * time.Hour}
	at := single(storeNow.Add(time.Duration(random.IntN(1e9))))
	if random.IntN(2) == 0 {
		at.Since = at.Now.Add(-7 * time.Minute)
		at.Suspect = &suspect{verdict.Reason{Code: "c", Kind: verdict.KindInconclusive, Rules: []string{"MAP-001"}, Text: "it grew"}, at.Now.Add(-time.Minute)}
	}
	return f.String(), flags, at
}

// TestReplayIsTheSame: 50 looks at generated evidence are derived again from their bundles, byte for byte.
func TestReplayIsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 50))
	outcomes := map[verdict.Outcome]int{}
	for n := 0; n < 50; {
		fixture, flags, at := generated(random)
		r := judged(t, fixture, flags, at)
		b, err := bundleOf(r)
		if err != nil && r.evidence == nil { // The store failed before it had said anything.
			outcomes["none"]++
			continue
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, fixture)
		}
		n++
		outcomes[r.verdict.Outcome]++
		if again := bundled(t, r); again.Digest() != b.Digest() {
			t.Fatalf("one report gave two bundles, %s and %s", b.Digest(), again.Digest())
		}
		if result := replayOf(t, b); len(result.Differences) > 0 {
			t.Fatalf("%s\n%s", result.text(), fixture)
		}
	}
	t.Logf("%v", outcomes)
	if outcomes[verdict.Fail] == 0 || outcomes[verdict.Inconclusive] == 0 {
		t.Errorf("the generated evidence does not reach every outcome: %v", outcomes)
	}
}

const failing = "target a:1\nheapgate_signal_gc_cpu_share_ratio{heapgate_source=\"gctrace\"} 0.9x60\n"

// changedFile is a bundle in one of whose files a text was replaced, with the manifest made anew: only a signature could tell.
func changedFile(t *testing.T, b *bundle.Bundle, name, from, to string) *bundle.Bundle {
	t.Helper()
	files := map[string][]byte{}
	for _, each := range b.Names() {
		files[each], _ = b.File(each)
	}
	if !bytes.Contains(files[name], []byte(from)) {
		t.Fatalf("no %s in %s", from, name)
	}
	files[name] = bytes.ReplaceAll(files[name], []byte(from), []byte(to))
	changed, err := bundle.New(files)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// TestReplayOfLies: whoever changes a file and makes the manifest anew gets another verdict, or is told which field does not follow.
func TestReplayOfLies(t *testing.T) {
	b := bundled(t, judged(t, failing, gateFlags{}, single(storeNow)))
	honest := replayOf(t, b)
	if !honest.same() || honest.Recorded.Verdict != verdict.Fail {
		t.Fatalf("%s", honest.text())
	}
	for _, c := range []struct {
		name, file, from, to string
		recorded, replayed   verdict.Outcome
		field                string
	}{
		{"every sample", bundle.Answers, `"0.9"`, `"0.03"`, "fail", "pass", "verdict"},
		{"the decision", bundle.Decision, `"verdict": "fail"`, `"verdict": "pass"`, "pass", "fail", "verdict"},
		{"the evidence", bundle.Input, `"value": 0.9`, `"value": 0.03`, "fail", "fail", "signals.gc_cpu_share.value"},
		{"the window", bundle.Settings, `"window": "10m0s"`, `"window": "5m0s"`, "fail", "error", "verdict"},
		{"the time", bundle.Moment, "2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z", "fail", "fail", "now"},
		{"the target", bundle.Answers, `"a:1"`, `"b:1"`, "fail", "fail", "findings[0].target"},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := replayOf(t, changedFile(t, b, c.file, c.from, c.to))
			found := false
			for _, d := range result.Differences {
				found = found || d.Field == c.field
			}
			if result.same() || result.Recorded.Verdict != c.recorded || result.Replayed.Verdict != c.replayed || !found {
				t.Errorf("want %s, then %s, and %s\n%s", c.recorded, c.replayed, c.field, result.text())
			}
		})
	}
	// What cannot be a replay at all.
	for _, c := range []struct{ file, from, to, words string }{
		{bundle.Settings, `"window": "10m0s"`, `"window": "-1s"`, "window must be a duration"},
		{bundle.Settings, `"window": "10m0s"`, `"window": "10m0s", "rule": 1`, "unknown field"},
		{bundle.Moment, "2026-11-21T10:00:00Z", "0001-01-01T00:00:00Z", "now must be the time"},
		{bundle.Answers, `[`, `{`, "answers.json"},
		{bundle.Answers, `"0.9"`, `"much"`, "answers.json"},
		{bundle.Answers, `"0.9"`, `0.9`, "answers.json"},
	} {
		changed := changedFile(t, b, c.file, c.from, c.to)
		if _, err := openRecord(changed); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: got %v, want %q", c.to, err, c.words)
		}
	}
	files := map[string][]byte{}
	for _, name := range b.Names() {
		files[name], _ = b.File(name)
	}
	tree := files[bundle.Policy]
	at := bytes.Index(tree, []byte("package gate.gc"))
	files[bundle.Policy] = bytes.Clone(tree)
	files[bundle.Policy][at] ^= 1
	changed, err := bundle.New(files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpacked(t, changed).judge(); err == nil {
		t.Error("broken policies were loaded")
	}
}

// TestNothingToBundle: the report of a phase that measures nothing, and one of a store that was down.
func TestNothingToBundle(t *testing.T) {
	judge, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundleOf(report{judge: judge}); !errors.Is(err, errNothingMeasured) {
		t.Errorf("got %v", err)
	}
	if _, err := bundleOf(judged(t, "answer 500 down\n", gateFlags{}, single(storeNow))); !errors.Is(err, errNothingMeasured) {
		t.Errorf("got %v", err)
	}
	// Interrupted after it had asked: it is written down, and there is nothing to derive.
	r := judged(t, failing, gateFlags{}, single(storeNow))
	r.verdict, r.findings = verdict.Failed(verdict.CodeEvidenceError, interrupted), nil
	if _, err := openRecord(bundled(t, r)); !errors.Is(err, errNoEvidence) || !strings.Contains(err.Error(), interrupted) {
		t.Errorf("got %v", err)
	}
}

// FuzzReplay opens bundles whose files are anything: an error or a result, never a panic, and a pass never of nothing.
func FuzzReplay(f *testing.F) {
	b := bundled(f, judged(f, failing, gateFlags{}, single(storeNow)))
	file := func(name string) []byte { text, _ := b.File(name); return text }
	f.Add(file(bundle.Settings), file(bundle.Moment), file(bundle.Answers))
	f.Fuzz(func(t *testing.T, settings, moment, answers []byte) {
		files := map[string][]byte{}
		for _, name := range b.Names() {
			files[name] = file(name)
		}
		files[bundle.Settings], files[bundle.Moment], files[bundle.Answers] = settings, moment, answers
		changed, err := bundle.New(files)
		if err != nil {
			return
		}
		o, err := openRecord(changed)
		if err != nil {
			return
		}
		judge, err := builtIn()
		if err != nil {
			t.Fatal(err)
		}
		result, err := o.replay(t.Context(), judge)
		if err == nil && result.same() && result.Replayed.Verdict != verdict.Fail {
			t.Fatalf("%s", result.text())
		}
	})
}
