// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const prometheusRuleFile = "rules/operator/heapgate.prometheusrule.yaml"

var updateRules = flag.Bool("update-rules", false, "write "+prometheusRuleFile+" from "+rulesFile)

const prometheusRuleHead = `# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0
#
# Generated from ../heapgate.rules.yaml by go test ./deploy -update-rules.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: heapgate
  labels:
    app.kubernetes.io/name: heapgate-rules
    app.kubernetes.io/part-of: heapgate
    app.kubernetes.io/component: rules
spec:
`

// The operator's object holds the same groups, word for word.
func TestPrometheusRuleIsTheRuleFile(t *testing.T) {
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	_, groups, ok := strings.Cut(string(text), "\ngroups:\n")
	if !ok {
		t.Fatalf("%s has no groups", rulesFile)
	}
	want := prometheusRuleHead
	for line := range strings.Lines("groups:\n" + groups) {
		if line != "\n" {
			line = "  " + line
		}
		want += line
	}
	if *updateRules {
		if err := os.WriteFile(prometheusRuleFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(prometheusRuleFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s is not %s: run go test ./deploy -update-rules", prometheusRuleFile, rulesFile)
	}
	var object struct {
		Spec ruleFile `yaml:"spec"`
	}
	if err := yaml.Unmarshal(got, &object); err != nil {
		t.Fatal(err)
	}
	if file, _ := readRules(t); !reflect.DeepEqual(object.Spec, file) {
		t.Errorf("%s decodes to other groups", prometheusRuleFile)
	}
}

// What Argo CD delivers are the files themselves, under names that stay.
func TestRulesAndDashboardsAreDelivered(t *testing.T) {
	for _, tc := range []struct {
		dir, label, value string
		want              map[string]string // name of the object: file in it
	}{
		{"rules", "heapgate.dev/rules", "true", map[string]string{"heapgate-rules": "heapgate.rules.yaml"}},
		{"rules/operator", "app.kubernetes.io/component", "rules", map[string]string{"heapgate": ""}},
		{"dashboards", "grafana_dashboard", "1", map[string]string{
			"heapgate-dashboard-collector": "collector.json", "heapgate-dashboard-fleet": "fleet.json", "heapgate-dashboard-maps": "maps.json", "heapgate-dashboard-watch": "watch.json",
		}},
	} {
		built := render(t, tc.dir)
		if len(built) != len(tc.want) {
			t.Errorf("%s builds %d objects, want %d", tc.dir, len(built), len(tc.want))
		}
		for _, o := range built {
			file, ok := tc.want[o.name()]
			if !ok || o.text("metadata", "namespace") != "heapgate" || o.text("metadata", "labels", tc.label) != tc.value {
				t.Errorf("%s builds %s %s with %v", tc.dir, o.kind(), o.name(), o.at("metadata"))
			}
			if file == "" {
				continue
			}
			text, err := os.ReadFile(tc.dir + "/" + file)
			if err != nil {
				t.Fatal(err)
			}
			if o.text("data", file) != string(text) {
				t.Errorf("%s: %s does not hold %s as it is", tc.dir, o.name(), file)
			}
		}
	}
}
