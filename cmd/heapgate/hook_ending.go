// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/record"
	"github.com/heapgate/heapgate/internal/verdict"
)

// ending is what a phase came to, before anybody is told.
type ending struct {
	report   report
	subject  subject
	found    records
	remember *record.Record // nil: nothing new
	fresh    bool           // worth an Event, although nothing is recorded
	warnings []string
	next     []string // what a person can do about it

	tier      tierRules
	looked    *exceptions // nil: nobody has looked for any
	exception string      // by which it is a pass
	bundle    string      // digest of the evidence, if it was kept
	profiles  []recordedProfile
	failOpen  string // why the sync goes on without evidence; "" if it does not
}

func (e *ending) warn(format string, args ...any) {
	e.warnings = append(e.warnings, fmt.Sprintf(format, args...))
}

// hookDocument is what the report says of the hook, beside what the gate says.
type hookDocument struct {
	Phase       string `json:"phase"`
	Application string `json:"application"`
	Revision    string `json:"revision"`
	Workload    string `json:"workload"` // KIND/NAME
	Container   string `json:"container"`
	Image       string `json:"image"`
	Recorded    bool   `json:"recorded"` // by this run
	Tier        string `json:"tier,omitempty"`
	WouldBe     string `json:"would_be,omitempty"`  // the verdict without exceptions and modes, if it is another
	Exception   string `json:"exception,omitempty"` // that let it pass
	FailOpen    bool   `json:"fail_open,omitempty"` // the sync goes on without evidence
	Bundle      string `json:"bundle,omitempty"`    // digest of the evidence bundle

	Profiles []recordedProfile `json:"profiles,omitempty"` // that were given for the bundle

	Warnings  []string `json:"warnings"`
	next      []string
	tolerance string // why an inconclusive verdict stops nothing
}

func (d hookDocument) line() string {
	text := fmt.Sprintf("%s of Application %s at %s", d.Phase, orUnknown(d.Application), orUnknown(d.Revision))
	if d.Workload != "" {
		text += fmt.Sprintf("; %s, container %s, image %s", d.Workload, orUnknown(d.Container), orUnknown(d.Image))
	}
	return text
}

func orUnknown(text string) string {
	if text == "" {
		return "(unknown)"
	}
	return text
}

// finish records the verdict, then tells it: as an Event, as the termination message, as the report, and at last as the exit code.
func (h *hook) finish(ctx context.Context, phase string, end ending) error {
	s, r := end.subject, &end.report
	if r.evidence == nil {
		r.settings = h.gateSettings(s)
	}
	tolerance := h.tolerance(end.tier)
	if end.failOpen != "" {
		tolerance = "the tier " + end.tier.name
	}
	r.tolerated, r.finished = tolerance != "", time.Now()
	r.hook = &hookDocument{
		Phase: phase, Application: s.application, Revision: s.revision, Workload: s.named(), Container: s.workload.Container, Image: s.workload.Image,
		Tier: end.tier.name, Exception: end.exception, FailOpen: end.failOpen != "", Bundle: end.bundle, Profiles: end.profiles, next: end.next, tolerance: tolerance,
	}
	if would := r.verdict.WouldBe; would != r.verdict.Outcome && !r.hook.FailOpen {
		r.hook.WouldBe = string(would)
	}
	h.record(ctx, &end)
	if slices.ContainsFunc(r.verdict.Reasons, func(one verdict.Reason) bool { return one.Code == codeFailedBefore }) {
		r.hook.next = []string{forget(h.namespace, end.found.key)}
	}
	if end.fresh || end.exception != "" || end.remember != nil || r.exitCode() != exitPass {
		if err := h.event(ctx, s, end.said(), r.sentence()); err != nil {
			end.warn("there is no Event: %v", err)
		}
	}
	terminate(h.termination, r.sentence(), h.io.err)
	for _, warning := range end.warnings {
		_, _ = fmt.Fprintf(h.io.err, "heapgate: warning: %s\n", printable(warning))
	}
	r.hook.Warnings = append([]string{}, end.warnings...)
	if err := r.write(h.io.out, h.gate.output); err != nil {
		return &exitError{exitEvidence, err}
	}
	if code := r.exitCode(); code != exitPass {
		return &exitError{code: code}
	}
	return nil
}

