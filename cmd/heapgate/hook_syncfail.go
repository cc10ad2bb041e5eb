// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/argocd"
	"github.com/heapgate/heapgate/internal/record"
)

// syncFail tells why a sync failed, from what is left of it:
//
//  1. the hook that stopped it: its pod's termination message is the very sentence;
//  2. the Application's syncResult, where it may be read;
//  3. the newest record of this Application and revision that admits nothing.
//
// What cannot be read is left out: the sync has failed already, and a notice with less in it is better than none.
func (h *hook) syncFail(ctx context.Context) error {
	s := h.given()
	h.fromOwn(ctx, &s)
	if s.workload.Name == "" {
		_ = h.findGuarded(ctx, h.kube.Impatient(), &s) // Left out.
	}
	said := h.whatFailed(ctx, &s)
	said.Application, said.Revision, said.At = s.application, s.revision, moment(time.Now())
	said.Workload = s.named()
	if said.Digest == "" {
		said.Digest = s.workload.Digest
	}
	said.Summary = record.Summary(said.Summary)
	terminate(h.termination, said.Summary, h.io.err)
	if err := h.event(ctx, s, said.Verdict, "sync failed: "+said.Summary); err != nil {
		_, _ = fmt.Fprintf(h.io.err, "heapgate: warning: there is no Event: %s\n", printable(err.Error()))
	}
	if err := h.tell(said); err != nil {
		return &exitError{exitEvidence, err}
	}
	if h.notify.url == nil {
		return nil
	}
	if err := h.notify.send(ctx, said); err != nil {
		return &exitError{exitEvidence, err}
	}
	return nil
}

func (h *hook) tell(said notice) error {
	if h.gate.output == "json" {
		return json.NewEncoder(h.io.out).Encode(said)
	}
	text := said.Summary
	if h.gate.output == "markdown" {
		text = "### heapgate: sync failed\n\n" + escaped(text)
	}
	_, err := fmt.Fprintf(h.io.out, "%s\n", text)
	return err
}

// whatFailed fills verdict, phase, summary and digest.
func (h *hook) whatFailed(ctx context.Context, s *subject) notice {
	remembered := h.refusedRecord(ctx, s)
	said, found := h.stopped(ctx)
	application, err := h.readApplication(ctx, s.application)
	if err == nil && !h.own.StartedAt.IsZero() {
		if result := application.SyncOf(h.own.StartedAt); result != nil {
			if result.Synced() != "" {
				s.revision = result.Synced()
			}
			if !found {
				said, found = h.failedResource(result)
			}
		}
	}
	switch {
	case !found && remembered != nil:
		said = notice{Verdict: remembered.Verdict, Phase: remembered.Phase, Summary: remembered.Summary}
	case !found:
		said = notice{Verdict: record.Error, Phase: argocd.SyncFail, Summary: fmt.Sprintf("the sync of %s to %s failed, and not by a verdict of heapgate", s.application, s.revision)}
	}
	if remembered != nil {
		said.Digest = remembered.Digest
	}
	return said
}

// stopped looks for the hook of this operation that failed, and for what its pod said at its end.
func (h *hook) stopped(ctx context.Context) (notice, bool) {
	if h.own.StartedAt.IsZero() {
		return notice{}, false
	}
	for _, phase := range []string{argocd.PostSync, argocd.PreSync} {
		name := h.own.Prefix + h.own.Suffix(phase)
		if h.jobName != "" {
			name = h.failedPod(ctx, name)
		}
		if name == "" {
			continue
		}
		pod, err := h.kube.Impatient().Get(ctx, cluster.Pods, h.namespace, name)
		if err != nil {
			continue
		}
		if code, message := terminated(pod); code != exitPass {
			return notice{Verdict: verdictOf(code), Phase: phase, Summary: message}, true
		}
	}
	return notice{}, false
}

