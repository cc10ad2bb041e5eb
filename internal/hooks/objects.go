// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"fmt"
	"math"

	"gopkg.in/yaml.v3"
)

// Object is one Kubernetes object of what was added, for those who judge other things than hooks.
type Object struct {
	File                              string
	Document, Line                    int // of the file and of its first key, both from 1
	APIVersion, Kind, Namespace, Name string

	node *yaml.Node
}

// Objects are all objects that were added, in the order of the input; lists are replaced by their items.
func (m *Manifests) Objects() []Object {
	all := make([]Object, len(m.objects))
	for i, o := range m.objects {
		name := o.name
		if name == "" && o.generate != "" {
			name = o.generate + "*"
		}
		all[i] = Object{o.file, o.document, o.node.Line, o.apiVersion, o.kind, o.namespace, name, o.node}
	}
	return all
}

// Value is the object as Kubernetes' YAML library makes JSON of it: plain yes and off are booleans, dates are texts. An error is a
// *ReadError: a number that JSON does not know.
func (o Object) Value() (map[string]any, error) {
	value, err := valueOf(o.node)
	if err != nil {
		err.File = o.File
		return nil, err
	}
	return value.(map[string]any), nil
}

func valueOf(n *yaml.Node) (any, *ReadError) {
	switch n.Kind {
	case yaml.MappingNode:
		object := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			value, err := valueOf(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			object[n.Content[i].Value] = value
		}
		return object, nil
	case yaml.SequenceNode:
		items := make([]any, len(n.Content))
		for i, child := range n.Content {
			value, err := valueOf(child)
			if err != nil {
				return nil, err
			}
			items[i] = value
		}
		return items, nil
	}
	return scalarOf(n)
}

func scalarOf(n *yaml.Node) (any, *ReadError) {
	if isNull(n) {
		return nil, nil
	}
	if n.Tag == "!!str" && !isText(n) {
		return isTrue(n), nil
	}
	if n.Tag != "!!int" && n.Tag != "!!float" && n.Tag != "!!bool" {
		return n.Value, nil
	}
	var value any
	if err := n.Decode(&value); err != nil {
		return nil, &ReadError{Line: n.Line, Reason: fmt.Sprintf("%.100q: %v", n.Value, err)}
	}
	if f, ok := value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return nil, &ReadError{Line: n.Line, Reason: fmt.Sprintf("want a number that JSON knows (got %.100q)", n.Value)}
	}
	return value, nil
}

// LineOf is the line of a field: the path goes down by names of fields (string) and places in lists (int), as far as it is there.
func (o Object) LineOf(path ...any) int {
	line, _ := o.walk(path)
	return line
}

// Length is the number of elements of the list at a path as LineOf takes it; 0 if there is none.
func (o Object) Length(path ...any) int {
	if _, n := o.walk(path); n != nil && n.Kind == yaml.SequenceNode {
		return len(n.Content)
	}
	return 0
}

// Text is the single value at a path as LineOf takes it; empty if there is none.
func (o Object) Text(path ...any) string {
	if _, n := o.walk(path); n != nil && n.Kind == yaml.ScalarNode && !isNull(n) {
		return n.Value
	}
	return ""
}

// walk is the line of the deepest step that is there, and the node at the end of the path; nil if it ends early.
func (o Object) walk(path []any) (line int, n *yaml.Node) {
	line, n = o.node.Line, o.node
	for _, step := range path {
		switch step := step.(type) {
		case string:
			key, value := field(n, step)
			if key == nil {
				return line, nil
			}
			line, n = key.Line, value
		case int:
			if n.Kind != yaml.SequenceNode || step < 0 || step >= len(n.Content) {
				return line, nil
			}
			n = n.Content[step]
			line = n.Line
		}
	}
	return line, n
}
