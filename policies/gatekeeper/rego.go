// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gatekeeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/heapgate/heapgate/policies"
)

// errRelated says why a rule has no template: Gatekeeper shows it one object, and the rule is about several.
var errRelated = errors.New("reads related objects, which an admission review does not hold")

// tree is the modules of a pack by package.
type tree map[string]*module

type module struct {
	file, text string
	parsed     *ast.Module
}

func readTree(files fs.FS) (tree, error) {
	all := tree{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".rego" || strings.HasSuffix(name, "_test.rego") {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		parsed, err := ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true})
		if err != nil {
			return err
		}
		pkg := strings.TrimPrefix(parsed.Package.Path.String(), "data.")
		if other, twice := all[pkg]; twice {
			return fmt.Errorf("%s and %s: a package in two files cannot be exported", other.file, name)
		}
		all[pkg] = &module{name, string(text), parsed}
		return nil
	})
	return all, err
}

// edit replaces a piece of text at an offset.
type edit struct {
	at       int
	old, new string
}

// library is the rule's module as a library of its template: it asks about the object of the review, its limits are those of lib.limits
// and its metadata is written out, since Gatekeeper reads no annotations.
func (t tree) library(rule policies.Rule) (text string, readsLimits bool, err error) {
	m := t[rule.Package]
	chain, err := json.Marshal([]any{map[string]any{"annotations": map[string]any{"custom": map[string]string{
		"id": rule.ID, "failure_msg": rule.FailureMessage, "severity": rule.Severity, "signal": rule.Signal,
	}}}})
	if err != nil {
		return "", false, err
	}
	var edits []edit
	ast.WalkRefs(m.parsed, func(ref ast.Ref) bool {
		at := ref[0].Location.Offset
		switch {
		case ref.Equal(m.parsed.Package.Path):
		case ref.HasPrefix(ast.InputRootRef):
			edits = append(edits, edit{at, "input", "input.review.object"})
			if len(ref) > 1 && ref[1].Equal(ast.StringTerm("related")) {
				err = errRelated
			}
		case ref.HasPrefix(ast.MustParseRef("data.limits")):
			edits, readsLimits = append(edits, edit{at, "data.limits", "data.lib.limits.effective"}), true
		case ref.Equal(ast.MustParseRef("rego.metadata.chain")):
			edits = append(edits, edit{at, "rego.metadata.chain()", string(chain)})
		case ref.HasPrefix(ast.DefaultRootRef) && !ref.HasPrefix(ast.MustParseRef("data.lib")):
			err = errors.Join(err, fmt.Errorf("%s: %s cannot be exported", ref[0].Loc(), ref))
		}
		return false
	})
	if err != nil {
		return "", false, err
	}
	if text, err = replace(m.text, edits); err != nil {
		return "", false, fmt.Errorf("%s: %w", m.file, err)
	}
	_, body, ok := strings.Cut(text, "\npackage "+rule.Package+"\n")
	if !ok {
		return "", false, fmt.Errorf("%s: want the line `package %s`", m.file, rule.Package)
	}
	return "package lib.rule\n" + body, readsLimits, nil
}

// replace makes the edits from the end, so that the offsets before stay right.
func replace(text string, edits []edit) (string, error) {
	slices.SortFunc(edits, func(a, b edit) int { return b.at - a.at })
	edits = slices.CompactFunc(edits, func(a, b edit) bool { return a.at == b.at })
	for _, e := range edits {
		if !strings.HasPrefix(text[e.at:], e.old) {
			return "", fmt.Errorf("offset %d: want %q", e.at, e.old)
		}
		text = text[:e.at] + e.new + text[e.at+len(e.old):]
	}
	return text, nil
}

// imports are the libraries that a package needs, with theirs, sorted.
func (t tree) imports(pkg string) ([]string, error) {
	needed := map[string]bool{}
	var visit func(pkg string) error
	visit = func(pkg string) error {
		m, ok := t[pkg]
		if !ok {
			return fmt.Errorf("there is no package %s", pkg)
		}
		for _, i := range m.parsed.Imports {
			imported := strings.TrimPrefix(i.Path.String(), "data.")
			if !strings.HasPrefix(imported, "lib.") {
				if imported == "rego.v1" {
					continue
				}
				return fmt.Errorf("%s: import %s cannot be exported; a template knows only libraries", m.file, i.Path)
			}
			if !needed[imported] {
				needed[imported] = true
				if err := visit(imported); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := visit(pkg)
	var names []string
	for name := range needed {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, err
}

// bare is a library without its licence and METADATA, from its package line on.
func (m *module) bare() string {
	return m.text[m.parsed.Package.Location.Offset:]
}

// sets are the sets of findings that a rule declares, as fields of an object.
func (m *module) sets() string {
	var fields []string
	for _, name := range []string{"deny", "inconclusive", "warn"} {
		if slices.ContainsFunc(m.parsed.Rules, func(r *ast.Rule) bool { return r.Head.Ref().String() == name }) {
			fields = append(fields, fmt.Sprintf("%q: rule.%s", name, name))
		}
	}
	return strings.Join(fields, ", ")
}
