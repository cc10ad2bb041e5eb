// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// schema is one JSON schema, used twice: OPA's type checker holds the rules to it, and check holds the documents to it.
type schema struct {
	raw  any
	term *ast.Term
}

const maxSchemaErrors = 10

func (s *source) parseSchemas() (map[string]schema, error) {
	schemas := make(map[string]schema, len(s.schemas))
	for _, file := range slices.Sorted(maps.Keys(s.schemas)) {
		var raw any
		if err := json.Unmarshal(s.schemas[file], &raw); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		value, err := ast.InterfaceToValue(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		schemas[strings.TrimSuffix(path.Base(file), ".json")] = schema{raw: raw, term: ast.NewTerm(value)}
	}
	for _, name := range []string{"evidence", "limits"} {
		if _, ok := schemas[name]; !ok {
			return nil, fmt.Errorf("%s/%s.json is missing; without it a misspelled path passes in silence", schemasDir, name)
		}
	}
	return schemas, nil
}

// check validates a document with OPA's own validator. The rules themselves may not call it; it is called here, before them.
func (s schema) check(name string, document ast.Value) error {
	context := topdown.BuiltinContext{Capabilities: capabilities()}
	var verdict *ast.Term
	err := topdown.GetBuiltin(ast.JSONMatchSchema.Name)(context, []*ast.Term{ast.NewTerm(document), s.term}, func(t *ast.Term) error {
		verdict = t
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	answer := verdict.Value.(*ast.Array)
	if answer.Elem(0).Equal(ast.BooleanTerm(true)) {
		return nil
	}
	var mismatches []struct{ Field, Desc string }
	if err := ast.As(answer.Elem(1).Value, &mismatches); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var lines []error
	for i, m := range mismatches {
		if i == maxSchemaErrors {
			lines = append(lines, fmt.Errorf("and %d more", len(mismatches)-i))
			break
		}
		at := name
		if !strings.EqualFold(m.Field, "(root)") {
			at += "." + m.Field
		}
		lines = append(lines, fmt.Errorf("%s: %s", at, m.Desc))
	}
	return errors.Join(lines...)
}