// The Job controller's text: Container gate for pod shop/heapgate-...-x7k2p failed with exit code 10 matching FailJob rule at index 0.
var failedPod = regexp.MustCompile(` for pod [a-z0-9-]+/([a-z0-9][a-z0-9.-]*) failed `)

// failedPod is the pod by which a Job failed; "" if it did not, or does not say.
func (h *hook) failedPod(ctx context.Context, job string) string {
	object, err := h.kube.Impatient().Get(ctx, cluster.Jobs, h.namespace, job)
	if err != nil {
		return ""
	}
	conditions, _ := at(object, "status", "conditions").([]any)
	for _, one := range conditions {
		condition, _ := one.(map[string]any)
		if textAt(condition, "type") != "Failed" && textAt(condition, "type") != "FailureTarget" {
			continue
		}
		if found := failedPod.FindStringSubmatch(textAt(condition, "message")); found != nil {
			return found[1]
		}
	}
	return ""
}

// terminated is the exit code and the last words of the container that failed.
func terminated(pod map[string]any) (code int, message string) {
	statuses, _ := at(pod, "status", "containerStatuses").([]any)
	for _, one := range statuses {
		status, _ := one.(map[string]any)
		state, _ := at(status, "state", "terminated").(map[string]any)
		switch number := state["exitCode"].(type) {
		case int64:
			code = int(number)
		case float64:
			code = int(number)
		}
		if code != exitPass {
			if message = textAt(state, "message"); message == "" {
				message = fmt.Sprintf("error: the gate ended with the exit code %d and without a word (%s)", code, textAt(state, "reason"))
			}
			return code, message
		}
	}
	return exitPass, ""
}

func verdictOf(code int) string {
	switch code {
	case exitFail:
		return record.Fail
	case exitInconclusive:
		return record.Inconclusive
	}
	return record.Error
}

// failedResource is what Argo CD says of the first object that failed: a hook of heapgate's if it is one.
func (h *hook) failedResource(result *argocd.SyncResult) (notice, bool) {
	var other notice
	for _, one := range result.Resources {
		if one.HookPhase != "Failed" && one.HookPhase != "Error" && one.Status != "SyncFailed" {
			continue
		}
		if one.Name == h.own.Prefix+h.own.Suffix(argocd.PreSync) || one.Name == h.own.Prefix+h.own.Suffix(argocd.PostSync) {
			said := notice{Verdict: record.Error, Phase: one.HookType, Summary: one.Message}
			for word := range eventReasons { // A bare Pod's message begins with its verdict.
				if strings.HasPrefix(one.Message, word+": ") {
					said.Verdict = word
				}
			}
			return said, true
		}
		if other.Summary == "" {
			other = notice{Verdict: record.Error, Phase: argocd.SyncFail, Summary: fmt.Sprintf("the sync failed, and not by a verdict of heapgate: %s %s: %s", one.Kind, one.Name, one.Message)}
		}
	}
	return other, other.Summary != ""
}

// refusedRecord is the newest record of this Application and revision that admits nothing. It tells the digest, and the workload if
// that is not known.
func (h *hook) refusedRecord(ctx context.Context, s *subject) *record.Record {
	stored, err := h.kube.ConfigMap(ctx, h.namespace, record.ConfigMapName)
	if err != nil || s.application == "" || s.revision == "" {
		return nil
	}
	var newest *record.Record
	for key, text := range stored.Data {
		r, err := record.Decode(text)
		if err != nil || r.Admit || r.Application != s.application || !sameRevision(r.Revision, s.revision) || newest != nil && newest.At.After(r.At) {
			continue
		}
		if s.workload.Name != "" {
			if own, err := record.Key(s.workload.Kind, s.workload.Name, r.Digest); err != nil || own != key {
				continue
			}
		}
		newest = &r
	}
	return newest
}

// sameRevision compares a commit with a commit, each of which may be cut to its first characters.
func sameRevision(a, b string) bool {
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
