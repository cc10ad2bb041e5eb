// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/heapgate/heapgate/internal/argocd"
	"github.com/heapgate/heapgate/internal/record"
	"github.com/heapgate/heapgate/internal/verdict"
)

// preSync admits an image before anything is deployed, or refuses it. The store is not asked.
func (h *hook) preSync(ctx context.Context) error {
	end := ending{report: h.newReport()}
	var err error
	if end.subject, err = h.identify(ctx, false); err != nil {
		end.refuse(err)
		return h.finish(ctx, argocd.PreSync, end)
	}
	if h.judgeCandidate(ctx, &end); end.report.exitCode() != exitPass && !h.tolerated(end.report) {
		return h.finish(ctx, argocd.PreSync, end) // Says nothing about the digest, so that nothing is remembered.
	}
	found, err := h.recall(ctx, end.subject)
	if err != nil {
		end.refuse(err)
		return h.finish(ctx, argocd.PreSync, end)
	}
	warned := end.report.verdict
	decided, remember := beforeSync(found.known, h.judge.pack.Digest())
	end.report.verdict = merged(decided, warned)
	end.found, end.remember, end.fresh = found, remember, decided.Outcome == verdict.Fail
	return h.finish(ctx, argocd.PreSync, end)
}

// judgeCandidate asks the manifest rules about the pod that is about to be deployed.
func (h *hook) judgeCandidate(ctx context.Context, end *ending) {
	s := end.subject
	switch {
	case s.candidate == nil:
		end.warn("the manifest rules were not asked: this sync has no candidate (a PodTemplate with the label heapgate.dev/candidate)")
		end.report.verdict = passed("")
		return
	case len(h.judge.pack.ManifestRules()) == 0:
		end.warn("the policies hold no manifest rules")
		end.report.verdict = passed("")
		return
	}
	name := fmt.Sprintf("%s %s", s.workload.Kind, s.workload.Name)
	decided, findings, err := h.judge.judgeManifest(ctx, name, s.candidate, time.Now())
	if err != nil {
		decided = verdict.Failed(verdict.CodeConfigError, err.Error())
	}
	end.report.verdict, end.report.findings = decided, findings
}

// merged is the verdict on the digest with what the manifest rules had to say beside it.
func merged(decided, manifest verdict.Verdict) verdict.Verdict {
	decided.Reasons = append(decided.Reasons, manifest.Reasons...)
	if decided.Outcome == verdict.Pass && len(manifest.Reasons) > 0 {
		decided.Summary += "; the manifest: " + manifest.Reasons[0].Text
	}
	return decided
}

// postSync measures what now runs, unless the same digest was measured under the same policies.
func (h *hook) postSync(ctx context.Context) error {
	end := ending{report: h.newReport()}
	var err error
	if end.subject, err = h.identify(ctx, true); err == nil {
		end.found, err = h.recall(ctx, end.subject)
	}
	if err == nil && end.found.known == nil && end.subject.candidate == nil && h.image == "" {
		err = unknown("%s was not admitted: there is neither a candidate of this sync nor a record on the image; let the hook run as PreSync too, or set HEAPGATE_IMAGE",
			end.subject.workload.Image)
	}
	if err != nil {
		end.refuse(err)
		return h.finish(ctx, argocd.PostSync, end)
	}
	if decided, stands := afterSync(end.found.known, h.judge.pack.Digest()); stands {
		end.report.verdict = decided
		return h.finish(ctx, argocd.PostSync, end)
	}
	if end.report, err = measure(ctx, h.gateSettings(end.subject), h.judge, h.io); err != nil {
		return &exitError{exitConfig, err}
	}
	decided := end.report.verdict
	end.remember = &record.Record{
		Admit: decided.Outcome == verdict.Pass, Verdict: string(decided.Outcome), Phase: record.PostSync, Summary: decided.Summary,
	}
	return h.finish(ctx, argocd.PostSync, end)
}

// gateSettings narrows the gate down to the subject.
func (h *hook) gateSettings(s subject) gateSettings {
	g := h.gate
	w := s.workload
	g.workload = workload{Cluster: h.cluster, Namespace: w.Namespace, Kind: w.Kind, Name: w.Name, Container: w.Container, ImageDigest: w.Digest}
	if g.memoryLimit == nil {
		g.memoryLimit = s.memoryLimit()
	}
	return g
}

func (h *hook) newReport() report {
	now := time.Now()
	return report{settings: h.gate, judge: h.judge, started: now, finished: now}
}

// tolerated tells whether an inconclusive verdict lets the sync go on.
func (h *hook) tolerated(r report) bool { return h.warnOnly && r.exitCode() == exitInconclusive }
