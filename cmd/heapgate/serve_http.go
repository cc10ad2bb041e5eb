// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
)

const (
	maxQuestion = 64 << 10
	maxToken    = 64 << 10
	maxReasons  = 20
)

// adapter answers questions about releases.
type adapter struct {
	measured   *measurements
	policy     string // digest
	namespaces []string
	tokenFile  string // "": anonymous
	certified  bool   // callers need a certificate
	timeout    time.Duration
	log        *slog.Logger

	mu      sync.Mutex
	answers map[[2]string]int // by adapter and verdict
}

func newAdapter(f *serveFlags, timeout time.Duration, policy string, measured *measurements, log *slog.Logger) *adapter {
	return &adapter{measured: measured, policy: policy, namespaces: f.namespaces, tokenFile: f.tokenFile, certified: f.tls.clientCA != "", timeout: timeout, log: log, answers: map[[2]string]int{}}
}

func (a *adapter) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rollouts", a.answering("rollouts", readRollouts, a.rollouts))
	mux.HandleFunc("POST /rollouts", a.answering("rollouts", readRollouts, a.rollouts))
	mux.HandleFunc("POST /flagger", a.answering("flagger", readFlagger, a.flagger))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /metrics", a.metrics)
	return mux
}

// answering is the way of every question: who asks, what about, may it be measured, what is the verdict.
func (a *adapter) answering(name string, read func(*http.Request) (candidateRelease, error), answer func(http.ResponseWriter, answerDocument)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.authorize(r); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			a.refuse(w, name, http.StatusUnauthorized, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxQuestion)
		about, err := read(r)
		if err != nil {
			a.refuse(w, name, http.StatusBadRequest, err)
			return
		}
		if space := about.workload.Namespace; !slices.Contains(a.namespaces, "*") && !slices.Contains(a.namespaces, space) {
			a.refuse(w, name, http.StatusForbidden, fmt.Errorf("the namespace %q is not among those that are measured here (--namespaces)", printable(space)))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
		defer cancel()
		found, final, err := a.measured.ask(ctx, about, time.Now())
		if err != nil {
			w.Header().Set("Retry-After", "5")
			a.refuse(w, name, http.StatusServiceUnavailable, err)
			return
		}
		d := newAnswer(about, found, final)
		d.Policy = a.policy
		a.count(name, string(d.Verdict))
		a.log.Info("answered", "adapter", name, "workload", d.Workload, "verdict", d.Verdict, "final", final, "summary", d.Summary)
		answer(w, d)
	}
}

// authorize compares digests, so that the time tells neither the token nor its length.
func (a *adapter) authorize(r *http.Request) error {
	if a.certified && !certified(r) {
		return errors.New("a client certificate is needed, of an authority in --client-ca")
	}
	if a.tokenFile == "" {
		return nil
	}
	token, err := readToken(a.tokenFile)
	if err != nil {
		a.log.Error("no token to compare with", "error", err.Error())
		return errors.New("nobody can be let in now")
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given = strings.TrimSpace(given)
	if _, password, ok := r.BasicAuth(); ok { // A webhook of Flagger has an address and no header.
		scheme, given = "Bearer", password
	}
	want, got := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return errors.New("a bearer token is needed, or a user with the token as password; this is neither")
	}
	return nil
}

func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < 16 || len(text) > maxToken || strings.ContainsAny(token, "\r\n") {
		return "", fmt.Errorf("--token-file %s must hold one line of at least 16 characters", path)
	}
	return token, nil
}

func (a *adapter) count(name, verdict string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[[2]string{name, verdict}]++
}

func (a *adapter) refuse(w http.ResponseWriter, name string, status int, err error) {
	a.count(name, "refused")
	writeJSON(w, status, map[string]string{"error": printable(err.Error())})
}

// answerDocument is what a caller gets. Its fields are an interface: they are added to, never renamed.
type answerDocument struct {
	Verdict  verdict.Outcome `json:"verdict"`
	Value    int             `json:"value"` // 1 pass, 0 not decided or no evidence, -1 fail
	Final    bool            `json:"final"` // asking again changes nothing
	ExitCode int             `json:"exit_code"`
	Summary  string          `json:"summary"`
	Reasons  []answerReason  `json:"reasons"`
	Workload string          `json:"workload"`
	Image    string          `json:"image_digest"`
	Version  string          `json:"version"`
	Look     int             `json:"look"`  // planned looks done
	Looks    int             `json:"looks"` // planned looks there are
	Policy   string          `json:"policy_digest"`
	Measured string          `json:"measured"` // time of the look
}

type answerReason struct {
	Kind  verdict.Kind `json:"kind"`
	Text  string       `json:"text"`
	Rules []string     `json:"rules"`
}

func newAnswer(about candidateRelease, r report, final bool) answerDocument {
	d := answerDocument{
		Verdict: r.verdict.Outcome, Final: final, ExitCode: r.exitCode(), Summary: r.verdict.Summary, Reasons: []answerReason{},
		Workload: about.workload.String(), Image: about.workload.ImageDigest, Version: about.workload.Version, Look: r.moment.done(), Looks: r.moment.Look.Of,
		Measured: r.moment.Now.Format(time.RFC3339),
	}
	d.Value = map[verdict.Outcome]int{verdict.Pass: 1, verdict.Fail: -1}[d.Verdict]
	for _, reason := range r.verdict.Reasons[:min(len(r.verdict.Reasons), maxReasons)] {
		d.Reasons = append(d.Reasons, answerReason{reason.Kind, reason.Text, append([]string{}, reason.Rules...)})
	}
	return d
}

// rollouts: whatever is no verdict is no 2xx, which Rollouts counts as an error of the measurement.
func (a *adapter) rollouts(w http.ResponseWriter, d answerDocument) {
	status := http.StatusOK
	switch d.ExitCode {
	case exitEvidence:
		status = http.StatusServiceUnavailable
	case exitConfig:
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, d)
}

// flagger shows the body of what is above 202 to people, so that is the sentence. Its client hides the body of a 5xx, so that no evidence is
// 424, a failed dependency (RFC 4918, 11.4).
func (a *adapter) flagger(w http.ResponseWriter, d answerDocument) {
	status, known := map[int]int{exitPass: http.StatusOK, exitFail: http.StatusPreconditionFailed, exitInconclusive: http.StatusConflict, exitEvidence: http.StatusFailedDependency}[d.ExitCode]
	if !known {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, "heapgate: "+printable(d.Summary))
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil { // Nothing that cannot be written may look like an answer.
		status = http.StatusInternalServerError
		out.Reset()
		out.WriteString(`{"error":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// metrics are few enough to be written by hand: https://prometheus.io/docs/instrumenting/exposition_formats/.
func (a *adapter) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	a.mu.Lock()
	answers := maps.Clone(a.answers)
	a.mu.Unlock()
	_, _ = io.WriteString(w, "# HELP heapgate_serve_answers_total Answers to questions about releases.\n# TYPE heapgate_serve_answers_total counter\n")
	for _, key := range slices.SortedFunc(maps.Keys(answers), func(x, y [2]string) int { return slices.Compare(x[:], y[:]) }) {
		_, _ = fmt.Fprintf(w, "heapgate_serve_answers_total{adapter=%q,verdict=%q} %d\n", key[0], key[1], answers[key])
	}
	_, _ = fmt.Fprintf(w, "# HELP heapgate_serve_measurements Releases that are remembered.\n# TYPE heapgate_serve_measurements gauge\nheapgate_serve_measurements %d\n", a.measured.count())
}
