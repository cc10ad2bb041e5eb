// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heapgate/heapgate/internal/argocd"
	"github.com/heapgate/heapgate/internal/record"
	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/policies"
)

// preSync admits an image before anything is deployed, or refuses it. The store is not asked.
func (h *hook) preSync(ctx context.Context) error {
	end := ending{report: h.newReport()}
	var err error
	if end.subject, err = h.identify(ctx, false); err == nil {
		end.tier, err = h.findTier(end.subject)
	}
	if err != nil {
		end.refuse(err)
		return h.finish(ctx, argocd.PreSync, end)
	}
	h.judgeCandidate(ctx, &end)
	if end.report.exitCode() != exitPass && !(end.report.exitCode() == exitInconclusive && h.tolerance(end.tier) != "") {
		return h.finish(ctx, argocd.PreSync, end) // Says nothing about the digest, so that nothing is remembered.
	}
	if end.found, err = h.recall(ctx, end.subject); err != nil {
		end.refuse(err)
		return h.finish(ctx, argocd.PreSync, end)
	}
	warned := end.report.verdict
	decided, remember := beforeSync(end.found.known, h.key(end.subject))
	if decided.Outcome == verdict.Fail {
		found := h.exceptions(ctx, &end)
		if name := h.reopens(ctx, &end, found); name != "" {
			decided, remember = reopened(*end.found.known, name)
			end.exception = name
		} else {
			end.warnings = append(end.warnings, found.warnings()...)
		}
	}
	end.report.verdict = merged(decided, warned)
	end.remember, end.fresh = remember, decided.Outcome == verdict.Fail
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
	if code := end.report.exitCode(); code == exitFail || code == exitInconclusive {
		h.excuseCandidate(ctx, end, name)
	}
}

// excuseCandidate judges a candidate that is to be stopped once more, with the exceptions that hold for it.
func (h *hook) excuseCandidate(ctx context.Context, end *ending, name string) {
	found := h.exceptions(ctx, end)
	for {
		holding, err := h.holding(ctx, end.subject, found)
		if err != nil {
			end.warn("no exception is taken into account: %v", err)
		}
		if len(policies.Excepted(holding)) == 0 {
			end.warnings = append(end.warnings, found.warnings()...)
			return
		}
		result, err := h.judge.pack.EvaluateManifest(ctx, end.subject.candidate, time.Now())
		if err != nil {
			return // It was evaluated a moment ago; the verdict of then stays.
		}
		result.Findings = append(result.Findings, holding...)
		decided := h.judge.decide(name, result)
		names := usedBy(decided)
		if len(names) == 0 {
			return
		}
		refused := h.countAll(ctx, end, names, string(decided.WouldBe))
		if refused == "" {
			end.report.verdict, end.report.findings = decided, result.Findings
			end.exception = names[0]
			return
		}
		found = found.without(refused)
	}
}

// merged is the verdict on the digest with what the manifest rules had to say beside it.
func merged(decided, manifest verdict.Verdict) verdict.Verdict {
	decided.Reasons = append(decided.Reasons, manifest.Reasons...)
	if decided.Outcome == verdict.Pass && len(manifest.Reasons) > 0 {
		decided.Summary += "; the manifest: " + manifest.Reasons[0].Text
	}
	return decided
}

// postSync measures what now runs, unless the same digest was measured under the same key.
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
	if err == nil {
		end.tier, err = h.findTier(end.subject)
	}
	if err != nil {
		end.refuse(err)
		return h.finish(ctx, argocd.PostSync, end)
	}
	decided, stands := afterSync(end.found.known, h.key(end.subject))
	if stands && decided.Outcome == verdict.Pass {
		end.report.verdict = decided
		return h.finish(ctx, argocd.PostSync, end)
	}
	found := h.exceptions(ctx, &end)
	if stands && h.reopens(ctx, &end, found) == "" {
		end.report.verdict = decided
		end.warnings = append(end.warnings, found.warnings()...)
		end.remember = closed(*end.found.known)
		return h.finish(ctx, argocd.PostSync, end)
	}
	if err := h.measured(ctx, &end, found); err != nil {
		return &exitError{exitConfig, err}
	}
	return h.finish(ctx, argocd.PostSync, end)
}

// measured measures, with the exceptions that there are, and says what is to be remembered of it.
func (h *hook) measured(ctx context.Context, end *ending, found exceptions) error {
	settings := h.gateSettings(end.subject)
	settings.tier, settings.exceptions = end.tier.name, found.given(end.subject.forException(h.namespace))
	k := h.key(end.subject)
	looks := h.newCourse(settings, end.found.known, k, time.Now())
	looks.keep = func(c *course) { h.keepLooks(ctx, end, k, c.record()) }
	var err error
	if end.report, err = looks.measure(ctx, settings, h.judge, h.io); err != nil {
		return err
	}
	if err := h.settle(ctx, end, found); err != nil {
		return err
	}
	if end.report.exitCode() == exitEvidence {
		h.outage(ctx, end.tier, end)
	} else {
		h.keepEvidence(ctx, end)
	}
	decided := end.report.verdict
	if decided.Outcome != verdict.Pass {
		end.warnings = append(end.warnings, found.warnings()...)
	}
	r := &record.Record{
		Admit: decided.Outcome == verdict.Pass, Verdict: string(decided.Outcome), Phase: record.PostSync, Summary: decided.Summary,
		Parameters: k.parameters, Rules: blockingRules(decided), FailOpen: end.failOpen != "",
	}
	if decided.Outcome == verdict.Inconclusive {
		r.Looks = looks.record()
	}
	noteException(r, end.exception, string(decided.WouldBe))
	end.remember = h.stillFailed(ctx, end, found, k, r)
	return nil
}

// keepEvidence writes the bundle, if one is wanted. A pass whose evidence is lost is none.
func (h *hook) keepEvidence(ctx context.Context, end *ending) {
	r := &end.report
	if r.settings.bundle == "" {
		return
	}
	kept, err := keepBundle(ctx, *r, r.settings.bundle, r.settings.signKey)
	switch {
	case errors.Is(err, errNothingMeasured):
	case err != nil && r.exitCode() == exitPass:
		r.verdict = verdict.Failed(verdict.CodeEvidenceError, fmt.Sprintf("the evidence of the verdict %s could not be kept: %v", r.verdict.Outcome, err))
		end.exception = ""
	case err != nil:
		end.warn("the evidence could not be kept: %v", err)
	default:
		end.bundle, end.profiles = kept.digest, kept.profiles
		_, _ = fmt.Fprintln(h.io.err, kept.line(r.settings.bundle))
		if warning := kept.warning(); warning != "" {
			end.warn("%s", warning)
		}
	}
}

// keepLooks writes into the record how far the looks have come, so that a pod that is moved to another node goes on with them. What
// cannot be written now is written with the verdict.
func (h *hook) keepLooks(ctx context.Context, end *ending, k verdictKey, l record.Looks) {
	if end.found.known == nil || l.Taken >= l.Of || ctx.Err() != nil {
		return
	}
	kept := *end.found.known
	if kept.Parameters, kept.Looks, kept.PolicyDigest = k.parameters, l, k.policy; kept.Phase != record.PreSync {
		return // It decided something; that is not changed before there is a new verdict.
	}
	_ = h.write(ctx, end.subject, end.found, kept)
}

// exceptions are looked for once a run.
func (h *hook) exceptions(ctx context.Context, end *ending) exceptions {
	if end.looked == nil {
		found := h.findExceptions(ctx, end.subject)
		end.looked = &found
	}
	return *end.looked
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
