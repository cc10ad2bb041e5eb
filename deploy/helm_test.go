// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"

	"sigs.k8s.io/yaml"
)

func must(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// chart renders the example with the few of Helm's functions that it uses. e2e renders it with Helm itself.
func chart(t *testing.T) (all []object) {
	t.Helper()
	var values map[string]any
	if err := yaml.UnmarshalStrict([]byte(read(t, "gate/helm/example/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	root := template.New("chart").Option("missingkey=error")
	nindent := func(n int, text string) string {
		pad := "\n" + strings.Repeat(" ", n)
		return pad + strings.ReplaceAll(text, "\n", pad)
	}
	root.Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var out bytes.Buffer
			err := root.ExecuteTemplate(&out, name, data)
			return out.String(), err
		},
		"toYaml":    func(v any) string { return strings.TrimSuffix(string(mustYAML(t, v)), "\n") },
		"quote":     func(v string) string { return string(must(t, v)) },
		"nindent":   nindent,
		"splitList": func(separator, text string) []string { return strings.Split(text, separator) },
		"first":     func(list []string) string { return list[0] },
		"last":      func(list []string) string { return list[len(list)-1] },
		"dict": func(pairs ...any) map[string]any {
			m := map[string]any{}
			for pair := range slices.Chunk(pairs, 2) {
				m[pair[0].(string)] = pair[1]
			}
			return m
		},
	})
	files, err := filepath.Glob("gate/helm/example/templates/*")
	if err != nil || len(files) < 3 {
		t.Fatalf("templates are %v, %v", files, err)
	}
	template.Must(root.ParseFiles(files...))
	for _, file := range files {
		if filepath.Ext(file) != ".yaml" {
			continue
		}
		var out bytes.Buffer
		data := map[string]any{"Values": values, "Release": map[string]any{"Namespace": "shop"}}
		if err := root.ExecuteTemplate(&out, filepath.Base(file), data); err != nil {
			t.Fatal(err)
		}
		all = append(all, parse(t, out.Bytes())...)
	}
	return all
}

func mustYAML(t *testing.T, value any) []byte {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A chart gets the very gate that a kustomization gets.
func TestChartHasTheSameGate(t *testing.T) {
	ours, theirs := render(t, "gate"), chart(t)
	for _, kind := range []string{"Job", "Role", "ServiceAccount"} {
		want, got := one(t, ours, kind, ""), one(t, theirs, kind, "")
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s: kustomize has\n%s\nthe chart\n%s", kind, must(t, want), must(t, got))
		}
	}
	settings, chartSettings := one(t, ours, "ConfigMap", "heapgate-gate"), one(t, theirs, "ConfigMap", "heapgate-gate")
	for key, value := range settings.at("data").(map[string]any) {
		if chartSettings.text("data", key) != value {
			t.Errorf("%s is %v, in the chart %q", key, value, chartSettings.text("data", key))
		}
	}
	if !reflect.DeepEqual(settings.at("metadata"), chartSettings.at("metadata")) {
		t.Errorf("the settings' metadata are %v, in the chart %v", settings.at("metadata"), chartSettings.at("metadata"))
	}
	deployment, candidate := one(t, theirs, "Deployment", "shop"), one(t, theirs, "PodTemplate", "")
	if !reflect.DeepEqual(deployment.at("spec", "template"), candidate.at("template")) {
		t.Error("the chart's candidate is not what it deploys")
	}
	if got, want := chartSettings.text("data", "HEAPGATE_IMAGE"), deployment.at("spec", "template", "spec", "containers", "0", "image"); got != want {
		t.Errorf("HEAPGATE_IMAGE is %q, the Deployment has %q", got, want)
	}
	for _, key := range []string{hook, deletePolicy, wave} {
		if got, want := candidate.annotation(key), one(t, ours, "PodTemplate", "").annotation(key); got != want {
			t.Errorf("candidate: %s is %q, with kustomize %q", key, got, want)
		}
	}
	one(t, theirs, "ConfigMap", "heapgate-verdicts")
	one(t, theirs, "RoleBinding", "heapgate-gate")
}

// The Application sets values that the chart has, to what Argo CD replaces.
func TestApplicationTellsTheChartItsRevision(t *testing.T) {
	application := documents(t, []byte(read(t, "gate/helm/application.yaml")))[0]
	var values object
	if err := yaml.UnmarshalStrict([]byte(read(t, "gate/helm/example/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{"heapgate.revision": "$ARGOCD_APP_REVISION", "heapgate.application": "$ARGOCD_APP_NAME"}
	for _, p := range application.at("spec", "source", "helm", "parameters").([]any) {
		parameter := object(p.(map[string]any))
		name := parameter.text("name")
		if values.at(strings.Split(name, ".")...) != "" || variables[name] != parameter.text("value") || parameter.at("forceString") != true {
			t.Errorf("parameter %v: want the value to be empty in values.yaml and forced to be text", parameter)
		}
		delete(variables, name)
	}
	if len(variables) > 0 {
		t.Errorf("not told: %v", variables)
	}
}
