// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"bytes"
	"maps"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// compileRoom makes the query of a room of which documents are asked.
type compileRoom func(name string, documents map[string][]string, limits map[string]any) (preparedQuery, error)

var embeddedSource = sync.OnceValues(func() (*source, error) { return readSource(embedded) })

// isBuiltIn tells whether these are, byte for byte, the rules and schemas that the tests of this version have compiled with every check.
// The same text can only give the same answer. Limits are no part of it: they are held to their schema each time.
func (s *source) isBuiltIn() bool {
	own, err := embeddedSource()
	return err == nil && maps.Equal(s.modules, own.modules) && maps.EqualFunc(s.schemas, own.schemas, bytes.Equal)
}

// compile parses the modules; what it returns beside them makes the queries.
func (s *source) compile(schemas map[string]schema) (map[string]*ast.Module, compileRoom, error) {
	if s.isBuiltIn() {
		return compileLater(s.modules)
	}
	return compileAll(s.modules, schemas)
}

// compileAll compiles rules that come from outside: all at once, with every check, before anything is asked.
func compileAll(modules map[string]string, schemas map[string]schema) (map[string]*ast.Module, compileRoom, error) {
	compiler, err := compile(modules, schemas)
	if err != nil {
		return nil, nil, err
	}
	if err := readable(compiler); err != nil {
		return nil, nil, err
	}
	return compiler.Modules, func(_ string, documents map[string][]string, limits map[string]any) (preparedQuery, error) {
		return prepare(compiler, documents, limits)
	}, nil
}

// compileLater compiles the rules that come with this version, each room with the libraries it imports when it is first asked: a gate
// never asks about manifests. Types take a third of the time and are left out. A reference to what is not there remains an error.
func compileLater(modules map[string]string) (map[string]*ast.Module, compileRoom, error) {
	parsed, err := parseModules(modules)
	var one sync.Mutex // the libraries are shared
	return parsed, func(name string, documents map[string][]string, limits map[string]any) (preparedQuery, error) {
		return sync.OnceValues(func() (rego.PreparedEvalQuery, error) {
			one.Lock()
			defer one.Unlock()
			compiler := newCompiler(nil).WithSkipStages(ast.StageCheckTypes)
			if compiler.Compile(within(parsed, name)); compiler.Failed() {
				return rego.PreparedEvalQuery{}, compiler.Errors
			}
			if err := readable(compiler); err != nil {
				return rego.PreparedEvalQuery{}, err
			}
			query, err := prepare(compiler, documents, limits)
			if err != nil {
				return rego.PreparedEvalQuery{}, err
			}
			return query()
		}), nil
	}, err
}

// within is the modules of a room and the libraries that they import, however many steps away.
func within(parsed map[string]*ast.Module, name string) map[string]*ast.Module {
	libraries := map[string][]string{} // files by package
	needed := map[string]*ast.Module{}
	var queue []string
	for file, module := range parsed {
		switch path := module.Package.Path.String(); roomOf(packageOf(module)) {
		case "lib":
			libraries[path] = append(libraries[path], file)
		case name:
			queue = append(queue, file)
		}
	}
	for len(queue) > 0 {
		file := queue[0]
		if queue = queue[1:]; needed[file] != nil {
			continue
		}
		needed[file] = parsed[file]
		for _, imported := range parsed[file].Imports {
			queue = slices.Concat(queue, libraries[imported.Path.String()])
		}
	}
	return needed
}
