// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowed lists the builtins that rules may call: pure functions of their arguments. What is not here does not compile, also when
// it hides behind "with". Left out on purpose: all that reaches the network, the clock, the environment or chance; json.match_schema
// (marked nondeterministic, and done before evaluation); sprintf and template strings, because rules return facts and no sentences.
var allowed = []string{
	"abs", "all", "and", "any", "array.concat", "array.slice", "assign", "ceil", "concat", "contains", "count", "div", "endswith", "eq",
	"equal", "floor", "format_int", "gt", "gte", "internal.member_2", "internal.member_3", "intersection", "is_array", "is_boolean",
	"is_null", "is_number", "is_object", "is_set", "is_string", "lower", "lt", "lte", "max", "min", "minus", "mul", "neq", "numbers.range",
	"object.filter", "object.get", "object.keys", "object.remove", "object.subset", "object.union", "object.union_n", "or", "plus",
	"product", "regex.is_valid", "regex.match", "rego.metadata.chain", "rego.metadata.rule", "rem", "replace", "round", "semver.compare",
	"semver.is_valid", "set_diff", "sort", "split", "startswith", "substring", "sum", "time.parse_duration_ns", "time.parse_rfc3339_ns",
	"to_number", "trim", "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix", "type_name", "union", "units.parse",
	"units.parse_bytes", "upper", "walk",
}

// capabilities is what rules are compiled with, whatever a capabilities.json beside them says. It is shared: nobody may change it.
var capabilities = sync.OnceValue(func() *ast.Capabilities {
	caps := &ast.Capabilities{
		Features: []string{ast.FeatureRegoV1, ast.FeatureKeywordsInRefs},
		AllowNet: []string{},
	}
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		if slices.Contains(allowed, builtin.Name) {
			caps.Builtins = append(caps.Builtins, builtin)
		}
	}
	return caps
})

// capabilitiesJSON is the same as a file for the opa command. An empty allow_net is written out, because OPA reads its absence as
// any host.
func capabilitiesJSON() ([]byte, error) {
	caps := capabilities()
	text, err := json.MarshalIndent(struct {
		AllowNet []string       `json:"allow_net"`
		Builtins []*ast.Builtin `json:"builtins"`
		Features []string       `json:"features"`
	}{caps.AllowNet, caps.Builtins, caps.Features}, "", "  ")
	return append(text, '\n'), err
}