// record writes the record. What was interrupted decides nothing and is not written; what would let an image in and cannot be
// written is an error, because admission knows only what is recorded.
func (h *hook) record(ctx context.Context, end *ending) {
	r := &end.report
	if ctx.Err() == nil && end.remember != nil {
		wrote, err := h.remember(ctx, end.subject, end.found, *end.remember)
		switch {
		case err == nil:
			r.hook.Recorded = wrote
		case ctx.Err() != nil:
		case r.exitCode() == exitPass:
			r.verdict = verdict.Failed(verdict.CodeEvidenceError,
				fmt.Sprintf("the verdict %s could not be recorded, and what is not recorded is not admitted: %v", r.verdict.Outcome, err))
		default:
			end.warn("the verdict could not be recorded: %v", err)
		}
	}
	if ctx.Err() != nil {
		text := interrupted
		if r.hook.Recorded {
			text = fmt.Sprintf("interrupted when the verdict %s had just been recorded", r.verdict.Outcome)
		}
		r.verdict = verdict.Failed(verdict.CodeEvidenceError, text)
	}
}

// sentence is the verdict for a termination message and an Event.
func (r report) sentence() string {
	text := r.verdict.Summary
	if r.verdict.Outcome == verdict.Inconclusive && r.tolerated {
		why := "--on-inconclusive warn"
		if r.hook != nil && r.hook.tolerance != "" {
			why = r.hook.tolerance
		}
		text += "; the sync goes on, as " + why + " says"
	}
	if r.hook != nil && len(r.hook.next) > 0 {
		text += "; " + strings.Join(r.hook.next, "; ")
	}
	return text
}

var eventReasons = map[string]string{
	record.Pass: "HeapgatePass", record.Fail: "HeapgateFail", record.Inconclusive: "HeapgateInconclusive", record.Error: "HeapgateError",
	saidExcepted: "HeapgateException", saidFailOpen: "HeapgateFailOpen",
}

// Of Events alone: who looks for them must not have to read sentences.
const (
	saidExcepted = "excepted"
	saidFailOpen = "fail open"
)

// said is the word for the Event.
func (e *ending) said() string {
	switch {
	case e.failOpen != "" && e.report.verdict.Outcome == verdict.Inconclusive:
		return saidFailOpen
	case e.exception != "" && e.report.verdict.Outcome == verdict.Pass:
		return saidExcepted
	}
	return string(e.report.verdict.Outcome)
}

// event tells the verdict on the workload's object. It asks once: an Event is worth no waiting.
func (h *hook) event(ctx context.Context, s subject, decided, sentence string) error {
	if s.workload.Name == "" || ctx.Err() != nil {
		return ctx.Err()
	}
	once := h.kube.Impatient()
	if s.uid == "" { // kubectl describe looks for it.
		if object, err := once.Get(ctx, cluster.Workloads[s.workload.Kind], h.namespace, s.workload.Name); err == nil {
			s.uid = textAt(object, "metadata", "uid")
		}
	}
	kind := "Warning"
	if decided == record.Pass {
		kind = "Normal"
	}
	return once.Event(ctx, cluster.Event{
		APIVersion: "apps/v1", Kind: s.workload.Kind, Namespace: h.namespace, Name: s.workload.Name, UID: s.uid,
		Reason: eventReasons[decided], Type: kind, Message: record.Summary(sentence), Component: "heapgate-gate", At: time.Now(),
	})
}

// maxTermination is what the kubelet takes of a termination message.
const maxTermination = 4096

// terminate writes the termination message. Its default path exists only in a pod, where the kubelet has made it.
func terminate(path, sentence string, stderr io.Writer) {
	if path == "" {
		return
	}
	flags := os.O_WRONLY | os.O_TRUNC
	if path != terminationPath {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(path, flags, 0o644)
	if os.IsNotExist(err) && path == terminationPath {
		return
	}
	if err == nil {
		text := printable(sentence)
		if len(text) > maxTermination {
			text = strings.ToValidUTF8(text[:maxTermination-3], "") + "..."
		}
		_, err = file.WriteString(text)
		if closed := file.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "heapgate: warning: there is no termination message: %v\n", err)
	}
}
