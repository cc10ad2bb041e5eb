// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

func parserOptions() ast.ParserOptions {
	return ast.ParserOptions{Capabilities: capabilities(), ProcessAnnotation: true, RegoVersion: ast.RegoV1}
}

// parseModules parses every module. Errors name file and line.
func parseModules(modules map[string]string) (map[string]*ast.Module, error) {
	parsed := make(map[string]*ast.Module, len(modules))
	var failures []error
	for _, file := range slices.Sorted(maps.Keys(modules)) {
		module, err := ast.ParseModuleWithOpts(file, modules[file], parserOptions())
		if err != nil {
			failures = append(failures, err)
			continue
		}
		parsed[file] = module
	}
	if len(failures) > 0 {
		return nil, errors.Join(failures...)
	}
	return parsed, nil
}

// compile parses and checks every module. Errors name file and line.
func compile(modules map[string]string, schemas map[string]schema) (*ast.Compiler, error) {
	parsed, err := parseModules(modules)
	if err != nil {
		return nil, err
	}
	compiler := newCompiler(schemas)
	if compiler.Compile(parsed); compiler.Failed() {
		return nil, compiler.Errors
	}
	return compiler, nil
}

func newCompiler(schemas map[string]schema) *ast.Compiler {
	set := ast.NewSchemaSet()
	for name, s := range schemas {
		set.Put(ast.SchemaRootRef.Append(ast.StringTerm(name)), s.raw)
	}
	return ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).WithSchemas(set).WithUseTypeCheckAnnotations(true)
}

// preparedQuery is the query of all rules of a room. It may be compiled only when first asked for.
type preparedQuery func() (rego.PreparedEvalQuery, error)

// prepare makes one query of all documents of all rules, so that they are evaluated together against the same input and data.
func prepare(compiler *ast.Compiler, documents map[string][]string, limits map[string]any) (preparedQuery, error) {
	query, err := rego.New(
		rego.Query(queryOf(documents)),
		rego.Compiler(compiler),
		rego.Store(inmem.NewFromObject(map[string]any{"limits": limits})),
		rego.StrictBuiltinErrors(true),
		rego.SetRegoVersion(ast.RegoV1),
	).PrepareForEval(context.Background())
	if err != nil {
		return nil, err
	}
	return func() (rego.PreparedEvalQuery, error) { return query, nil }, nil
}

// queryOf is an object with the documents of each package.
func queryOf(documents map[string][]string) string {
	var packages []string
	for _, pkg := range slices.Sorted(maps.Keys(documents)) {
		var fields []string
		for _, name := range documents[pkg] {
			fields = append(fields, fmt.Sprintf("%q: data.%s.%s", name, pkg, name))
		}
		packages = append(packages, fmt.Sprintf("%q: {%s}", pkg, strings.Join(fields, ", ")))
	}
	return "{" + strings.Join(packages, ", ") + "}"
}
