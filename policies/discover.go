// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The sets that a rule's package may declare. checks holds the rule's id once it was really evaluated.
var documentNames = []string{"checks", "deny", "inconclusive", "warn"}

var severities = []string{"critical", "high", "medium", "low"}

// inputs names the schema of what the rules below each top package are asked about.
var inputs = map[string]string{"gate": "evidence", "manifest": "manifest"}

// packageOf is the name of a module's package: gate.gc.pause.
func packageOf(module *ast.Module) string {
	return strings.TrimPrefix(module.Package.Path.String(), "data.")
}

// roomOf is the top package: gate of gate.gc.pause.
func roomOf(pkg string) string {
	top, _, _ := strings.Cut(pkg, ".")
	return top
}

// discover finds the rules by the METADATA of the packages below gate and manifest, and the sets that each declares. It refuses whatever would be
// skipped in silence: a package elsewhere, a package without an id or schemas, a misspelled or mistyped set.
func discover(modules map[string]*ast.Module) ([]Rule, map[string][]string, error) {
	documents := map[string][]string{}
	described := map[string]Rule{}
	ids := map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(modules)) {
		module := modules[file]
		pkg := packageOf(module)
		isLibrary := roomOf(pkg) == "lib"
		if !isLibrary && (inputs[roomOf(pkg)] == "" || !strings.Contains(pkg, ".")) {
			return nil, nil, fmt.Errorf("%s: package %s is never asked; a rule's package starts with `gate.` or `manifest.` and a library's with `lib.`", file, pkg)
		}
		if isLibrary {
			continue
		}
		names, err := declared(module)
		if err != nil {
			return nil, nil, err
		}
		documents[pkg] = append(documents[pkg], names...)
		rule, found, err := describe(module, pkg, file)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			continue
		}
		if other, taken := ids[rule.ID]; taken {
			return nil, nil, fmt.Errorf("%s: id %s is already the id of %s", file, rule.ID, other)
		}
		ids[rule.ID], described[pkg] = file, rule
	}
	return complete(documents, described)
}

// limitsRef is parsed once: there are thousands of references to compare with it.
var limitsRef = ast.MustParseRef("data.limits")

// readable holds every module of a compiler to reads.
func readable(compiler *ast.Compiler) error {
	for _, file := range slices.Sorted(maps.Keys(compiler.Modules)) {
		module := compiler.Modules[file]
		if err := reads(compiler, module, roomOf(packageOf(module)) == "lib"); err != nil {
			return err
		}
	}
	return nil
}

// reads refuses references that OPA would take for undefined: to data that never exists, and, in a library, to what only the schemas
// of a rule's package would check.
func reads(compiler *ast.Compiler, module *ast.Module, isLibrary bool) error {
	var err error
	ast.WalkRefs(module, func(ref ast.Ref) bool {
		limits := ref.HasPrefix(limitsRef)
		switch {
		case isLibrary && (limits || ref.HasPrefix(ast.InputRootRef)):
			err = errors.Join(err, fmt.Errorf("%s: %s: a library takes arguments; only a rule's package is checked against the schemas", ref[0].Loc(), ref))
		case limits || !ref.HasPrefix(ast.DefaultRootRef):
		case len(compiler.GetRules(ref.GroundPrefix())) == 0:
			err = errors.Join(err, fmt.Errorf("%s: %s is not part of the pack; there are data.limits, data.lib, data.gate and data.manifest", ref[0].Loc(), ref))
		}
		return false
	})
	return err
}

// complete checks that every package with documents is a whole rule.
func complete(documents map[string][]string, described map[string]Rule) ([]Rule, map[string][]string, error) {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(documents)), func(pkg string) bool { return roomOf(pkg) == "gate" }) {
		return nil, nil, errors.New("no package below gate; a pack without rules would pass everything")
	}
	rules := make([]Rule, 0, len(described))
	for _, pkg := range slices.Sorted(maps.Keys(documents)) {
		rule, ok := described[pkg]
		if !ok {
			return nil, nil, fmt.Errorf("package %s has no METADATA with custom.id; without it nobody would notice that it did not run", pkg)
		}
		slices.Sort(documents[pkg])
		documents[pkg] = slices.Compact(documents[pkg])
		if names := documents[pkg]; !slices.Contains(names, "checks") || len(names) < 2 {
			return nil, nil, fmt.Errorf("package %s: want checks and at least one of deny, warn and inconclusive, got %v", pkg, names)
		}
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return rules, documents, nil
}

