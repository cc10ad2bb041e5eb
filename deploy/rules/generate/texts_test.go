// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/template"
)

var (
	everyLabel = regexp.MustCompile(`\$labels\.(\w+)`)
	actions    = regexp.MustCompile(`\{\{[^{}]*\}\}`)
)

// expanded is what Prometheus' template engine, which Grafana has too, makes of a text.
func expanded(t *testing.T, text string, data any, options ...string) string {
	t.Helper()
	said, err := template.NewTemplateExpander(t.Context(), text, "text", data, model.Now(), nil, &url.URL{}, options).Expand()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return said
}

type grafanaValue struct{ Value float64 }

type annotationData struct {
	Labels map[string]string
	Value  float64
	Values map[string]grafanaValue
}

// A person reads the same sentences in Grafana as in Prometheus, whatever labels there are.
func TestGrafanaSaysWhatPrometheusSays(t *testing.T) {
	compared := 0
	for _, r := range alertsOf(t) {
		translation, err := translated(r, grafanaTexts)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range r.Annotations {
			if strings.HasPrefix(name, "__") {
				continue
			}
			full := map[string]string{}
			for _, match := range everyLabel.FindAllStringSubmatch(text, -1) {
				full[match[1]] = "the " + match[1]
			}
			failed := map[string]string{"state": "failed"}
			for label, value := range full {
				if label != "state" {
					failed[label] = value
				}
			}
			optional := map[string]string{}
			for label, value := range full {
				if !strings.Contains(text, "with $labels."+label+" ") && !strings.Contains(text, "or $labels."+label+" ") {
					optional[label] = value
				}
			}
			for _, labels := range []map[string]string{full, failed, optional} {
				for _, value := range []float64{0, 0.123456, 7100, 1.5e6, math.Inf(1)} {
					data := annotationData{labels, value, map[string]grafanaValue{"A": {value}, "B": {1}}}
					want := expanded(t, "{{$labels := .Labels}}{{$value := .Value}}"+text, data)
					if got := expanded(t, translation[name], data, "missingkey=invalid"); got != want {
						t.Errorf("%s, %s: Grafana says %q, Prometheus %q", r.Alert, name, got, want)
					}
					compared++
				}
			}
			if strings.Contains(translation[name], "$") {
				t.Errorf("%s: %s: Grafana's provisioning would take the $ for an environment variable", r.Alert, translation[name])
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d texts were compared", compared)
	}
}

// Azure: nothing but a label or the value between braces, and no label is dropped.
func TestAzureSaysLabelsAndValueOnly(t *testing.T) {
	plain := regexp.MustCompile(`^\{\{ \$(value|labels\.\w+) \}\}$`)
	for _, r := range alertsOf(t) {
		texts, err := translated(r, azureTexts)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range texts {
			for _, action := range actions.FindAllString(text, -1) {
				if !plain.MatchString(action) {
					t.Errorf("%s: %s", r.Alert, action)
				}
			}
			if strings.HasPrefix(text, "[") {
				t.Errorf("%s: %s would be an expression of the template", r.Alert, text)
			}
			for _, match := range everyLabel.FindAllString(r.Annotations[name], -1) {
				if !strings.Contains(text, match) && match != "$labels.state" {
					t.Errorf("%s: %s lost %s", r.Alert, name, match)
				}
			}
		}
	}
}

func TestTemplatesWithoutTranslationAreErrors(t *testing.T) {
	spell := texts{
		label: func(name string) string { return "<" + name + ">" },
		value: func(format string) string { return "<value " + format + ">" },
		with:  func(label, inner string) string { return "<" + label + "?" + inner + ">" },
		or:    func(label, otherwise string) string { return "<" + label + " or " + otherwise + ">" },
		choose: func(label, is, then, otherwise string) string {
			return fmt.Sprintf("<%s=%s?%s:%s>", label, is, then, otherwise)
		},
	}
	for _, tc := range []struct{ text, want string }{
		{"a {{ $labels.b }} c", "a <b> c"},
		{"{{ $value }}{{ $value | humanize }}", "<value ><value humanize>"},
		{`{{ $value | printf "%.0f" }}`, `<value printf "%.0f">`},
		{"{{ with $labels.b }} in {{ . }}{{ end }}", "<b? in <b>>"},
		{`{{ or $labels.b "none" }}`, "<b or none>"},
		{`{{ if eq $labels.b "x" }}y{{ else }}z{{ end }}`, "<b=x?y:z>"},
		{"{{ . }}", ""},
		{"{{ $labels }}", ""},
		{"{{ $labels.b | humanize }}", ""},
		{"{{ $value | humanize | humanize }}", ""},
		{"{{ range $labels }}{{ . }}{{ end }}", ""},
		{"{{ with $value }}{{ . }}{{ end }}", ""},
		{"{{ if $labels.b }}x{{ end }}", ""},
		{"{{ or $value 1 }}", ""},
		{"{{ humanize $value }}", ""},
		{"{{ unknown }}", ""},
		{"{{ $labels.b", ""},
	} {
		got, err := translate(tc.text, spell)
		if (err == nil) != (tc.want != "") || err == nil && got != tc.want {
			t.Errorf("%s: got %q, %v", tc.text, got, err)
		}
	}
}
