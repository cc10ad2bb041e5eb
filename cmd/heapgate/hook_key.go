// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/heapgate/heapgate/internal/record"
)

// verdictKey is, beside workload and digest, what a remembered verdict is about: it stands until one of these changes, or an exception
// opens it.
type verdictKey struct {
	application string
	policy      string // digest of the policies with their limits
	parameters  string // digest of what of the gate's settings changes the meaning; "": not known before the workload is there
}

// parameters is the digest of the settings on which a verdict depends and that are not in the policies' digest. How long the gate waits,
// where it asks and how it prints are not among them; neither is the tier of the workload's label, which no verdict depends on.
func (h *hook) parameters(g gateSettings) string {
	r := g.recorded()
	text, err := json.Marshal(struct {
		Window, Step, Baseline, BaselineWorkload, Load string
		Looks                                          int
		WarmUp                                         *string
		History, Tier                                  string
		MemoryLimit                                    *float64
	}{r.Window, r.Step, r.Baseline, r.BaselineWorkload, r.Load, r.Looks, r.WarmUp, r.History, h.tier, r.MemoryLimit})
	if err != nil {
		return "" // A memory limit that is no number; bytesize and quantities have none.
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(text))
}

// key is the subject's. Without a pod template the memory limit is not known, and so neither are the parameters.
func (h *hook) key(s subject) verdictKey {
	k := verdictKey{application: s.application, policy: h.judge.pack.Digest()}
	if s.template != nil {
		k.parameters = h.parameters(h.gateSettings(s))
	}
	return k
}

// same tells whether a record is about the key. What is not known on one side does not differ: a failure is not forgotten by leaving
// something out.
func (k verdictKey) same(r record.Record) bool {
	return r.PolicyDigest == k.policy && same(r.Parameters, k.parameters) && same(r.Application, k.application)
}

// exactly is same, with the parameters known: a pass that was measured nobody knows how is measured again.
func (k verdictKey) exactly(r record.Record) bool {
	return k.same(r) && r.Parameters == k.parameters && k.parameters != ""
}

func same(a, b string) bool { return a == "" || b == "" || a == b }

// changed says for a sentence what is another than in a record.
func (k verdictKey) changed(r record.Record) string {
	switch {
	case r.PolicyDigest != k.policy:
		return "under other policies"
	case !same(r.Parameters, k.parameters):
		return "with other settings of the gate"
	}
	return "in another Application"
}
