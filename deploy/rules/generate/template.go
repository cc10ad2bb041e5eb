// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/template/parse"
)

// texts is how a ruler writes what Prometheus' templates say. Our annotations use few of their forms; another one is an error.
type texts struct {
	label  func(name string) string                       // {{ $labels.name }}
	value  func(format string) string                     // {{ $value | format }}, format is "" where there is none
	with   func(label, inner string) string               // {{ with $labels.label }}inner{{ end }}
	or     func(label, otherwise string) string           // {{ or $labels.label "otherwise" }}
	choose func(label, is, then, otherwise string) string // {{ if eq $labels.label "is" }}then{{ else }}otherwise{{ end }}
}

// Azure documents labels and the value, and no more.
var azureTexts = texts{
	label:  func(name string) string { return "{{ $labels." + name + " }}" },
	value:  func(string) string { return "{{ $value }}" },
	with:   func(_, inner string) string { return inner },
	or:     func(label, _ string) string { return "{{ $labels." + label + " }}" },
	choose: func(_, _, then, otherwise string) string { return then + " / " + otherwise },
}

// Grafana runs Go templates too. Written from the dot, they need no $, which its provisioning would take for an environment variable.
var grafanaTexts = texts{
	label: func(name string) string { return "{{ .Labels." + name + " }}" },
	value: func(format string) string {
		if format == "" {
			return "{{ .Values.A.Value }}"
		}
		return "{{ .Values.A.Value | " + format + " }}"
	},
	with: func(label, inner string) string { return "{{ if .Labels." + label + " }}" + inner + "{{ end }}" },
	or: func(label, otherwise string) string {
		return "{{ if .Labels." + label + " }}{{ .Labels." + label + " }}{{ else }}" + otherwise + "{{ end }}"
	},
	choose: func(label, is, then, otherwise string) string {
		return fmt.Sprintf("{{ if eq .Labels.%s %q }}%s{{ else }}%s{{ end }}", label, is, then, otherwise)
	},
}

// translated are the annotations that a person reads, in a ruler's own words. The ids of dashboards go where the ruler has a place for them.
func translated(r rule, how texts) (map[string]string, error) {
	out := map[string]string{}
	for name, text := range r.Annotations {
		if strings.HasPrefix(name, "__") {
			continue
		}
		said, err := translate(text, how)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", r.name(), name, err)
		}
		out[name] = said
	}
	return out, nil
}

func translate(text string, how texts) (string, error) {
	functions := map[string]any{} // only their names matter here
	for _, f := range []string{"humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "printf", "eq", "or"} {
		functions[f] = f
	}
	trees, err := parse.Parse("text", "{{ $labels := . }}{{ $value := . }}"+text, "", "", functions)
	if err != nil {
		return "", err
	}
	w := writer{how: how}
	said := w.list(trees["text"].Root, "")
	return said, w.err
}

type writer struct {
	how texts
	err error
}

// list writes nodes; dot is the label that {{ . }} stands for.
func (w *writer) list(nodes *parse.ListNode, dot string) string {
	if nodes == nil {
		return ""
	}
	var b strings.Builder
	for _, node := range nodes.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			b.Write(n.Text)
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 {
				b.WriteString(w.action(n.Pipe, dot))
			}
		case *parse.WithNode:
			label := w.label(n.Pipe)
			b.WriteString(w.how.with(label, w.list(n.List, label)))
		case *parse.IfNode:
			label, is := w.condition(n.Pipe)
			b.WriteString(w.how.choose(label, is, w.list(n.List, dot), w.list(n.ElseList, dot)))
		default:
			w.fail(node)
		}
	}
	return b.String()
}

func (w *writer) fail(node fmt.Stringer) string {
	if w.err == nil {
		w.err = fmt.Errorf("%s has no translation", node)
	}
	return ""
}

// action writes {{ . }}, {{ $labels.x }}, {{ or $labels.x "y" }}, {{ $value }} and {{ $value | f }}.
func (w *writer) action(pipe *parse.PipeNode, dot string) string {
	first := pipe.Cmds[0].Args
	switch head := first[0].(type) {
	case *parse.DotNode:
		if dot != "" && len(pipe.Cmds) == 1 {
			return w.how.label(dot)
		}
	case *parse.VariableNode:
		switch {
		case len(head.Ident) == 1 && head.Ident[0] == "$value" && len(pipe.Cmds) == 1:
			return w.how.value("")
		case len(head.Ident) == 1 && head.Ident[0] == "$value" && len(pipe.Cmds) == 2:
			return w.how.value(pipe.Cmds[1].String())
		case len(head.Ident) == 2 && head.Ident[0] == "$labels" && len(pipe.Cmds) == 1:
			return w.how.label(head.Ident[1])
		}
	case *parse.IdentifierNode:
		if head.Ident == "or" && len(first) == 3 && len(pipe.Cmds) == 1 {
			label, isLabel := first[1].(*parse.VariableNode)
			otherwise, isText := first[2].(*parse.StringNode)
			if isLabel && isText && len(label.Ident) == 2 {
				return w.how.or(label.Ident[1], otherwise.Text)
			}
		}
	}
	return w.fail(pipe)
}

// label is the name in $labels.name.
func (w *writer) label(pipe *parse.PipeNode) string {
	if len(pipe.Cmds) == 1 && len(pipe.Cmds[0].Args) == 1 {
		if v, ok := pipe.Cmds[0].Args[0].(*parse.VariableNode); ok && len(v.Ident) == 2 && v.Ident[0] == "$labels" {
			return v.Ident[1]
		}
	}
	return w.fail(pipe)
}

// condition is eq $labels.name "text".
func (w *writer) condition(pipe *parse.PipeNode) (label, is string) {
	if len(pipe.Cmds) == 1 && len(pipe.Cmds[0].Args) == 3 {
		args := pipe.Cmds[0].Args
		v, isLabel := args[1].(*parse.VariableNode)
		text, isText := args[2].(*parse.StringNode)
		if args[0].String() == "eq" && isLabel && isText && len(v.Ident) == 2 {
			return v.Ident[1], text.Text
		}
	}
	return w.fail(pipe), ""
}

// indentedJSON leaves < and > as they are: the file is read by people and by no browser.
func indentedJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return b.Bytes(), err
}
