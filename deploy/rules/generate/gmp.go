// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// gmp writes ClusterRules of Google's managed service for Prometheus. Its rules have no keep_firing_for, and its PromQL matches the name
// of a metric only exactly.
func gmp(files map[string][]byte, alerts, recording *source) error {
	var losses lost
	for _, f := range []struct {
		name  string
		rules *source
	}{{alertsName, alerts}, {recordingName, recording}} {
		spec := struct {
			Groups []group `yaml:"groups"`
		}{}
		for _, g := range f.rules.groups {
			if g.Interval == "" {
				g.Interval = "1m"
			}
			g.Rules = append([]rule(nil), g.Rules...)
			for i, r := range g.Rules {
				if r.KeepFiringFor != "" {
					losses.add(r.name(), "`keep_firing_for: "+r.KeepFiringFor+"`: it resolves at once")
				}
				r.KeepFiringFor = ""
				var err error
				if r.Expr, err = exactNames(r.Expr); err != nil {
					return fmt.Errorf("%s: %w", r.name(), err)
				}
				g.Rules[i] = r
			}
			spec.Groups = append(spec.Groups, g)
		}
		var text bytes.Buffer
		encoder := yaml.NewEncoder(&text)
		encoder.SetIndent(2)
		if err := encoder.Encode(spec); err != nil {
			return err
		}
		indented := (&source{text: text.String()}).indented("  ")
		files["gmp/"+f.name+".clusterrules.yaml"] = object(headOf(f.name), "monitoring.googleapis.com/v1", "ClusterRules", f.name, indented)
	}
	files["gmp/lost.md"] = losses.page("What Google's managed rules cannot say", "Everything else is as in Prometheus, templates included.")
	return nil
}

var eitherName = regexp.MustCompile(`\{__name__=~"(\w+)\(_total\)\?"(, )?`)

// exactNames says an expression twice where it reads the collector's own telemetry, whose counters end in _total or do not.
func exactNames(expr string) (string, error) {
	if !strings.Contains(expr, "__name__") {
		return expr, nil
	}
	total, plain := eitherName.ReplaceAllString(expr, "${1}_total{"), eitherName.ReplaceAllString(expr, "${1}{")
	if strings.Contains(plain, "__name__") {
		return "", fmt.Errorf("matches a metric's name in a way that has no exact form:\n%s", expr)
	}
	return "(\n" + indent(total) + ")\nor\n(\n" + indent(plain) + ")\n", nil
}

func indent(text string) string {
	return (&source{text: strings.TrimRight(text, "\n") + "\n"}).indented("  ")
}
