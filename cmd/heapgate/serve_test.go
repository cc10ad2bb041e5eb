// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
)

// looked is a stand-in for the gate: it answers as it is told and remembers what it was asked.
type looked struct {
	mu       sync.Mutex
	answers  []report // the last repeats
	moments  []string
	settings []gateSettings
	slow     time.Duration
}

func (l *looked) once(ctx context.Context, s gateSettings, at lookMoment) report {
	l.mu.Lock()
	r := l.answers[min(len(l.moments), len(l.answers)-1)]
	word := fmt.Sprintf("%d/%d", at.Look.Number, at.Look.Of)
	if at.Early {
		word = "early"
	}
	l.moments, l.settings = append(l.moments, word), append(l.settings, s)
	l.mu.Unlock()
	if l.slow > 0 {
		select {
		case <-time.After(l.slow):
		case <-ctx.Done():
			return down()
		}
	}
	r.moment = at
	return r
}

func serveWith(l *looked, change func(*serveFlags, *gateSettings)) http.Handler {
	f := &serveFlags{namespaces: []string{"shop"}, keep: time.Hour, concurrent: 2, most: 3, anonymous: true}
	s := gateSettings{step: 15 * time.Second, wait: 4 * time.Minute}
	s.compare.looks, s.client.Timeout = 4, 8*time.Second
	if change != nil {
		change(f, &s)
	}
	return newAdapter(f, s.client.Timeout, "sha256:0", newMeasurements(f, s, l.once), slog.New(slog.NewTextHandler(io.Discard, nil))).handler()
}

func call(h http.Handler, method, target, body string, header ...string) (int, string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

const shopV2 = "/rollouts?workload=shop/shop&version=v2"

var (
	undecided = saying(verdict.Inconclusive, stateWith(1, 1))
	passes    = saying(verdict.Pass, stateWith(3, 1))
	fails     = saying(verdict.Fail, stateWith(3, 1))
)

// TestServeLooksLikeTheGate: asked every 10 s for 5 minutes, it looks at most every step, compares at the four planned looks of the
// patience and not in between, and stays with what it decided.
func TestServeLooksLikeTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		compared := saying(verdict.Inconclusive, stateWith(1, 1))
		compared.evidence.Comparison = &comparison{Baseline: baseline{Kind: baselinePrevious}}
		l := &looked{answers: []report{compared}}
		h := serveWith(l, nil)
		for range 31 {
			code, text := call(h, "GET", shopV2, "")
			if code != 200 || !strings.Contains(text, `"verdict":"inconclusive"`) {
				t.Fatal(code, text)
			}
			time.Sleep(10 * time.Second)
		}
		got := strings.Join(l.moments, " ")
		if want := "early early early 1/4 early early 2/4 early early 3/4 early early 4/4"; got != want {
			t.Errorf("looks %s, want %s", got, want)
		}
		if _, text := call(h, "GET", shopV2, ""); !strings.Contains(text, `"final":true`) || !strings.Contains(text, `"look":4,"looks":4`) {
			t.Error(text)
		}
	})
}

func TestServeStaysWithAVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looked{answers: []report{fails, passes}}
		h := serveWith(l, nil)
		for range 3 {
			if code, text := call(h, "GET", shopV2, ""); code != 200 || !strings.Contains(text, `"verdict":"fail","value":-1,"final":true`) {
				t.Error(code, text)
			}
			time.Sleep(50 * time.Minute)
		}
		if code, text := call(h, "GET", strings.Replace(shopV2, "v2", "v3", 1), ""); code != 200 || !strings.Contains(text, `"verdict":"pass","value":1,"final":true`) {
			t.Error(code, text)
		}
		time.Sleep(time.Hour)
		if _, text := call(h, "GET", shopV2, ""); !strings.Contains(text, `"verdict":"pass"`) || len(l.moments) != 3 {
			t.Errorf("after an hour without a question: %s, %d looks", text, len(l.moments))
		}
	})
}

