// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"k8s.io/apimachinery/pkg/api/resource"
)

func deployment(tb testing.TB) map[string]any {
	tb.Helper()
	return readYAML(tb, "testdata/passing.yaml")["deployment"].(map[string]any)
}

func TestPassingManifestPasses(t *testing.T) {
	pack := mustLoad(t, nil)
	got, err := pack.EvaluateManifest(t.Context(), deployment(t), now)
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Findings: []Finding{}, Evaluated: idsOf(pack.ManifestRules()), Missing: []string{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryKindWithAPodIsJudged(t *testing.T) {
	pod := deployment(t)["spec"].(map[string]any)["template"].(map[string]any)
	template := map[string]any{"template": pod}
	rules := mustLoad(t, nil).ManifestRules()
	stopping := func(result Result) (n int) {
		for _, f := range result.Findings {
			if f.Kind != Warn {
				n++
			}
		}
		return n
	}
	for kind, fields := range map[string]map[string]any{
		"Pod": {"spec": pod["spec"]}, "PodTemplate": template, "Deployment": {"spec": template}, "StatefulSet": {"spec": template},
		"DaemonSet": {"spec": template}, "Job": {"spec": template}, "CronJob": {"spec": map[string]any{"jobTemplate": map[string]any{"spec": template}}},
	} {
		t.Run(kind, func(t *testing.T) {
			object := map[string]any{"apiVersion": "v1", "kind": kind, "metadata": deployment(t)["metadata"]}
			result, err := mustLoad(t, nil).EvaluateManifest(t.Context(), merge(object, fields), now)
			if err != nil || stopping(result) != 0 || len(result.Evaluated) != len(rules) {
				t.Errorf("want a pass, got %+v, %v", result, err)
			}
			result, err = mustLoad(t, nil).EvaluateManifest(t.Context(), object, now)
			if err != nil || stopping(result) != len(rules) || len(result.Evaluated) != 0 {
				t.Errorf("without a pod: want only rules that cannot tell, got %+v, %v", result, err)
			}
		})
	}
}

func TestManifestThatDoesNotFitItsSchemaIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		object any
		want   string
	}{
		"nothing":       {nil, "manifest: want an object, got null"},
		"empty object":  {map[string]any{}, "manifest: kind is required"},
		"list":          {[]any{deployment(t)}, "manifest: want an object, got array"},
		"other kind":    {merge(deployment(t), map[string]any{"kind": "Service"}), "manifest.kind"},
		"unknown field": {merge(deployment(t), map[string]any{"spce": 1}), "Additional property spce"},
		"spec is text":  {merge(deployment(t), map[string]any{"spec": "x"}), "manifest.spec: Invalid type"},
		"number as annotation": {
			merge(deployment(t), map[string]any{"metadata": map[string]any{"annotations": map[string]any{"x": 1}}}), "manifest.metadata.annotations.x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := mustLoad(t, nil).EvaluateManifest(t.Context(), test.object, now)
			evalError(t, err, test.want)
			if diff := cmp.Diff(Result{}, result); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPackWithoutManifestRulesPassesNoManifest(t *testing.T) {
	tree := files(t, nil)
	for name := range tree {
		if strings.HasPrefix(name, "manifest/") || name == "schemas/manifest.json" {
			delete(tree, name)
		}
	}
	pack, err := Load(tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pack.EvaluateManifest(t.Context(), deployment(t), now)
	evalError(t, err, "no rules below manifest/")
	if _, err := pack.Evaluate(t.Context(), passing(t), now); err != nil {
		t.Error(err)
	}
	if pack.Digest() == mustLoad(t, nil).Digest() {
		t.Error("want the digest to cover the rules of manifests")
	}
}

// quantities asks a function of lib/quantity.rego; nil where it is undefined.
func quantities(tb testing.TB, function string) func(text string) any {
	tb.Helper()
	compiler := ast.NewCompiler()
	if compiler.Compile(parse(tb, map[string]string{"lib/quantity.rego": regoText(tb)["lib/quantity.rego"]})); compiler.Failed() {
		tb.Fatal(compiler.Errors)
	}
	query, err := rego.New(rego.Compiler(compiler), rego.StrictBuiltinErrors(true), rego.Query("data.lib.quantity."+function+"(input)")).
		PrepareForEval(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return func(text string) any {
		set, err := query.Eval(tb.Context(), rego.EvalInput(text))
		switch {
		case err != nil:
			tb.Fatalf("%q: %v", text, err)
		case len(set) == 0:
			return nil
		}
		f, err := set[0].Expressions[0].Value.(interface{ Float64() (float64, error) }).Float64()
		if err != nil {
			tb.Fatalf("%q: %v", text, err)
		}
		return f
	}
}

// More zeros than memory has bytes are refused: they would be computed with.
var longExponent = regexp.MustCompile(`[eE][+-]?[0-9]{3}`)

// The oracle is Kubernetes' own parser. It also takes units without digits, as zero, and points without digits on one side.
func TestQuantitiesAreThoseOfKubernetes(t *testing.T) {
	ours, random := quantities(t, "kubernetes"), rand.New(rand.NewPCG(1, 2))
	pieces := []string{"", "+", "-", "0", "1", "512", "1.5", ".5", "5.", "9", "e3", "E2", "E", "Ki", "Mi", "Gi", "k", "K", "M", "MB", "m", "u", "n", " ", "x"}
	accepted := 0
	for range 4000 {
		var text strings.Builder
		for range 1 + random.IntN(3) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		got := ours(text.String())
		want, err := resource.ParseQuantity(text.String())
		switch number := text.String(); {
		case err != nil && got != nil:
			t.Errorf("%q: Kubernetes refuses it (%v), we say %v", number, err, got)
		case err == nil && got == nil && !want.IsZero() && !strings.Contains(number, ".") && !longExponent.MatchString(number):
			t.Errorf("%q: Kubernetes says %s, we refuse it", number, want.String())
		case got != nil:
			accepted++
			if exact := want.AsApproximateFloat64(); math.Abs(got.(float64)-exact) > 1e-9*math.Abs(exact) && math.Abs(exact) < 1e18 && math.Abs(exact) > 1e-8 {
				t.Errorf("%q: Kubernetes says %v, we say %v", number, exact, got)
			}
		}
	}
	if accepted < 500 {
		t.Errorf("want at least 500 quantities among the texts, got %d", accepted)
	}
}

// The grammar of runtime/debug's GOMEMLIMIT. What is refused here ends a Go process at its start with "malformed GOMEMLIMIT".
func TestGoUnitsAreThoseOfTheRuntime(t *testing.T) {
	ours := quantities(t, "go")
	for text, want := range map[string]any{
		"460MiB": 482344960.0, "1GiB": 1073741824.0, "9223372036854775807": 9223372036854775807.0, "1B": 1.0, "0": 0.0, "007KiB": 7168.0,
		"460Mi": nil, "460M": nil, "460MB": nil, "1PiB": nil, "0.5GiB": nil, "8388608TiB": nil, "9223372036854775808": nil, "": nil, "-1": nil,
	} {
		if diff := cmp.Diff(want, ours(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// Whatever the object says: no panic, a result or an error but never both, and every rule accounted for.
func FuzzEvaluateManifest(f *testing.F) {
	pack := mustLoad(f, nil)
	for _, limit := range []string{"512Mi", "1e3", "0", "-1", "x", "9223372036854775808", "1e99"} {
		f.Add("Deployment", "shop:v1", limit, "460MiB", "shop")
		f.Add("CronJob", "", limit, "off", "")
	}
	f.Fuzz(func(t *testing.T, kind, image, limit, goLimit, named string) {
		container := map[string]any{
			"name": "shop", "image": image, "env": []any{map[string]any{"name": "GOMEMLIMIT", "value": goLimit}},
			"resources": map[string]any{"limits": map[string]any{"memory": limit}},
		}
		pod := map[string]any{"spec": map[string]any{"containers": []any{container}}}
		object := map[string]any{
			"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"annotations": map[string]any{"heapgate.dev/container": named}},
			"spec": map[string]any{"template": pod, "jobTemplate": map[string]any{"spec": map[string]any{"template": pod}}}, "template": pod,
		}
		result, err := pack.EvaluateManifest(t.Context(), object, now)
		if err != nil {
			evalError(t, err)
			if strings.Contains(err.Error(), "panic") || len(result.Evaluated) > 0 {
				t.Fatal(fmt.Sprint(err, result))
			}
			return
		}
		spoken := map[string]bool{}
		for _, id := range append(result.Evaluated, result.Missing...) {
			spoken[id] = true
		}
		for _, finding := range result.Findings {
			spoken[finding.ID] = true
		}
		if len(spoken) != len(pack.ManifestRules()) || len(result.Missing) > 0 {
			t.Errorf("want every rule to say something, got %+v", result)
		}
	})
}
