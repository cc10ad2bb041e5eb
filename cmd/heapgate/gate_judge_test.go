// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/policies"
)

// TestExceptionInADryRunExcusesNothing: EXC-001 says that an exception holds, and its mode says whether anybody listens.
func TestExceptionInADryRunExcusesNothing(t *testing.T) {
	j, err := newJudge(policySource{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[policies.Mode]verdict.Outcome{"": verdict.Pass, policies.DryRun: verdict.Fail} {
		decided := j.decide("shop/shop", policies.Result{Evaluated: []string{"EXC-001", "GC-001"}, Findings: []policies.Finding{
			{Kind: policies.Deny, ID: "GC-001", Signal: "gc_cpu_share"},
			{Kind: policies.Warn, ID: "EXC-001", Signal: "exceptions", Mode: mode, Facts: map[string]any{
				"exception": "shop", "valid": true, "rules": []any{"GC-001"},
			}},
		}})
		if decided.Outcome != want || decided.WouldBe != verdict.Fail {
			t.Errorf("EXC-001 in mode %q: %s, would be %s; want %s, would be fail", mode, decided.Outcome, decided.WouldBe, want)
		}
	}
}
