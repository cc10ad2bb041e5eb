// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package gatekeeper writes the rules for manifests as ConstraintTemplates of Gatekeeper 3.19 and later, with Rego of version 1:
//
//  1. the rule's module becomes a library of its template, which asks about the object of the review (rego.go);
//  2. the libraries that it imports come with it, unchanged;
//  3. a wrapper makes a violation, a message and details, of every finding (template.go);
//  4. each template gets a constraint that warns, and all get a kustomization.
//
// A rule that needs more than the one object under review has no template. The limits of a rule are those of data/defaults.yaml; the
// parameter limits of the constraint replaces single ones.
package gatekeeper

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/heapgate/heapgate/policies"
)

// Skipped is a rule that has no template.
type Skipped struct{ ID, Reason string }

// Files are the templates, the constraints and the kustomization by path, for the manifest rules of a file tree as policies.Load takes
// it, and the rules that cannot be written. The same tree gives the same bytes.
func Files(source fs.FS) (map[string][]byte, []Skipped, error) {
	pack, err := policies.Load(source, nil)
	if err != nil {
		return nil, nil, err
	}
	defaults, err := fs.ReadFile(source, "data/defaults.yaml")
	if err != nil {
		return nil, nil, err
	}
	limits, err := policies.ParseLimits(defaults)
	if err != nil {
		return nil, nil, err
	}
	modules, err := readTree(source)
	if err != nil {
		return nil, nil, err
	}
	files, skipped := map[string][]byte{}, []Skipped{}
	var resources []string
	for _, rule := range pack.ManifestRules() {
		made, err := modules.template(rule, limits)
		if errors.Is(err, errRelated) {
			skipped = append(skipped, Skipped{rule.ID, err.Error()})
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", rule.ID, err)
		}
		for folder, text := range map[string][]byte{"templates": made, "constraints": constraint(rule)} {
			name := folder + "/" + strings.ToLower(rule.ID) + ".yaml"
			files[name] = text
		}
		resources = append(resources, strings.ToLower(rule.ID)+".yaml")
	}
	files["kustomization.yaml"] = kustomization(resources)
	return files, skipped, nil
}
