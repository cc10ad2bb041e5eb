// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// Limits of what is read. Rendered manifests of a large Application are a few MiB.
const (
	MaxFile    = 8 << 20
	MaxTotal   = 32 << 20
	MaxObjects = 50_000
	maxNodes   = 2_000_000 // about 160 bytes each
	maxDepth   = 200       // the schema in a CustomResourceDefinition is the deepest thing known, with about 60
)

// ReadError says what in the input cannot be read, and where.
type ReadError struct {
	File   string
	Line   int // 0 if unknown
	Reason string
}

func (e *ReadError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// Manifests are the objects that one Application would be synced with.
type Manifests struct {
	// AllHooks makes a gate of every hook that runs containers, not only of those that run `heapgate gate`.
	AllHooks bool

	objects      []*object
	total, nodes int
}

// Add reads one file with any number of YAML or JSON documents. An error is a *ReadError: nothing is guessed about what was not read.
func (m *Manifests) Add(file string, text []byte) error {
	if m.total += len(text); len(text) > MaxFile || m.total > MaxTotal {
		return &ReadError{File: file, Reason: fmt.Sprintf("want at most %d MiB a file and %d MiB in all", MaxFile>>20, MaxTotal>>20)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(withoutTabs(text)))
	for number := 1; ; number++ {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &ReadError{File: file, Reason: err.Error()}
		}
		if err := m.addDocument(file, number, &document); err != nil {
			return err
		}
	}
}

// withoutTabs lets JSON that is indented with tabs through, which YAML refuses. In JSON a raw tab is never part of a text.
func withoutTabs(text []byte) []byte {
	if bytes.IndexByte(text, '\t') < 0 || !json.Valid(text) {
		return text
	}
	return bytes.ReplaceAll(text, []byte{'\t'}, []byte{' '})
}

func (m *Manifests) addDocument(file string, number int, document *yaml.Node) error {
	if err := m.plain(document, 0); err != nil {
		err.File = file
		return err
	}
	root := document
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = root.Content[0]
	}
	if isNull(root) {
		return nil // between two ---
	}
	if root.Kind != yaml.MappingNode {
		return &ReadError{file, root.Line, "want a Kubernetes object (got a " + kindOf(root) + ")"}
	}
	nodes := []*yaml.Node{root}
	// Argo CD's repo-server does this for every object, whatever its kind, and only once.
	if _, items := field(root, "items"); items != nil && items.Kind == yaml.SequenceNode {
		nodes = items.Content
	}
	for _, node := range nodes {
		if node.Kind != yaml.MappingNode {
			return &ReadError{file, node.Line, "want a Kubernetes object among the items (got a " + kindOf(node) + ")"}
		}
		if len(m.objects) >= MaxObjects {
			return &ReadError{file, node.Line, fmt.Sprintf("want at most %d objects", MaxObjects)}
		}
		o := newObject(file, node)
		o.document = number
		m.objects = append(m.objects, o)
	}
	return nil
}

// plain refuses what makes a YAML document larger or other than it looks: anchors, aliases, merges and keys given twice.
func (m *Manifests) plain(n *yaml.Node, depth int) *ReadError {
	refuse := func(n *yaml.Node, format string, args ...any) *ReadError {
		return &ReadError{Line: n.Line, Reason: fmt.Sprintf(format, args...)}
	}
	m.nodes++
	switch {
	case m.nodes > maxNodes:
		return refuse(n, "want at most %d values in all", maxNodes)
	case depth > maxDepth:
		return refuse(n, "want at most %d levels of nesting", maxDepth)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return refuse(n, "YAML anchors and aliases are refused (a few lines of them unfold to gigabytes); render the manifests first")
	}
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			switch {
			case key.Kind != yaml.ScalarNode:
				return refuse(key, "want a text as key (got a %s)", kindOf(key))
			case key.Tag == "!!merge":
				return refuse(key, "YAML merge keys (<<) are refused; render the manifests first")
			case seen[key.Value]:
				return refuse(key, "the key %.100q is given twice: which one counts depends on the reader", key.Value)
			}
			seen[key.Value] = true
		}
	}
	for _, child := range n.Content {
		if err := m.plain(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}
