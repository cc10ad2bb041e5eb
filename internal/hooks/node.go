// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// field finds one field of a mapping; nils if there is none.
func field(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// at walks down mappings; nil where the path ends early, and for null.
func at(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		_, n = field(n, name)
	}
	if isNull(n) {
		return nil
	}
	return n
}

// line of the last key of the path, or of the deepest one above it that is there.
func line(n *yaml.Node, path ...string) int {
	if n == nil {
		return 0
	}
	found := n.Line
	for _, name := range path {
		key, value := field(n, name)
		if key == nil {
			break
		}
		found, n = key.Line, value
	}
	return found
}

func text(n *yaml.Node, path ...string) string {
	if n = at(n, path...); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// list of a sequence's elements.
func list(n *yaml.Node, path ...string) []*yaml.Node {
	if n = at(n, path...); n != nil && n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return nil
}

func texts(n *yaml.Node, path ...string) (all []string) {
	for _, one := range list(n, path...) {
		all = append(all, one.Value)
	}
	return all
}

// isTrue reads a boolean with the words of YAML 1.1, which Kubernetes' YAML library takes.
func isTrue(n *yaml.Node) bool {
	return n != nil && n.Kind == yaml.ScalarNode && slices.Contains([]string{"true", "yes", "on", "y"}, strings.ToLower(n.Value))
}

// isText tells whether Kubernetes' YAML library makes a text of a node: plain yes, no, on, off are booleans to it, and dates are texts.
func isText(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!timestamp" {
		return false
	}
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	return !plain || !slices.Contains([]string{"yes", "no", "on", "off", "y", "n"}, strings.ToLower(n.Value))
}

// whole reads a whole number.
func whole(n *yaml.Node) (int64, bool) {
	if n == nil || n.Kind != yaml.ScalarNode {
		return 0, false
	}
	value, err := strconv.ParseInt(n.Value, 0, 64)
	return value, err == nil
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == 0 || n.Kind == yaml.ScalarNode && n.Tag == "!!null" || n.Kind == yaml.DocumentNode && len(n.Content) == 0
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "list"
	case yaml.MappingNode:
		return "mapping"
	case yaml.ScalarNode:
		return "single value"
	}
	return "nothing"
}
