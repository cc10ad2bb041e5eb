// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/template"

	"sigs.k8s.io/yaml"
)

// parts are the elements of the ApplicationSet's list.
func parts(t *testing.T) (list []object) {
	t.Helper()
	set := one(t, render(t, "clusters"), "ApplicationSet", "heapgate")
	for _, element := range set.at("spec", "generators", "0", "matrix", "generators", "1", "list", "elements").([]any) {
		list = append(list, object(element.(map[string]any)))
	}
	return list
}

// Every part is there, in an order in which policies and admission come before what reports, and at this release.
func TestEveryPartIsDelivered(t *testing.T) {
	last, names := int64(-100), []string{}
	for _, part := range parts(t) {
		names = append(names, part.text("part"))
		if n := number(t, part.text("wave")); n < last {
			t.Errorf("%s: wave %d comes before %d, which is listed before it", part.text("part"), n, last)
		} else {
			last = n
		}
		if ours := part.text("repository") == "https://github.com/heapgate/heapgate.git"; ours != (part.text("part") != "policies") || ours && part.text("revision") != release(t) {
			t.Errorf("%v: want %s of our repository, and the policies from yours", part, release(t))
		}
	}
	if want := []string{"collector", "policies", "admission", "exceptions", "watch", "rules"}; !slices.Equal(names, want) {
		t.Errorf("parts are %v, want %v", names, want)
	}
}

// The project lets through what the parts consist of, and nothing else.
func TestProjectAllowsWhatIsShipped(t *testing.T) {
	project := one(t, render(t, "clusters"), "AppProject", "heapgate")
	allowed := map[string]bool{} // kind by kind; false: nothing of it is shipped
	for _, list := range []string{"clusterResourceWhitelist", "namespaceResourceWhitelist"} {
		for _, one := range project.at("spec", list).([]any) {
			o := object(one.(map[string]any))
			allowed[o.text("group")+"/"+o.text("kind")] = false
		}
	}
	var namespaces []string
	for _, one := range project.at("spec", "destinations").([]any) {
		namespaces = append(namespaces, object(one.(map[string]any)).text("namespace"))
	}
	folders := []string{"collector", "collector/persistent", "rules/operator"}
	for _, part := range parts(t)[1:] {
		folders = append(folders, strings.TrimPrefix(part.text("path"), "deploy/"))
	}
	for _, folder := range folders {
		for _, o := range render(t, folder) {
			group, _, found := strings.Cut(o.text("apiVersion"), "/")
			if !found {
				group = ""
			}
			kind := group + "/" + o.kind()
			if _, ok := allowed[kind]; !ok {
				t.Errorf("%s: the project does not allow %s", folder, kind)
			}
			allowed[kind] = true
			if namespace := o.text("metadata", "namespace"); namespace != "" && !slices.Contains(namespaces, namespace) {
				t.Errorf("%s: the project does not allow %s %s in namespace %s", folder, o.kind(), o.name(), namespace)
			}
		}
	}
	for kind, used := range allowed {
		if !used {
			t.Errorf("the project allows %s, which nothing needs", kind)
		}
	}
}

// What Argo CD renders for a cluster: Sprig's functions that the template uses, and missingkey=error.
func rendered(t *testing.T, text string, parameters map[string]any) string {
	t.Helper()
	functions := template.FuncMap{
		"quote": func(v any) string { return fmt.Sprintf("%q", v) },
		"default": func(d, v any) any {
			if v == nil || v == "" {
				return d
			}
			return v
		},
	}
	parsed, err := template.New("").Funcs(functions).Option("missingkey=error").Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, parameters); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A cluster's labels in Argo CD become those of what is measured there, and nothing else of an Application depends on the part.
func TestClusterNameReachesAgentAndDetector(t *testing.T) {
	set := one(t, render(t, "clusters"), "ApplicationSet", "heapgate")
	if set.at("spec", "goTemplate") != true || set.at("spec", "goTemplateOptions", "0") != "missingkey=error" {
		t.Error("a misspelt parameter must be an error")
	}
	toldOf := map[string]struct {
		read func([]object) any
		want string
	}{
		"collector": {func(all []object) any { return one(t, all, "ConfigMap", "heapgate-cluster").at("data") }, "map[CLOUD_PROVIDER: CLOUD_REGION:eu-west-1 CLUSTER:prod-eu-1 ENVIRONMENT:]"},
		"watch": {func(all []object) any {
			return one(t, all, "Deployment", "heapgate-watch").at("spec", "template", "spec", "containers", "0", "env", "0")
		}, "map[name:HEAPGATE_CLUSTER value:prod-eu-1]"},
	}
	cluster := map[string]any{"name": "in-cluster", "nameNormalized": "in-cluster", "server": "https://10.0.0.1", "metadata": map[string]any{"labels": map[string]string{
		"heapgate.dev/enabled": "true", "heapgate.dev/cluster": "prod-eu-1", "heapgate.dev/cloud-region": "eu-west-1",
	}}}
	for _, part := range parts(t) {
		for key, value := range part {
			cluster[key] = value
		}
		var application object
		if err := yaml.UnmarshalStrict([]byte(rendered(t, string(mustYAML(t, set.at("spec", "template"))), cluster)), &application); err != nil {
			t.Fatal(err)
		}
		name := "heapgate-" + part.text("part") + "-in-cluster"
		if application.name() != name || application.text("spec", "source", "path") != part.text("path") || application.text("spec", "destination", "server") != "https://10.0.0.1" {
			t.Errorf("the Application is %v", application)
		}
		patch := strings.TrimSpace(rendered(t, set.text("spec", "templatePatch"), cluster))
		told, ok := toldOf[part.text("part")]
		if !ok {
			if patch != "" {
				t.Errorf("%s is patched: %s", name, patch)
			}
			continue
		}
		var patched object
		if err := yaml.UnmarshalStrict([]byte(patch), &patched); err != nil {
			t.Fatal(err)
		}
		kustomize := mustYAML(t, patched.at("spec", "source", "kustomize"))
		if got := fmt.Sprint(told.read(applied(t, "resources: [../"+part.text("part")+"]\n"+string(kustomize), nil))); got != told.want {
			t.Errorf("%s is told %v, want %v", part.text("part"), got, told.want)
		}
	}
}
