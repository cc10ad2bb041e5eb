// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

var update = flag.Bool("update", false, "rewrite generated files and expectations")

// generated compares a generated file with what is on disk, or writes it with -update.
func generated(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what its source generates; run go test ./policies -update", file)
	}
}

func TestCapabilitiesFileIsTheAllowlist(t *testing.T) {
	text, err := capabilitiesJSON()
	if err != nil {
		t.Fatal(err)
	}
	generated(t, "capabilities.json", string(text))
}

func TestAllowedBuiltinsArePureAndKnown(t *testing.T) {
	if !slices.IsSorted(allowed) {
		t.Error("the allowlist is not sorted")
	}
	got := capabilities()
	if len(got.Builtins) != len(allowed) {
		t.Errorf("want every allowed name to be a builtin of this OPA: %d names, %d builtins", len(allowed), len(got.Builtins))
	}
	for _, builtin := range got.Builtins {
		if builtin.Nondeterministic {
			t.Errorf("%s is nondeterministic", builtin.Name)
		}
		for _, prefix := range []string{"http.", "net.", "opa.", "rand.", "uuid.", "io.", "crypto.", "providers.", "time.now", "rego.parse"} {
			if strings.HasPrefix(builtin.Name, prefix) {
				t.Errorf("%s reaches outside of its arguments", builtin.Name)
			}
		}
	}
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		if builtin.Nondeterministic && slices.Contains(allowed, builtin.Name) {
			t.Errorf("%s is nondeterministic and allowed", builtin.Name)
		}
	}
}
