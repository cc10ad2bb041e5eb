// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package golden reads the golden cases of the manifest rules for the tests of the forms that the rules are exported to.
package golden

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/policies"
)

// Case is one object with the limits that it is judged with; nil are the defaults.
type Case struct {
	Rule, Name string
	Object     map[string]any
	Limits     map[string]any
}

// Cases reads DIR/<rule>/<case>/{input,limits}.yaml for the given rules: an input is what differs from the passing Deployment of
// DIR/passing.yaml, which is the case "passing" of every rule. Cases that need more than an admission review holds, related objects or
// build information, are left out.
func Cases(dir string, rules []policies.Rule) ([]Case, error) {
	passing, err := read(filepath.Join(dir, "passing.yaml"))
	if err != nil {
		return nil, err
	}
	base, _ := passing["deployment"].(map[string]any)
	var all []Case
	for _, rule := range rules {
		object, _ := reviewed(base)
		all = append(all, Case{Rule: rule.ID, Name: "passing", Object: object})
		inputs, err := filepath.Glob(filepath.Join(dir, rule.ID, "*", "input.yaml"))
		if err != nil {
			return nil, err
		}
		for _, input := range inputs {
			folder := filepath.Dir(input)
			patch, err := read(input)
			if err != nil {
				return nil, err
			}
			text, err := os.ReadFile(filepath.Join(folder, "limits.yaml"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			limits, err := policies.ParseLimits(text)
			if err != nil {
				return nil, err
			}
			if object, ok := reviewed(merge(base, patch)); ok {
				all = append(all, Case{rule.ID, filepath.Base(folder), object, limits})
			}
		}
	}
	return all, nil
}

// reviewed is the object as a review shows it.
func reviewed(object map[string]any) (map[string]any, bool) {
	object = maps.Clone(object)
	related, _ := object["related"].([]any)
	buildinfo, _ := object["buildinfo"].(map[string]any)
	delete(object, "related")
	delete(object, "buildinfo")
	return object, len(related) == 0 && len(buildinfo) == 0
}

func read(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var document map[string]any
	return document, yaml.Unmarshal(text, &document)
}

// merge replaces what the patch names; a list is one value.
func merge(base, patch map[string]any) map[string]any {
	merged := maps.Clone(base)
	for name, value := range patch {
		old, oldIsMap := merged[name].(map[string]any)
		inner, newIsMap := value.(map[string]any)
		if oldIsMap && newIsMap {
			value = merge(old, inner)
		}
		merged[name] = value
	}
	return merged
}
