// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/strvals"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	helmRevision = "0123456789012345678901234567890123456789" // only digits: a number, were it not forced to be a string
	helmImage    = "registry.example/shop:v2@sha256:1111111111111111111111111111111111111111111111111111111111111111"
)

// TestHelmExample renders the Helm example by Helm itself, with the parameters of its Application as Argo CD gives them.
func TestHelmExample(t *testing.T) {
	objects := renderHelm(t, "../deploy/gate/helm/example", helmParameters(t)+",image="+helmImage)
	deployment := objects["Deployment/shop"]
	candidate := objects["PodTemplate/heapgate-candidate-"]
	gate := objects["Job/heapgate-"]
	if deployment == nil || candidate == nil || gate == nil {
		t.Fatalf("the Deployment, the candidate or the gate is missing: %v", objects)
	}
	want, got := at(t, deployment, "spec", "template"), at(t, candidate, "template")
	if !reflect.DeepEqual(want, got) {
		t.Errorf("the candidate is not what will be deployed:\n%v\n%v", want, got)
	}
	for key, want := range map[string]string{
		"HEAPGATE_REVISION": helmRevision, "HEAPGATE_APPLICATION": "shop-production",
		"HEAPGATE_WORKLOAD": "Deployment/shop", "HEAPGATE_IMAGE": helmImage,
	} {
		if got := at(t, objects["ConfigMap/heapgate-gate"], "data", key); got != want {
			t.Errorf("%s: want %q, got %#v", key, want, got)
		}
	}
	if hook := gate.GetAnnotations()["argocd.argoproj.io/hook"]; hook != "PreSync,PostSync,SyncFail" {
		t.Errorf("the gate must run in all three phases (got %q)", hook)
	}
	if gate.GetName() != "" {
		t.Errorf("a hook with the fixed name %q passes on stale results", gate.GetName())
	}
}

// helmParameters are the Application's, in the notation of --set-string, after Argo CD has put in its variables.
func helmParameters(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/gate/helm/application.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var app v1alpha1.Application
	if err := yaml.UnmarshalStrict(text, &app); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$ARGOCD_APP_REVISION", helmRevision, "$ARGOCD_APP_NAME", "shop-production")
	var set []string
	for _, p := range app.Spec.Source.Helm.Parameters {
		if !p.ForceString {
			t.Errorf("parameter %s must have forceString: a revision of digits only would be a number", p.Name)
		}
		set = append(set, p.Name+"="+variables.Replace(p.Value))
	}
	return strings.Join(set, ",")
}

// renderHelm returns the chart's objects by kind and name (or the start of a generated name).
func renderHelm(t *testing.T, dir, set string) map[string]*unstructured.Unstructured {
	t.Helper()
	chart, err := loader.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	if err := strvals.ParseIntoString(set, values); err != nil {
		t.Fatal(err)
	}
	release := chartutil.ReleaseOptions{Name: "shop", Namespace: "shop", IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]*unstructured.Unstructured{}
	for file, text := range files {
		for _, document := range strings.Split(text, "\n---\n") {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if len(object.Object) > 0 {
				objects[object.GetKind()+"/"+object.GetName()+object.GetGenerateName()] = object
			}
		}
	}
	return objects
}

func at(t *testing.T, object *unstructured.Unstructured, path ...string) any {
	t.Helper()
	if object == nil {
		t.Fatalf("no object that should have %s", strings.Join(path, "."))
	}
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	if err != nil || !found {
		t.Fatalf("%s has no %s (%v)", object.GetKind(), strings.Join(path, "."), err)
	}
	return value
}