// TestServeWithoutEvidence: an outage is an error for each tool, is asked about again at once, and uses up no planned look.
func TestServeWithoutEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looked{answers: []report{down(), down(), undecided}}
		h := serveWith(l, func(_ *serveFlags, s *gateSettings) { s.wait = 0 })
		for range 2 {
			if code, text := call(h, "GET", shopV2, ""); code != 503 || !strings.Contains(text, `"verdict":"error"`) || strings.Contains(text, `"final":true`) {
				t.Error(code, text)
			}
		}
		if code, text := call(h, "GET", shopV2, ""); code != 200 || !strings.Contains(text, `"final":true`) || !strings.Contains(text, "inconclusive") {
			t.Error(code, text)
		}
		if got := strings.Join(l.moments, " "); got != "1/1 1/1 1/1" {
			t.Errorf("looks %s", got)
		}
	})
	broken := report{verdict: verdict.Failed(verdict.CodeConfigError, "x")}
	if code, text := call(serveWith(&looked{answers: []report{broken}}, nil), "GET", shopV2, ""); code != 500 {
		t.Error("a broken policy:", code, text)
	}
}

func TestFlaggerGoesOnOnlyOnAPass(t *testing.T) {
	payload := `{"name":"shop","namespace":"shop","phase":"Progressing","checksum":"85d557f47b","buildId":"x","metadata":{"container":"shop"}}`
	for want, r := range map[int]report{200: passes, 412: fails, 409: undecided, 424: down(), 500: {verdict: verdict.Failed(verdict.CodeConfigError, "x")}} {
		l := &looked{answers: []report{r}}
		code, text := call(serveWith(l, nil), "POST", "/flagger", payload)
		if code != want || !strings.HasPrefix(text, "heapgate: ") {
			t.Errorf("%s: %d %s, want %d", r.verdict.Summary, code, text, want)
		}
		if s := l.settings[0]; s.workload != (workload{Namespace: "shop", Name: "shop", Container: "shop"}) || s.compare.workload != "shop-primary" {
			t.Errorf("measured %+v with the baseline %q", s.workload, s.compare.workload)
		}
	}
	l := &looked{answers: []report{passes}}
	h := serveWith(l, nil)
	_, _ = call(h, "POST", "/flagger", payload)
	_, _ = call(h, "POST", "/flagger", strings.Replace(payload, "85d557f47b", "other", 1))
	_, _ = call(h, "POST", "/flagger", strings.Replace(payload, "Progressing", "WaitingPromotion", 1))
	if len(l.moments) != 2 {
		t.Errorf("%d looks at two releases", len(l.moments))
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		method, target, body string
		code                 int
		text                 string
	}{
		{"GET", "/rollouts?workload=shop/shop", "", 400, "image or version is required"},
		{"GET", "/rollouts?version=v2", "", 400, "NAMESPACE/NAME"},
		{"GET", shopV2 + "&store=http://evil", "", 400, "unknown or given twice"},
		{"GET", shopV2 + "&version=v3", "", 400, "given twice"},
		{"GET", "/rollouts?workload=pay/pay&version=v2", "", 403, "not among those that are measured"},
		{"GET", "/rollouts?workload=Shop/shop&version=v2", "", 403, "not among"},
		{"GET", "/rollouts?workload=shop/shop&image=shop:latest", "", 400, "must be a digest"},
		{"GET", shopV2 + strings.Repeat("x", 600), "", 400, "longer than 512"},
		{"POST", "/rollouts", `{"workload":"shop/shop","version":"v2"}`, 200, "pass"},
		{"POST", "/rollouts", `{"workload":"shop/shop","version":"v2","url":"http://evil"}`, 400, "unknown field"},
		{"POST", "/rollouts", `{"workload":"shop/shop","version":"v2"} {}`, 400, "goes on after"},
		{"POST", "/rollouts", "", 400, "the body is empty"},
		{"POST", "/rollouts", `{"workload":"` + strings.Repeat("x", maxQuestion), 400, "larger than 65536"},
		{"PUT", "/rollouts", "", 405, ""},
		{"GET", "/flagger", "", 405, ""},
		{"POST", "/flagger", `{"name":"shop","namespace":"pay","checksum":"1"}`, 403, "not among"},
		{"POST", "/flagger", `{"name":"shop","namespace":"shop"}`, 400, "image, version or run is required"},
		{"POST", "/flagger", `{"name":"a/b/c","namespace":"shop","checksum":"1"}`, 403, "not among"},
		{"POST", "/flagger", `{"name":"shop","namespace":"shop","checksum":"1","metadata":{"imgae":"x"}}`, 400, `the metadata \"imgae\" is unknown`},
		{"POST", "/flagger", `[]`, 400, "not the JSON"},
		{"GET", "/", "", 404, ""},
		{"GET", "/healthz", "", 200, "ok"},
	} {
		l := &looked{answers: []report{passes}}
		code, text := call(serveWith(l, nil), tt.method, tt.target, tt.body)
		if code != tt.code || !strings.Contains(text, tt.text) {
			t.Errorf("%s %.60s %.60s: %d %s, want %d with %q", tt.method, tt.target, tt.body, code, text, tt.code, tt.text)
		}
		if code >= 400 && len(l.moments) != 0 {
			t.Errorf("%s %.60s was measured", tt.method, tt.target)
		}
	}
}

func TestCallersNeedTheToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("canary-token-0123\n")
	l := &looked{answers: []report{passes}}
	h := serveWith(l, func(f *serveFlags, _ *gateSettings) { f.tokenFile, f.anonymous = file, false })
	for given, want := range map[string]int{"": 401, "Bearer": 401, "Bearer ": 401, "Bearer canary-token-012": 401, "Basic canary-token-0123": 401, "canary-token-0123": 401, "Bearer canary-token-0123": 200, "bearer  canary-token-0123": 200,
		basicHeader("flagger", "canary-token-0123"): 200, basicHeader("canary-token-0123", ""): 401} {
		code, text := call(h, "GET", shopV2, "", "Authorization", given)
		if code != want || strings.Contains(text, "canary") {
			t.Errorf("%q: %d %s, want %d", given, code, text, want)
		}
	}
	write("canary-rotated-01234")
	if code, _ := call(h, "GET", shopV2, "", "Authorization", "Bearer canary-token-0123"); code != 401 {
		t.Errorf("the old token: %d", code)
	}
	write("")
	for _, given := range []string{"", "Bearer", "Bearer ", "Bearer canary-rotated-01234"} {
		if code, _ := call(h, "GET", shopV2, "", "Authorization", given); code != 401 {
			t.Errorf("with an empty file %q: %d", given, code)
		}
	}
	if code, _ := call(h, "GET", "/healthz", ""); code != 200 {
		t.Errorf("healthz needs a token: %d", code)
	}
}

// TestManyQuestionsAtOnce: one look for one release, no more looks at once than allowed, and a refusal instead of a queue without end.
func TestManyQuestionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &looked{answers: []report{passes}, slow: 3 * time.Second}
		h := serveWith(l, nil)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if code, text := call(h, "GET", shopV2, ""); code != 200 {
					t.Errorf("%d %s", code, text)
				}
			})
		}
		all.Wait()
		if len(l.moments) != 1 {
			t.Errorf("%d looks for one release", len(l.moments))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		l := &looked{answers: []report{passes}, slow: 5 * time.Second}
		h := serveWith(l, func(f *serveFlags, _ *gateSettings) { f.concurrent, f.most = 1, 3 })
		codes := map[int]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				code, text := call(h, "GET", strings.Replace(shopV2, "v2", fmt.Sprint("v", i), 1), "")
				mu.Lock()
				defer mu.Unlock()
				codes[code]++
				if code == 503 && !strings.Contains(text, "too many") && !strings.Contains(text, "down") {
					t.Error(text)
				}
			})
		}
		all.Wait()
		if codes[200] != 1 || codes[503] != 4 { // The second look is cut off by the deadline, the third never begins, two are not remembered.
			t.Errorf("answers %v", codes)
		}
		time.Sleep(2 * time.Hour)
		if code, text := call(h, "GET", strings.Replace(shopV2, "v2", "v9", 1), ""); code != 200 {
			t.Errorf("after the old ones are forgotten: %d %s", code, text)
		}
	})
}
