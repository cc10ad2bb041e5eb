// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Both rooms are asked without the schemas in front of them: no rule may hold on nothing, whatever nothing is.
func TestNothingNeverPasses(t *testing.T) {
	pack := mustLoad(t, nil)
	nothing := map[string]ast.Value{
		"null": ast.Null{}, "an empty object": ast.NewObject(), "a list": ast.NewArray(), "a text": ast.String("{}"),
		"another object": ast.MustInterfaceToValue(map[string]any{"a": 1}),
		"all null": ast.MustInterfaceToValue(map[string]any{
			"now": nil, "workload": nil, "targets": nil, "signals": nil, "map_sites": nil, "comparison": nil, "leak": nil, "exceptions": nil,
			"kind": nil, "metadata": nil, "spec": nil, "template": nil,
		}),
	}
	for _, asked := range []room{pack.gate, pack.manifest} {
		for name, input := range nothing {
			decision, err := pack.decide(t.Context(), asked.query, input, now)
			if err != nil {
				continue // An error is no pass either.
			}
			result, err := asked.collect(decision, func(Rule) Mode { return Enforce })
			if err != nil {
				continue
			}
			stops := slices.ContainsFunc(result.Findings, func(f Finding) bool { return f.Kind != Warn })
			if !stops && len(result.Missing) == 0 {
				t.Errorf("%s of %s: every rule holds", name, asked.name)
			}
			for _, id := range result.Evaluated {
				said := slices.ContainsFunc(result.Findings, func(f Finding) bool { return f.ID == id && f.Kind != Warn })
				if !said && !slices.Contains(holdOnNothing, id) {
					t.Errorf("%s: %s holds for %s", asked.name, id, name)
				}
			}
		}
	}
}

// holdOnNothing are rules that are about what is there and should not be. Beside them others say that there is nothing.
var holdOnNothing = []string{}

// A policy must reach nothing outside of its input: every builtin that is not allowed fails to compile, called and behind with.
func TestEveryDeniedBuiltinFailsToCompile(t *testing.T) {
	for _, name := range []string{
		"http.send", "io.jwt.decode_verify", "io.jwt.encode_sign", "io.jwt.encode_sign_raw", "json.match_schema", "json.verify_schema",
		"net.lookup_ip_addr", "opa.runtime", "rand.intn", "time.now_ns", "uuid.rfc4122",
	} {
		if !slices.ContainsFunc(ast.CapabilitiesForThisVersion().Builtins, func(b *ast.Builtin) bool { return b.Name == name }) {
			t.Errorf("%s is no builtin of this OPA any more", name)
		}
		if slices.Contains(allowed, name) {
			t.Errorf("%s is allowed", name)
		}
	}
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		if slices.Contains(allowed, builtin.Name) || !strings.Contains(builtin.Name, ".") && builtin.Infix != "" {
			continue
		}
		args := make([]string, len(builtin.Decl.FuncArgs().Args))
		for i := range args {
			args[i] = "input.x"
		}
		call := builtin.Name + "(" + strings.Join(args, ", ") + ")"
		for _, body := range []string{"x := " + call, "x := count([1]) with count as " + builtin.Name} {
			text := map[string]string{"gate/x.rego": "package gate.x\n\ndeny contains x if " + body + "\n"}
			if _, err := compile(text, nil); err == nil || !strings.Contains(err.Error(), strings.Split(builtin.Name, ".")[0]) {
				t.Errorf("want %s to be refused for its builtin, got %v", body, err)
			}
		}
	}
}
