// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/record"
	"github.com/heapgate/heapgate/internal/verdict"
)

var (
	hex64   = strings.Repeat("b", 64)
	ours    = "sha256:" + strings.Repeat("1", 64)
	theirs  = "sha256:" + strings.Repeat("2", 64)
	weekAgo = time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC)
)

func remembered(admit bool, decided, phase, policy string) *record.Record {
	return &record.Record{Admit: admit, Verdict: decided, Phase: phase, Summary: decided + ": because", PolicyDigest: policy, Parameters: theseParameters, At: weekAgo}
}

const theseParameters = "sha256:3333333333333333333333333333333333333333333333333333333333333333"

var ourKey = verdictKey{application: "shop", policy: ours, parameters: theseParameters}

// but changes a record.
func but(r *record.Record, change func(*record.Record)) *record.Record {
	change(r)
	return r
}

// by makes a record one of a pass by an exception.
func by(r *record.Record) { r.Exception, r.WouldBe = "shop-map", record.Fail }

// TestBeforeSync is the whole table of what PreSync makes of what is remembered.
func TestBeforeSync(t *testing.T) {
	type want struct {
		code    int
		writes  string // admit, verdict and phase of the new record, "" for none
		summary string
	}
	for name, tt := range map[string]struct {
		known *record.Record
		want  want
	}{
		"nothing":                        {nil, want{exitPass, "true pass PreSync", "pass: admitted to be measured; nothing is known of this image yet"}},
		"passed":                         {remembered(true, "pass", "PostSync", ours), want{exitPass, "", "pass: passed before: because at 2026-11-04T12:00:00Z"}},
		"passed, other policies":         {remembered(true, "pass", "PostSync", theirs), want{exitPass, "", "pass: passed before: because at 2026-11-04T12:00:00Z"}},
		"admitted":                       {remembered(true, "pass", "PreSync", ours), want{exitPass, "true pass PreSync", "pass: because"}},
		"admitted, other policies":       {remembered(true, "pass", "PreSync", theirs), want{exitPass, "true pass PreSync", "pass: because"}},
		"failed":                         {remembered(false, "fail", "PostSync", ours), want{exitFail, "", "fail: failed before: because at 2026-11-04T12:00:00Z"}},
		"failed, other policies":         {remembered(false, "fail", "PostSync", theirs), want{exitPass, "true pass PreSync", "pass: admitted to be measured again; under other policies it failed: because"}},
		"inconclusive":                   {remembered(false, "inconclusive", "PostSync", ours), want{exitPass, "true inconclusive PreSync", "pass: admitted to be measured again; before it was inconclusive: because at 2026-11-04T12:00:00Z"}},
		"inconclusive, admitted already": {remembered(true, "inconclusive", "PreSync", ours), want{exitPass, "true inconclusive PreSync", "pass: admitted to be measured again; before it was inconclusive: because at 2026-11-04T12:00:00Z"}},
		"failed, other settings":         {but(remembered(false, "fail", "PostSync", ours), func(r *record.Record) { r.Parameters = ours }), want{exitPass, "true pass PreSync", "pass: admitted to be measured again; with other settings of the gate it failed: because"}},
		"failed, settings not known":     {but(remembered(false, "fail", "PostSync", ours), func(r *record.Record) { r.Parameters = "" }), want{exitFail, "", "fail: failed before: because at 2026-11-04T12:00:00Z"}},
		"failed, another Application":    {but(remembered(false, "fail", "PostSync", ours), func(r *record.Record) { r.Application = "basket" }), want{exitPass, "true pass PreSync", "pass: admitted to be measured again; in another Application it failed: because"}},
		"passed by an exception":         {but(remembered(true, "pass", "PostSync", ours), by), want{exitFail, "false fail PostSync", "fail: failed before: because at 2026-11-04T12:00:00Z"}},
		"admitted by an exception":       {but(remembered(true, "pass", "PreSync", ours), by), want{exitFail, "false fail PostSync", "fail: failed before: because at 2026-11-04T12:00:00Z"}},
		"error, other policies":          {remembered(false, "error", "PostSync", theirs), want{exitPass, "true error PreSync", "pass: admitted to be measured again; before it was error: because at 2026-11-04T12:00:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			decided, writes := beforeSync(tt.known, ourKey)
			got := want{code: report{verdict: decided}.exitCode(), summary: decided.Summary}
			if writes != nil {
				got.writes = strings.Join([]string{map[bool]string{true: "true", false: "false"}[writes.Admit], writes.Verdict, writes.Phase}, " ")
				if writes.Admit != (decided.Outcome == verdict.Pass) || writes.Exception != "" {
					t.Error("PreSync writes what admits, and closes what an exception let in")
				}
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestAfterSync: only a measured pass or fail under the same policies stands; anything else is measured.
func TestAfterSync(t *testing.T) {
	for _, decided := range []string{"pass", "fail", "inconclusive", "error"} {
		for _, phase := range []string{"PreSync", "PostSync"} {
			for _, policy := range []string{ours, theirs} {
				got, stands := afterSync(remembered(decided == "pass", decided, phase, policy), ourKey)
				want := phase == "PostSync" && policy == ours && (decided == "pass" || decided == "fail")
				if stands != want || want && string(got.Outcome) != decided {
					t.Errorf("%s in %s: stands %t as %s", decided, phase, stands, got.Outcome)
				}
			}
		}
	}
	if _, stands := afterSync(nil, ourKey); stands {
		t.Error("nothing stands")
	}
	for name, tt := range map[string]struct {
		decided string
		change  func(*record.Record)
		want    string
	}{
		"a pass with other settings":     {"pass", func(r *record.Record) { r.Parameters = ours }, ""},
		"a pass nobody knows how":        {"pass", func(r *record.Record) { r.Parameters = "" }, ""},
		"a pass in another Application":  {"pass", func(r *record.Record) { r.Application = "basket" }, ""},
		"a fail with other settings":     {"fail", func(r *record.Record) { r.Parameters = ours }, ""},
		"a fail nobody knows how":        {"fail", func(r *record.Record) { r.Parameters = "" }, "fail"},
		"a pass by an exception":         {"pass", by, "fail"},
		"what an exception made no fail": {"pass", func(r *record.Record) { r.Exception, r.WouldBe = "x", "inconclusive" }, ""},
	} {
		got, stands := afterSync(but(remembered(tt.decided == "pass", tt.decided, "PostSync", ours), tt.change), ourKey)
		if stands != (tt.want != "") || string(got.Outcome) != tt.want {
			t.Errorf("%s: stands %t as %s", name, stands, got.Outcome)
		}
	}
}

const postSyncCluster = `apiVersion: v1
kind: ConfigMap
metadata: {name: heapgate-verdicts, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop, labels: {heapgate.dev/guarded: "true"}}
spec: {template: {spec: {containers: [{name: shop, image: "shop@sha256:HEX"}]}}}
`

// postSync runs the hook against a store that calls first before its first answer, and returns exit code, stdout and termination message.
func postSync(t *testing.T, ctx context.Context, kubeconfig string, first func(), more ...string) (code int, stdout, last string) {
	store, err := newFakeStore(`target 10.0.0.1:6060 {oci_manifest_digest="sha256:`+hex64+`"}`, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !asked {
			asked = true
			first()
		}
		store.ServeHTTP(w, r)
	}))
	defer server.Close()
	termination := filepath.Join(t.TempDir(), "termination")
	var out, errs bytes.Buffer
	args := append([]string{"gate", "hook", "--phase", "PostSync", "--kubeconfig", kubeconfig, "--store", server.URL, "--termination-log", termination,
		"--application", "shop", "--revision", "f4263f6", "--workload", "Deployment/shop", "--image", "shop@sha256:" + hex64, "--memory-limit", "512MiB"}, more...)
	code = run(ctx, args, streams{in: strings.NewReader(""), out: &out, err: &errs})
	message, _ := os.ReadFile(termination)
	t.Log(errs.String())
	return code, out.String(), string(message)
}

// TestKilled: a pod that is killed while it measures ends fast, with a code that fails the sync, and leaves no verdict behind.
func TestKilled(t *testing.T) {
	api, kubeconfig := testAPI(t, strings.ReplaceAll(postSyncCluster, "HEX", hex64))
	before := api.text("/api/v1")
	ctx, cancel := context.WithCancel(t.Context())
	code, stdout, last := postSync(t, ctx, kubeconfig, cancel, "--wait", "1h")
	if code != exitEvidence || !strings.Contains(stdout, interrupted) || !strings.Contains(last, interrupted) {
		t.Errorf("exit code %d, %s\n%s", code, last, stdout)
	}
	if diff := cmp.Diff(before, api.text("/api/v1")); diff != "" {
		t.Errorf("something was written: %s", diff)
	}
}

// TestKilledBeforeRecording: the verdict was there, the signal came, the record was not written: no pass.
func TestKilledBeforeRecording(t *testing.T) {
	api, kubeconfig := testAPI(t, strings.ReplaceAll(postSyncCluster, "HEX", hex64))
	ctx, cancel := context.WithCancel(t.Context())
	api.before = func(verb, _ string) {
		if verb == "patch" {
			cancel()
			time.Sleep(100 * time.Millisecond) // The client gives up first; the server must not write afterwards.
		}
	}
	code, stdout, last := postSync(t, ctx, kubeconfig, func() {})
	if code != exitEvidence || !strings.Contains(last, interrupted) {
		t.Errorf("exit code %d, %s\n%s", code, last, stdout)
	}
}

// TestAPIServerRestarts while the hook measures: the verdict is recorded when it is back.
func TestAPIServerRestarts(t *testing.T) {
	api, kubeconfig := testAPI(t, strings.ReplaceAll(postSyncCluster, "HEX", hex64))
	code, stdout, _ := postSync(t, t.Context(), kubeconfig, func() {
		api.mu.Lock()
		defer api.mu.Unlock()
		api.away = 3
	})
	if code != exitPass || !strings.Contains(api.text("/api/v1"), `\"verdict\":\"pass\"`) {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, api.text("/api/v1"))
	}
}

// TestCheap: a remembered verdict costs two reads of the API server (three with a candidate), writes nothing and asks the store nothing.
func TestCheap(t *testing.T) {
	api, kubeconfig := testAPI(t, strings.ReplaceAll(postSyncCluster, "HEX", hex64))
	if code, stdout, _ := postSync(t, t.Context(), kubeconfig, func() {}); code != exitPass {
		t.Fatalf("exit code %d\n%s", code, stdout)
	}
	for range 3 {
		api.requests = nil
		code, _, _ := postSync(t, t.Context(), kubeconfig, func() { t.Error("the store was asked") })
		want := []string{"get /apis/apps/v1/namespaces/shop/deployments/shop", "get /api/v1/namespaces/shop/configmaps/heapgate-verdicts"}
		if diff := cmp.Diff(want, api.requests); code != exitPass || diff != "" {
			t.Errorf("exit code %d, requests: %s", code, diff)
		}
	}
}

// TestApplicationIsWaitedFor: Argo CD writes the revision of a sync some seconds after its first hook has started.
func TestApplicationIsWaitedFor(t *testing.T) {
	const application = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop"
	api, kubeconfig := testAPI(t, `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
status: {operationState: {startedAt: "2026-11-21T06:24:20Z", syncResult: {revision: "of-the-sync-before"}}}
`)
	reads := 0
	api.before = func(_, path string) {
		if path != application {
			return
		}
		if reads++; reads == 2 {
			mergePatch(api.objects[application], map[string]any{"status": map[string]any{"operationState": map[string]any{
				"startedAt": "2026-11-21T06:24:27Z", "syncResult": map[string]any{"revision": "", "revisions": []any{"abc", "def"}},
			}}})
		}
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"gate", "hook", "--kubeconfig", kubeconfig, "--job-name", "heapgate--presync-1795242267", "--store", "http://127.0.0.1:1",
		"--application", "shop", "--workload", "Deployment/shop", "--image", "shop@sha256:" + hex64}, streams{out: &out, err: &errs})
	if code != exitPass || !strings.Contains(out.String(), "PreSync of Application shop at abc,def;") || reads != 2 {
		t.Errorf("exit code %d after %d reads\n%s%s", code, reads, out.String(), errs.String())
	}
}

// TestPruning: an old pass goes when there are too many, the digest that is judged stays.
func TestPruning(t *testing.T) {
	documents := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: heapgate-verdicts, namespace: shop}\ndata:\n"
	for i := range 50 {
		digest := strings.Repeat("0", 62) + string(rune('0'+i/10)) + string(rune('0'+i%10))
		r := record.Record{Admit: true, Verdict: record.Pass, Phase: record.PostSync, Summary: "pass: old", Application: "shop", Revision: "r", Container: "shop",
			Image: "shop@sha256:" + digest, Digest: "sha256:" + digest, PolicyDigest: ours, At: weekAgo.Add(time.Duration(i) * time.Hour)}
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		documents += "  deployment.shop." + digest + ": '" + text + "'\n"
	}
	api, kubeconfig := testAPI(t, documents+"---\n"+strings.SplitN(strings.ReplaceAll(postSyncCluster, "HEX", hex64), "---\n", 2)[1])
	if code, stdout, _ := postSync(t, t.Context(), kubeconfig, func() {}); code != exitPass {
		t.Fatalf("exit code %d\n%s", code, stdout)
	}
	data := api.objects["/api/v1/namespaces/shop/configmaps/heapgate-verdicts"]["data"].(map[string]any)
	oldest, newest := data["deployment.shop."+strings.Repeat("0", 64)], data["deployment.shop."+hex64]
	if len(data) != 50 || oldest != nil || newest == nil {
		t.Errorf("%d records; the oldest is %v, the new one %v", len(data), oldest, newest)
	}
}