// declared lists the sets of a module. A set by another name is taken for a misspelled one: helpers are comprehensions or functions.
func declared(module *ast.Module) ([]string, error) {
	var names []string
	for _, rule := range module.Rules {
		name := rule.Head.Ref().String()
		isSet, isDocument := rule.Head.RuleKind() == ast.MultiValue, slices.Contains(documentNames, name)
		switch {
		case isSet && !isDocument:
			return nil, fmt.Errorf("%s: the set %s is never asked; want one of %v", rule.Loc(), name, documentNames)
		case !isSet && isDocument:
			return nil, fmt.Errorf("%s: %s must be a set: `%s contains ... if ...`", rule.Loc(), name, name)
		case isSet:
			names = append(names, name)
		}
	}
	return names, nil
}

// describe reads the METADATA of a package. Of a package in several files only one may carry it.
func describe(module *ast.Module, pkg, file string) (Rule, bool, error) {
	for _, annotations := range module.Annotations {
		if annotations.Scope != "package" {
			continue
		}
		rule := Rule{
			Title: annotations.Title, Description: strings.TrimSpace(annotations.Description), Package: pkg, File: file,
		}
		texts := map[string]*string{
			"id": &rule.ID, "severity": &rule.Severity, "signal": &rule.Signal, "failure_msg": &rule.FailureMessage, "solution": &rule.Solution,
		}
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			text, _ := annotations.Custom[name].(string)
			if *texts[name] = strings.TrimSpace(text); text == "" {
				return Rule{}, false, fmt.Errorf("%s: METADATA of package %s: want a text for custom.%s, got %v", file, pkg, name, annotations.Custom[name])
			}
		}
		if err := optional(&rule, annotations.Custom); err != nil {
			return Rule{}, false, fmt.Errorf("%s: METADATA of package %s: %w", file, pkg, err)
		}
		switch {
		case rule.Title == "" || rule.Description == "":
			return Rule{}, false, fmt.Errorf("%s: METADATA of package %s: want a title and a description", file, pkg)
		case !slices.Contains(severities, rule.Severity):
			return Rule{}, false, fmt.Errorf("%s: METADATA of package %s: want a severity of %v, got %q", file, pkg, severities, rule.Severity)
		case !typed(annotations, "input", "schema."+inputs[roomOf(pkg)]) || !typed(annotations, "data.limits", "schema.limits"):
			return Rule{}, false, fmt.Errorf("%s: METADATA of package %s: want the schemas input: schema.%s and data.limits: schema.limits; "+
				"without them a misspelled path passes in silence", file, pkg, inputs[roomOf(pkg)])
		}
		return rule, true, nil
	}
	return Rule{}, false, nil
}

// optional reads what only some rules say of themselves.
func optional(rule *Rule, custom map[string]any) (err error) {
	for name, text := range map[string]*string{"avoid": &rule.Avoid, "prefer": &rule.Prefer, "exceptions": &rule.Exceptions} {
		given, isText := custom[name].(string)
		if custom[name] != nil && !isText {
			return fmt.Errorf("want a text for custom.%s, got %v", name, custom[name])
		}
		*text = strings.TrimSpace(given)
	}
	rule.EffectiveOn, err = effectiveOn(custom["effective_on"])
	return err
}

func typed(annotations *ast.Annotations, path, schema string) bool {
	return slices.ContainsFunc(annotations.Schemas, func(s *ast.SchemaAnnotation) bool {
		return s.Path.String() == path && s.Schema.String() == schema
	})
}
