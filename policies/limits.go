// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"gopkg.in/yaml.v3"
)

// ParseLimits reads a YAML document of the shape of data/defaults.yaml: one key, limits, with any part of the defaults below it.
// An empty document changes nothing.
func ParseLimits(text []byte) (map[string]any, error) {
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("limits: larger than %d bytes", maxFileBytes)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document map[string]any
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("limits: want a YAML mapping with the key limits: %w", err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("limits: want one YAML document, got more")
	}
	for _, key := range slices.Sorted(maps.Keys(document)) {
		if key != "limits" {
			return nil, fmt.Errorf("limits: unknown top-level key %q; every limit is below the key limits", key)
		}
	}
	if document["limits"] == nil {
		return nil, nil
	}
	limits, ok := document["limits"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("limits: want a mapping of names to values below limits, got %v", document["limits"])
	}
	return limits, nil
}

// effectiveLimits is the defaults with the overrides in place, held to the schema.
func effectiveLimits(defaults []byte, overrides map[string]any, want schema) (map[string]any, error) {
	parsed, err := ParseLimits(defaults)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", defaultsFile, err)
	}
	merged, err := override("limits", parsed, overrides)
	if err != nil {
		return nil, err
	}
	document, err := normalise(merged)
	if err != nil {
		return nil, err
	}
	value, err := ast.InterfaceToValue(document)
	if err != nil {
		return nil, err
	}
	if err := want.check("limits", value); err != nil {
		return nil, err
	}
	return document.(map[string]any), nil
}

// open are the mappings whose names are the user's: of rules, and of tiers.
var open = []string{"limits.modes", "limits.tiers"}

// override replaces single values; a list is one value. What has no default is no limit.
func override(at string, defaults, overrides map[string]any) (map[string]any, error) {
	merged := make(map[string]any, len(defaults))
	maps.Copy(merged, defaults)
	for name, value := range overrides {
		old, known := defaults[name]
		if !known && slices.Contains(open, at) {
			merged[name] = value
			continue
		}
		if !known {
			return nil, fmt.Errorf("unknown limit %s.%s; known here: %s", at, name,
				strings.Join(slices.Sorted(maps.Keys(defaults)), ", "))
		}
		oldMap, oldIsMap := old.(map[string]any)
		newMap, newIsMap := value.(map[string]any)
		if oldIsMap != newIsMap {
			return nil, fmt.Errorf("limit %s.%s: want a value of the kind of its default %v, got %v", at, name, old, value)
		}
		if !oldIsMap {
			merged[name] = value
			continue
		}
		inner, err := override(at+"."+name, oldMap, newMap)
		if err != nil {
			return nil, err
		}
		merged[name] = inner
	}
	return merged, nil
}
