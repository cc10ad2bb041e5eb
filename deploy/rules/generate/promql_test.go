// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type k8sObject struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Spec struct {
		Groups        []group `yaml:"groups"`        // PrometheusRule, VMRule, ClusterRules
		Name          string  `yaml:"name"`          // RuleGroupsNamespace
		WorkspaceID   string  `yaml:"workspaceID"`   // RuleGroupsNamespace
		Configuration string  `yaml:"configuration"` // RuleGroupsNamespace
	} `yaml:"spec"`
}

// strictly decodes and refuses fields that out does not have.
func strictly(t *testing.T, text []byte, out any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(out); err != nil {
		t.Fatal(err)
	}
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.Command("go", "tool", "-n", "-modfile=../../../tools/go.mod", "promtool").Output()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(strings.TrimSpace(string(path)), args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func ruleFileOf(t *testing.T, groups []group) (path string) {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{"groups": groups})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Who takes Prometheus' format gets the same groups, and promtool takes what is in each object.
func TestObjectsHoldTheRules(t *testing.T) {
	files := written(t)
	for _, name := range []string{alertsName, recordingName} {
		path := "../" + name + ".rules.yaml"
		if name == recordingName {
			path = "../recording/" + name + ".rules.yaml"
		}
		want, err := readSource(path)
		if err != nil {
			t.Fatal(err)
		}
		for file, kind := range map[string][2]string{
			"operator/" + name + ".prometheusrule.yaml": {"monitoring.coreos.com/v1", "PrometheusRule"},
			"victoriametrics/" + name + ".vmrule.yaml":  {"operator.victoriametrics.com/v1beta1", "VMRule"},
			"gmp/" + name + ".clusterrules.yaml":        {"monitoring.googleapis.com/v1", "ClusterRules"},
			"amp/" + name + ".rulegroupsnamespace.yaml": {"prometheusservice.services.k8s.aws/v1alpha1", "RuleGroupsNamespace"},
		} {
			var o k8sObject
			strictly(t, files[file], &o)
			if o.APIVersion != kind[0] || o.Kind != kind[1] || o.Metadata.Name != name {
				t.Errorf("%s is a %s %s %s", file, o.APIVersion, o.Kind, o.Metadata.Name)
			}
			groups := o.Spec.Groups
			if kind[1] == "RuleGroupsNamespace" {
				inner, err := parseSource([]byte(o.Spec.Configuration))
				if err != nil {
					t.Fatal(err)
				}
				groups = inner.groups
			}
			if kind[1] != "ClusterRules" && !reflect.DeepEqual(groups, want.groups) {
				t.Errorf("%s holds other groups than %s", file, path)
			}
			promtool(t, "check", "rules", "--lint=all", "--lint-fatal", ruleFileOf(t, groups))
		}
	}
}

// Amazon's API takes the same text in base64.
func TestAmazonsRequestHoldsTheRules(t *testing.T) {
	files := written(t)
	for _, name := range []string{alertsName, recordingName} {
		var request struct{ WorkspaceID, Name, Data string }
		decoder := json.NewDecoder(bytes.NewReader(files["amp/"+name+"-request.json"]))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil || request.WorkspaceID == "" || request.Name != name {
			t.Fatalf("%s: %+v, %v", name, request, err)
		}
		text, err := base64.StdEncoding.DecodeString(request.Data)
		if err != nil {
			t.Fatal(err)
		}
		var o k8sObject
		strictly(t, files["amp/"+name+".rulegroupsnamespace.yaml"], &o)
		if o.Spec.Configuration != string(text) || len(text) > 1<<20 {
			t.Errorf("%s: the request has another text than the object, or more than the service takes (%d bytes)", name, len(text))
		}
	}
}

// Google's rules are said with other words: the cases of the source must find them equal. What they lost is given back for that.
func TestGooglesRulesPassTheCases(t *testing.T) {
	var o k8sObject
	strictly(t, written(t)["gmp/heapgate.clusterrules.yaml"], &o)
	source := alertsOf(t)
	i, rewritten := 0, 0
	for _, g := range o.Spec.Groups {
		if g.Interval != "1m" {
			t.Errorf("group %s has the interval %q", g.Name, g.Interval)
		}
		for j := range g.Rules {
			r := &g.Rules[j]
			if strings.Contains(r.Expr, "__name__") || r.KeepFiringFor != "" {
				t.Errorf("%s: Google has no regular expression for names and no keep_firing_for", r.Alert)
			}
			if r.Expr != source[i].Expr {
				rewritten++
			}
			r.KeepFiringFor = source[i].KeepFiringFor
			i++
		}
	}
	if i != len(source) || rewritten < 5 {
		t.Errorf("%d of %d rules were written, %d in other words", i, len(source), rewritten)
	}
	cases, err := os.ReadFile("../heapgate.rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cases.yaml")
	text := strings.Replace(string(cases), "rule_files: [heapgate.rules.yaml]", "rule_files: ["+ruleFileOf(t, o.Spec.Groups)+"]", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "test", "rules", path)
}
