// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package argocd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/argocd"
)

const sample = "testdata/application.json"

func readSample(t *testing.T) ([]byte, argocd.Application) {
	text, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	application, err := argocd.FromObject(object)
	if err != nil {
		t.Fatal(err)
	}
	return text, application
}

// unset lists the fields that are zero, down to the last one.
func unset(v reflect.Value, path string) (fields []string) {
	if v.IsZero() {
		return []string{path}
	}
	if _, isTime := v.Interface().(time.Time); isTime {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return unset(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			fields = append(fields, unset(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fields = append(fields, unset(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
	case reflect.Map:
		if v.Len() == 0 {
			return []string{path}
		}
	}
	return fields
}

// TestSampleIsComplete lets the conformance test of e2e see every field: it decodes the sample with Argo CD's own types.
func TestSampleIsComplete(t *testing.T) {
	_, application := readSample(t)
	if fields := unset(reflect.ValueOf(application), "Application"); fields != nil {
		t.Errorf("%s lacks %q", sample, fields)
	}
}

func TestSampleIsStable(t *testing.T) {
	text, application := readSample(t)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&argocd.Application{}); err != nil {
		t.Errorf("%s has a field that the struct lacks: %v", sample, err)
	}
	again, err := json.MarshalIndent(application, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	_ = json.Unmarshal(text, &want)
	_ = json.Unmarshal(again, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFromObject(t *testing.T) {
	for name, object := range map[string]map[string]any{
		"nothing":      nil,
		"another kind": {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject"},
		"another API":  {"apiVersion": "app.k8s.io/v1beta1", "kind": "Application"},
		"a wrong type": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "status": "Healthy"},
		"a wrong time": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "status": map[string]any{"operationState": map[string]any{"startedAt": "now"}}},
		"no JSON":      {"apiVersion": func() {}},
	} {
		if got, err := argocd.FromObject(object); err == nil || !reflect.ValueOf(got).IsZero() {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestSyncOf(t *testing.T) {
	_, application := readSample(t)
	began := time.Date(2026, 11, 21, 10, 24, 27, 0, time.UTC)
	if got := application.SyncOf(began); got == nil || got.Synced() != "f4263f6b3a1d0c5e9f8a7b6c5d4e3f2a1b0c9d8e" {
		t.Errorf("got %+v", got)
	}
	if got := application.SyncOf(began.Add(time.Second)); got != nil {
		t.Errorf("the result of another operation is taken: %+v", got)
	}
	if got := (argocd.Application{}).SyncOf(began); got != nil {
		t.Errorf("got %+v", got)
	}
	if got := (&argocd.SyncResult{Revisions: []string{"a", "b"}}).Synced(); got != "a,b" {
		t.Errorf("got %q", got)
	}
}

func TestParseHookName(t *testing.T) {
	at := time.Unix(1795242267, 0).UTC()
	for name, want := range map[string]argocd.HookName{
		"heapgate-f4263f6-presync-1795242267":           {Prefix: "heapgate-", Revision: "f4263f6", Phase: argocd.PreSync, StartedAt: at},
		"heapgate-candidate-f4263f6-presync-1795242267": {Prefix: "heapgate-candidate-", Revision: "f4263f6", Phase: argocd.PreSync, StartedAt: at},
		"heapgate-f4263f6-postsync-1795242267":          {Prefix: "heapgate-", Revision: "f4263f6", Phase: argocd.PostSync, StartedAt: at},
		"heapgate--syncfail-1795242267":                 {Prefix: "heapgate-", Revision: "", Phase: argocd.SyncFail, StartedAt: at},
		"team.gate-1.2.3-presync-1795242267":            {Prefix: "team.gate-", Revision: "1.2.3", Phase: argocd.PreSync, StartedAt: at},
	} {
		got, err := argocd.ParseHookName(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" || got.String() != name {
			t.Errorf("%s: %s", got, diff)
		}
	}
	for _, name := range []string{
		"", "heapgate", "heapgate-f4263f6-presync-1795242267-x7k2p", "heapgate-f4263f6-sync-1795242267", "heapgate-f4263f6-PreSync-1795242267",
		"heapgate-f4263f6-presync-0", "heapgate-f4263f6-presync-", "heapgate-f4263f6-presync-99999999999999999999", "heapgate-f4263f6-presync-1795242267\n",
	} {
		if got, err := argocd.ParseHookName(name); err == nil || got != (argocd.HookName{}) {
			t.Errorf("%q is taken for %+v", name, got)
		}
	}
}

func TestTracking(t *testing.T) {
	object := func(text string) map[string]any {
		var o map[string]any
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	for text, want := range map[string]struct {
		application         string
		labels, annotations map[string]string
	}{
		`{"metadata":{"labels":{"app.kubernetes.io/instance":"shop"}}}`:                                    {"shop", map[string]string{"app.kubernetes.io/instance": "shop"}, nil},
		`{"metadata":{"labels":{"argocd.argoproj.io/instance":"shop","app.kubernetes.io/instance":"eu"}}}`: {"shop", map[string]string{"argocd.argoproj.io/instance": "shop"}, nil},
		`{"metadata":{"annotations":{"argocd.argoproj.io/tracking-id":"shop:/PodTemplate:n/heapgate-candidate-x"},"labels":{"app.kubernetes.io/instance":"eu"}}}`: {
			"shop", nil, map[string]string{"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:n/heapgate-verdicts"}},
		`{"metadata":{"annotations":{"argocd.argoproj.io/tracking-id":"nonsense"}}}`: {},
		`{"metadata":{"labels":"x"}}`: {},
		`{}`:                          {},
	} {
		got := argocd.TrackingOf(object(text))
		labels, annotations := got.Mark("ConfigMap", "n", "heapgate-verdicts")
		if got.Application != want.application || !cmp.Equal(labels, want.labels) || !cmp.Equal(annotations, want.annotations) {
			t.Errorf("%s: %+v %v %v", text, got, labels, annotations)
		}
	}
	if namespace, name := argocd.Place("team_shop", "argocd"); namespace != "team" || name != "shop" {
		t.Errorf("got %s/%s", namespace, name)
	}
	if namespace, name := argocd.Place("shop", "argocd"); namespace != "argocd" || name != "shop" {
		t.Errorf("got %s/%s", namespace, name)
	}
}

// FuzzParseHookName: error or value, and the value writes the same name again.
func FuzzParseHookName(f *testing.F) {
	f.Add("heapgate-f4263f6-presync-1795242267")
	f.Add("heapgate--syncfail-1")
	f.Add("-presync-1")
	f.Fuzz(func(t *testing.T, name string) {
		h, err := argocd.ParseHookName(name)
		if err != nil {
			if h != (argocd.HookName{}) {
				t.Fatalf("error and value: %+v", h)
			}
			return
		}
		if h.String() != name || !strings.HasSuffix(name, h.Suffix(h.Phase)) {
			t.Fatalf("%q became %q", name, h.String())
		}
	})
}
