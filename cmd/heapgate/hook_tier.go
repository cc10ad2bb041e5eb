// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/record"
	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/policies"
)

// labelTier is on a workload, or on its pod template, and is the default of --tier.
const labelTier = "heapgate.dev/tier"

// What a tier does.
const (
	tierWarn = "warn"
	tierOpen = "open"
)

// tierRules is what a tier makes of a verdict that is neither a pass nor a fail. The zero value stops the sync.
type tierRules struct {
	policies.Tier
	name string
}

// findTier is the tier of the flag, else that of the workload's label. A tier that the policies do not know is a mistake, and no tier at
// all is the strictest one.
func (h *hook) findTier(s subject) (tierRules, error) {
	name := h.tier
	if name == "" {
		name = s.tier
	}
	if name == "" {
		return tierRules{}, nil
	}
	found, err := h.judge.pack.Tier(name)
	if err != nil {
		return tierRules{}, unknown("--tier, or the label %s: %s", labelTier, err)
	}
	return tierRules{found, name}, nil
}

// tierOf reads the label of a workload, or of a pod template.
func tierOf(object, template map[string]any) string {
	if name := textAt(object, "metadata", "labels", labelTier); name != "" {
		return name
	}
	return textAt(template, "metadata", "labels", labelTier)
}

// tolerance says why an inconclusive verdict lets the sync go on; "" if it stops it. The flag wins over the tier.
func (h *hook) tolerance(t tierRules) string {
	switch {
	case h.onInconclusive == "warn":
		return "--on-inconclusive warn"
	case h.onInconclusive == "" && t.Inconclusive == tierWarn:
		return "the tier " + t.name
	}
	return ""
}

// outage decides what becomes of a sync whose evidence could not be had. What the tier lets go on is counted first: an open that nobody
// counted did not happen. It becomes an inconclusive verdict which stops nothing; the reason stays.
func (h *hook) outage(ctx context.Context, t tierRules, end *ending) {
	if ctx.Err() != nil || end.report.exitCode() != exitEvidence || t.Outage != tierWarn && t.Outage != tierOpen {
		return
	}
	budget := 0 // none
	if t.Outage == tierOpen {
		if budget = t.Opens; budget < 1 {
			end.warn("the tier %s opens in an outage, and its budget is 0", t.name)
			return
		}
	}
	count, err := h.countOpen(ctx, end.subject, budget)
	if err != nil {
		end.warn("the gate does not open without evidence, although the tier %s would: %v", t.name, err)
		return
	}
	text := fmt.Sprintf("the gate opens without evidence, as the tier %s says", t.name)
	if budget > 0 {
		text += fmt.Sprintf(", for the %d. of %d times in 30 days", count, budget)
	}
	end.warn("%s", text)
	end.failOpen = text
	v := &end.report.verdict
	v.Outcome, v.Summary = verdict.Inconclusive, "inconclusive: no evidence: "+v.Reasons[0].Text
}

// countOpen writes one more open of the workload down and tells how many there are in 30 days. budget is how many there may be; 0 for any.
func (h *hook) countOpen(ctx context.Context, s subject, budget int) (int, error) {
	key, err := record.OpensKey(s.workload.Kind, s.workload.Name)
	if err != nil {
		return 0, err
	}
	for try := 1; ; try++ {
		stored, err := h.kube.ConfigMap(ctx, h.namespace, record.ConfigMapName)
		if err != nil && !cluster.IsMissing(err) {
			return 0, err
		}
		opens, err := record.DecodeOpens(stored.Data[key])
		if err != nil {
			return 0, fmt.Errorf("what was opened before cannot be read, so the budget counts as used up: %w", err)
		}
		now := time.Now()
		if opens = opens.Recent(now); budget > 0 && len(opens) >= budget {
			return 0, fmt.Errorf("its budget of %d in 30 days is used up; one comes back at %s", budget, moment(opens[len(opens)-budget].Add(record.OpensWindow)))
		}
		opens = append(opens, now)
		text, err := opens.Encode()
		if err != nil {
			return 0, err
		}
		labels, annotations := s.tracking.Mark("ConfigMap", h.namespace, record.ConfigMapName)
		err = h.kube.PatchVerdict(ctx, cluster.Verdict{Namespace: h.namespace, Key: key, Value: text, Version: stored.Version, Labels: labels, Annotations: annotations})
		if err == nil {
			return len(opens), nil
		}
		if !cluster.IsConflict(err) || try == countTries {
			return 0, fmt.Errorf("it could not be counted: %w", err)
		}
	}
}

// countTries is how often something is counted anew after somebody else has written in between.
const countTries = 5