// TestLongSummary: whatever the store writes into a label fits record, Event and termination message.
func TestLongSummary(t *testing.T) {
	text := strings.Repeat("é\n", 5000)
	path := filepath.Join(t.TempDir(), "termination")
	terminate(path, text, os.Stderr)
	written, err := os.ReadFile(path)
	if err != nil || len(written) > maxTermination || len(written) < maxTermination-4 || bytes.ContainsRune(written, '\n') || !bytes.HasSuffix(written, []byte("...")) {
		t.Errorf("%v, %d bytes", err, len(written))
	}
	r := record.Record{Verdict: record.Fail, Phase: record.PostSync, Summary: record.Summary(text), Image: "shop@sha256:" + hex64, Digest: "sha256:" + hex64, PolicyDigest: ours, At: weekAgo}
	if _, err := r.Encode(); err != nil {
		t.Error(err)
	}
}

// TestEveryFlagHasAVariable holds the promise of the help text, and that the flag wins.
func TestEveryFlagHasAVariable(t *testing.T) {
	cmd := newHookCommand(streams{})
	for _, variable := range os.Environ() { // of whoever runs the tests
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "HEAPGATE_") {
			t.Setenv(name, "") // put back after the test
			_ = os.Unsetenv(name)
		}
	}
	t.Setenv("HEAPGATE_ON_INCONCLUSIVE", "warn")
	t.Setenv("HEAPGATE_WINDOW", "7m")
	t.Setenv("HEAPGATE_MAX_SERIES", "11")
	t.Setenv("HEAPGATE_HEADER", "A=1\nB=2\n")
	t.Setenv("HEAPGATE_WAIT", "")
	t.Setenv("HEAPGATE_POLICY", "x")
	t.Setenv("HEAPGATE_GATEWAY_PORT_9464_TCP_ADDR", "10.0.0.1")
	t.Setenv("HEAPGATE_GATEWAY_SERVICE_HOST", "10.0.0.1")
	var stderr bytes.Buffer
	cmd.SetErr(&stderr)
	if err := cmd.ParseFlags([]string{"--window", "8m"}); err != nil {
		t.Fatal(err)
	}
	if err := flagsFromEnv(cmd); err != nil {
		t.Fatal(err)
	}
	if got := stderr.String(); got != "heapgate: warning: HEAPGATE_POLICY is set, and hook has no such flag\n" {
		t.Error(got)
	}
	for flag, want := range map[string]string{"on-inconclusive": "warn", "window": "8m0s", "max-series": "11", "header": "[A=1,B=2]", "wait": "0s"} {
		if got := cmd.Flag(flag).Value.String(); got != want {
			t.Errorf("--%s is %s, want %s", flag, got, want)
		}
	}
}

// TestTolerated: warn lets inconclusive pass, and nothing else.
func TestTolerated(t *testing.T) {
	for outcome, want := range map[verdict.Outcome]int{verdict.Pass: 0, verdict.Fail: 10, verdict.Inconclusive: 0, verdict.Error: 40} {
		if got := (report{verdict: verdict.Verdict{Outcome: outcome}, tolerated: true}).exitCode(); got != want {
			t.Errorf("%s ends with %d, want %d", outcome, got, want)
		}
	}
}
