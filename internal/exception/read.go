// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exception

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// MaxText is what is read of a file.
const MaxText = 64 << 10

// maxDepth is more than any field of it has.
const maxDepth = 12

// Parse reads one YAML or JSON document and says everything that is wrong with it.
func Parse(text []byte) (Exception, error) {
	if len(text) > MaxText {
		return Exception{}, fmt.Errorf("exception: want at most %d bytes, got %d", MaxText, len(text))
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("want one YAML document, got nothing")
		}
		return Exception{}, fmt.Errorf("exception: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Exception{}, errors.New("exception: want one YAML document, got more")
	}
	if len(document.Content) != 1 {
		return Exception{}, errors.New("exception: want a mapping")
	}
	value, err := plain(document.Content[0], 0)
	if err != nil {
		return Exception{}, fmt.Errorf("exception: %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return Exception{}, errors.New("exception: want a mapping")
	}
	return FromObject(object)
}

// plain turns YAML into what JSON has. Anchors, merges and keys given twice are refused: who reads them sees something else.
func plain(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth || n.Kind == yaml.AliasNode || n.Anchor != "" {
		return nil, fmt.Errorf("line %d: want no YAML anchors and aliases, and at most %d levels", n.Line, maxDepth)
	}
	switch n.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, twice := object[key.Value]; twice || key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return nil, fmt.Errorf("line %d: want each key once, as a text (got %.40q)", key.Line, key.Value)
			}
			value, err := plain(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			object[key.Value] = value
		}
		return object, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, one := range n.Content {
			value, err := plain(one, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	if tag := n.ShortTag(); tag == "!!str" || tag == "!!timestamp" { // A time stays as it was written.
		return n.Value, nil
	}
	var value any
	err := n.Decode(&value)
	return value, err
}

// object is what an API server stores.
type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec   spec   `json:"spec"`
	Status status `json:"status"`
}

type spec struct {
	Application string   `json:"application,omitempty"`
	Namespace   string   `json:"namespace,omitempty"`
	Workload    string   `json:"workload,omitempty"`
	ImageDigest string   `json:"imageDigest"`
	Rules       []string `json:"rules"`
	Reason      string   `json:"reason"`
	Ticket      string   `json:"ticket"`
	Author      string   `json:"author"`
	Approver    string   `json:"approver,omitempty"`
	NotBefore   string   `json:"notBefore"`
	Expires     string   `json:"expires"`
	MaxUses     int      `json:"maxUses,omitempty"`
}

type status struct {
	Uses int   `json:"uses"`
	Used []Use `json:"used,omitempty"`
}

// FromObject reads an object decoded from JSON. In an error stands every mistake; an Exception with one is empty but for its name.
func FromObject(decoded map[string]any) (Exception, error) {
	metadata, _ := decoded["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	broken := Exception{Name: name}
	o, err := decode(decoded)
	if err != nil {
		return broken, fmt.Errorf("exception %.80q: %w", name, err)
	}
	var problems []error
	if o.APIVersion != APIVersion || o.Kind != Kind {
		problems = append(problems, fmt.Errorf("want apiVersion %s and kind %s (got %.80q and %.80q)", APIVersion, Kind, o.APIVersion, o.Kind))
	}
	if o.Metadata.Namespace != "" && o.Metadata.Namespace != Namespace {
		problems = append(problems, fmt.Errorf("metadata.namespace must be %s, where alone it counts (got %.80q)", Namespace, o.Metadata.Namespace))
	}
	e := Exception{Name: o.Metadata.Name, Spec: o.Spec.read(&problems), Uses: max(o.Status.Uses, len(o.Status.Used)), Used: o.Status.Used}
	if o.Status.Uses < 0 {
		problems = append(problems, fmt.Errorf("status.uses must not be negative (got %d)", o.Status.Uses))
	}
	if err := errors.Join(append(problems, e.Validate())...); err != nil {
		return broken, fmt.Errorf("exception %.80q: %w", name, err)
	}
	return e, nil
}

// decode holds spec and status to their fields; of the metadata it wants no more than the name.
func decode(decoded map[string]any) (object, error) {
	metadata, _ := decoded["metadata"].(map[string]any)
	kept := map[string]any{"metadata": map[string]any{"name": metadata["name"], "namespace": metadata["namespace"]}}
	for key, value := range decoded {
		if key != "metadata" {
			kept[key] = value
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return object{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var o object
	err = decoder.Decode(&o)
	return o, err
}

func (s spec) read(problems *[]error) Spec {
	at := func(field, text string) time.Time {
		read, err := time.Parse(time.RFC3339, text)
		if err != nil && text != "" {
			*problems = append(*problems, fmt.Errorf("spec.%s must be a time like 2026-11-21T12:00:00Z (got %.40q)", field, text))
		}
		return read.UTC()
	}
	out := Spec{
		Application: s.Application, Namespace: s.Namespace, Workload: s.Workload, ImageDigest: s.ImageDigest, Rules: s.Rules, Reason: s.Reason,
		Ticket: s.Ticket, Author: s.Author, Approver: s.Approver, NotBefore: at("notBefore", s.NotBefore), Expires: at("expires", s.Expires), MaxUses: s.MaxUses,
	}
	if out.MaxUses == 0 {
		out.MaxUses = 1
	}
	return out
}

// YAML is the object for kubectl create; its status is the gate's.
func (e Exception) YAML() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	p := e.Spec
	var out strings.Builder
	field := func(indent, name, value string) {
		if value != "" {
			text, _ := json.Marshal(value) // A JSON text is a YAML text.
			fmt.Fprintf(&out, "%s%s: %s\n", indent, name, text)
		}
	}
	fmt.Fprintf(&out, "apiVersion: %s\nkind: %s\nmetadata:\n", APIVersion, Kind)
	field("  ", "name", e.Name)
	field("  ", "namespace", Namespace)
	out.WriteString("spec:\n")
	for _, one := range [][2]string{
		{"application", p.Application}, {"namespace", p.Namespace}, {"workload", p.Workload}, {"imageDigest", p.ImageDigest}, {"reason", p.Reason},
		{"ticket", p.Ticket}, {"author", p.Author}, {"approver", p.Approver}, {"notBefore", shown(p.NotBefore)}, {"expires", shown(p.Expires)},
	} {
		field("  ", one[0], one[1])
	}
	fmt.Fprintf(&out, "  maxUses: %d\n  rules:\n", p.MaxUses)
	for _, id := range p.Rules {
		fmt.Fprintf(&out, "    - %s\n", id)
	}
	return []byte(out.String()), nil
}

// StatusObject is the status for the API server, as plain JSON.
func (e Exception) StatusObject() (map[string]any, error) {
	text, err := json.Marshal(status{e.Uses, e.Used})
	if err != nil {
		return nil, err
	}
	var plain map[string]any
	return plain, json.Unmarshal(text, &plain)
}
