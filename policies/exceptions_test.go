// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func exception(changes map[string]any) map[string]any {
	return merge(map[string]any{
		"name": "shop", "image_digest": digest, "rules": []any{"GC-001"}, "author": "alice", "approver": "bob", "ticket": "OPS-1", "reason": "sale",
		"starts": "2026-11-21T09:00:00Z", "expires": "2026-11-21T12:00:00Z", "max_uses": 2, "uses": 0,
	}, changes)
}

func TestExcepted(t *testing.T) {
	evidence := patched(t, map[string]any{"workload": map[string]any{"image_digest": digest}, "exceptions": []any{
		exception(map[string]any{"name": "b", "rules": []any{"GC-001", "MAP-001"}}),
		exception(map[string]any{"name": "a"}),
		exception(map[string]any{"name": "c", "rules": []any{"GC-002"}, "approver": "alice"}),
	}})
	for mode, want := range map[string]map[string]string{
		"enforce": {"GC-001": "a", "MAP-001": "b"}, "warn": {"GC-001": "a", "MAP-001": "b"}, "dryrun": {},
	} {
		pack := withModes(t, map[string]any{"EXC-001": mode})
		result, err := pack.Evaluate(t.Context(), evidence, now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, Excepted(result.Findings)); diff != "" {
			t.Errorf("%s: %s", mode, diff)
		}
	}
	forged := []Finding{
		{ID: "GC-001", Kind: Warn, Facts: map[string]any{"valid": true, "exception": "x", "rules": []any{"GC-001"}}},
		{ID: "EXC-001", Kind: Deny, Facts: map[string]any{"valid": true, "exception": "x", "rules": []any{"GC-001"}}},
		{ID: "EXC-001", Kind: Warn, Facts: map[string]any{"valid": "true", "exception": "x", "rules": []any{"GC-001"}}},
		{ID: "EXC-001", Kind: Warn, Facts: map[string]any{"valid": true, "exception": "", "rules": []any{"GC-001"}}},
		{ID: "EXC-001", Kind: Warn, Facts: map[string]any{"valid": true, "exception": "x", "rules": []any{"EXC-001", "", 1}}},
	}
	if got := Excepted(forged); len(got) != 0 {
		t.Errorf("want nothing excepted, got %v", got)
	}
}

// Where there is no evidence yet, the same rule says the same.
func TestExceptionsWithoutEvidence(t *testing.T) {
	pack := mustLoad(t, nil)
	workload := map[string]any{"namespace": "shop", "name": "shop", "image_digest": digest}
	given := []any{exception(nil), exception(map[string]any{"name": "late", "expires": "2026-11-21T09:59:59Z"}), map[string]any{}}
	got, err := pack.Exceptions(t.Context(), workload, given, now)
	if err != nil {
		t.Fatal(err)
	}
	result, err := pack.Evaluate(t.Context(), patched(t, map[string]any{"workload": map[string]any{"image_digest": digest}, "exceptions": given}), now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(result.Findings, got); diff != "" || len(got) != 3 {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"GC-001": "shop"}, Excepted(got)); diff != "" {
		t.Error(diff)
	}
	for _, none := range []any{nil, []any{}} {
		if got, err := pack.Exceptions(t.Context(), workload, none, now); err != nil || len(got) != 0 {
			t.Errorf("want nothing said of no exceptions, got %v, %v", got, err)
		}
	}
	if _, err := pack.Exceptions(t.Context(), func() {}, given, now); err == nil {
		t.Error("want an error for a workload that is none")
	}
}

// What holds fits the schema of exceptions; what EXC-001 lets through is never more than that.
func TestExceptionThatHoldsFitsItsSchema(t *testing.T) {
	want := embeddedSchemas(t)["exception"]
	check := func(one map[string]any) error {
		document, err := normalise(one)
		if err != nil {
			t.Fatal(err)
		}
		return want.check("exception", ast.MustInterfaceToValue(document))
	}
	if err := check(exception(nil)); err != nil {
		t.Error(err)
	}
	for field := range exception(nil) {
		if field == "reason" {
			continue
		}
		one := maps.Clone(exception(nil))
		delete(one, field)
		if err := check(one); err == nil {
			t.Errorf("want %s to be required", field)
		}
	}
}

// FuzzExceptions: whatever is written into an exception, the rules end without an error, and none that holds lacks what it needs.
func FuzzExceptions(f *testing.F) {
	pack := mustLoad(f, nil)
	workload := map[string]any{"namespace": "shop", "name": "shop", "image_digest": digest}
	text, err := json.Marshal(exception(nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	for _, swap := range [][2]string{
		{"11-21T12", "02-30T12"}, {"OPS-1", " "}, {`"bob"`, `"ALICE "`}, {`"bob"`, "{}"}, {`["GC-001"]`, `{"a":"*"}`}, {`"max_uses":2`, `"max_uses":1e400`},
		{"sha256:01", "sha256:02"}, {"2026-11-21T09:00:00Z", "2026-11-21T09:00:00.000000000+23:59"}, {`"uses":0`, `"uses":-0.5`},
	} {
		f.Add(strings.Replace(string(text), swap[0], swap[1], 1))
	}
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		var one map[string]any
		if json.Unmarshal([]byte(text), &one) != nil || one == nil {
			return
		}
		findings, err := pack.Exceptions(t.Context(), workload, []any{one}, now)
		if err != nil || len(findings) != 1 {
			t.Fatalf("want one finding, got %v, %v", findings, err)
		}
		for id := range Excepted(findings) {
			author, _ := one["author"].(string)
			approver, _ := one["approver"].(string)
			if one["image_digest"] != digest || strings.EqualFold(author, approver) || author == "" || approver == "" || one["ticket"] == "" || strings.HasPrefix(id, "EXC-") {
				t.Fatalf("%s holds: %s", id, text)
			}
		}
	})
}
