// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const aGate = `apiVersion: batch/v1
kind: Job
metadata:
  name: gate
  annotations: {argocd.argoproj.io/hook: PreSync}
spec: {template: {spec: {containers: [{image: heapgate, args: [gate, hook]}]}}}
`

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}

// What Argo CD would apply is what is looked at: documents, lists, items of any object, JSON.
func TestAddUnfolds(t *testing.T) {
	asItem := "items:\n  -\n" + indented(aGate)
	for name, test := range map[string]struct {
		text           string
		objects, gates int
	}{
		"one":               {aGate, 1, 1},
		"many documents":    {aGate + "---\n" + aGate + "---\n---\n# nothing\n---\nnull\n", 2, 2},
		"a List":            {"apiVersion: v1\nkind: List\n" + asItem, 1, 1},
		"any object":        {"apiVersion: heapgate.dev/v1\nkind: ArgoHooks\nmetadata: {name: gate}\nspec: {}\n" + asItem, 1, 1},
		"only once":         {"kind: List\nitems:\n  - kind: List\n    items:\n      -\n" + strings.ReplaceAll("    "+indented(aGate), "\n", "\n    "), 1, 0},
		"no items":          {"kind: List\nitems: []\n", 0, 0},
		"items is no list":  {"kind: Basket\nitems: {a: b}\n", 1, 0},
		"JSON":              {"{\"kind\": \"List\",\n\t\"items\": [{\"kind\": \"Pod\", \"metadata\": {\"annotations\": {\"argocd.argoproj.io/hook\": \"PreSync\"}}, \"spec\": {\"containers\": [{\"image\": \"heapgate\", \"args\": [\"gate\"]}]}}]}", 1, 1},
		"nothing":           {"", 0, 0},
		"a candidate":       {"kind: PodTemplate\nmetadata: {annotations: {argocd.argoproj.io/hook: PreSync}}\ntemplate: {spec: {containers: [{image: heapgate, args: [gate, hook]}]}}\n", 1, 0},
		"a renamed image":   {strings.Replace(aGate, "image: heapgate, args: [gate, hook]", "image: 'r:5000/hg:1', command: [/opt/heapgate], args: [gate, hook, --wait, 3m]", 1), 1, 1},
		"an init container": {strings.Replace(aGate, "containers:", "initContainers:", 1), 1, 1},
		"the detector":      {strings.Replace(aGate, "[gate, hook]", "[watch]", 1), 1, 0},
		"another program":   {strings.Replace(aGate, "image: heapgate", "image: gatekeeper", 1) + "", 1, 1},
		"another argument":  {strings.Replace(aGate, "image: heapgate, args: [gate, hook]", "image: heapgate-collector, args: [gate]", 1), 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var m Manifests
			if err := m.Add("in.yaml", []byte(test.text)); err != nil {
				t.Fatal(err)
			}
			if r := m.Check(); r.Objects != test.objects || r.Gates != test.gates {
				t.Errorf("%d objects and %d gates, want %d and %d", r.Objects, r.Gates, test.objects, test.gates)
			}
		})
	}
}

func TestAllHooksAreGatesOnDemand(t *testing.T) {
	const smoke = "kind: Job\nmetadata: {name: smoke, annotations: {argocd.argoproj.io/hook: PostSync}}\nspec: {suspend: true, template: {spec: {containers: [{image: curl}]}}}\n"
	for _, all := range []bool{false, true} {
		m := Manifests{AllHooks: all}
		if err := m.Add("in.yaml", []byte(smoke)); err != nil {
			t.Fatal(err)
		}
		if r := m.Check(); (r.Gates == 1) != all || (r.Errors > 3) != all {
			t.Errorf("AllHooks %t: %d gates, %d errors", all, r.Gates, r.Errors)
		}
	}
}

// What is not plain is refused with its line, and never half read.
func TestAddRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"bomb":        {"a: &a [x, x]\nb: &b [*a, *a]\n", "in.yaml:1: YAML anchors and aliases are refused"},
		"anchor only": {"a: 1\nb: &b 2\n", "in.yaml:2: YAML anchors"},
		"merge":       {"a: 1\n<<: {b: 2}\n", "in.yaml:2: YAML merge keys"},
		"twice":       {"a: 1\nb:\n  c: 1\n  c: 2\n", `in.yaml:4: the key "c" is given twice`},
		"no YAML":     {"a: 1\n\t- b\n", "in.yaml: yaml: line 2"},
		"list":        {"- a\n", "in.yaml:1: want a Kubernetes object (got a list)"},
		"word":        {"---\nhello\n", "in.yaml:2: want a Kubernetes object (got a single value)"},
		"item":        {"items:\n  - a\n", "in.yaml:2: want a Kubernetes object among the items (got a single value)"},
		"key":         {"? [a]\n: b\n", "in.yaml:1: want a text as key (got a list)"},
		"deep":        {"a: " + strings.Repeat("[", 300) + strings.Repeat("]", 300), "in.yaml:1: want at most 200 levels"},
		"large":       {strings.Repeat("#", MaxFile+1), "in.yaml: want at most 8 MiB a file"},
		"objects":     {"items: [" + strings.Repeat("{},", MaxObjects+1) + "]", "in.yaml:1: want at most 50000 objects"},
		"template":    {"a: {{ .Values.x }}\n", "in.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			var m Manifests
			err := m.Add("in.yaml", []byte(test.text))
			var read *ReadError
			if !errors.As(err, &read) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestAddBoundsAllFilesTogether(t *testing.T) {
	m := Manifests{total: MaxTotal - 1}
	if err := m.Add("a.yaml", []byte("#")); err != nil {
		t.Error(err)
	}
	if err := m.Add("a.yaml", []byte("#")); err == nil {
		t.Error("a byte beyond the total is not refused")
	}
	m = Manifests{nodes: maxNodes - 5}
	if err := m.Add("a.yaml", []byte("a: [1]")); err != nil { // a document, a mapping, a key, a list and a number
		t.Error(err)
	}
	if err := m.Add("a.yaml", []byte("{}")); err == nil {
		t.Error("a value beyond the total is not refused")
	}
}

func TestFindingsAreBounded(t *testing.T) {
	var m Manifests
	if err := m.Add("in.yaml", []byte("items: ["+strings.Repeat("{kind: Pod, metadata: {annotations: {argocd.argoproj.io/hook: Nope}}},", MaxFindings+5)+"]")); err != nil {
		t.Fatal(err)
	}
	if r := m.Check(); len(r.Findings) != MaxFindings || r.More != 5 || r.Errors != MaxFindings+5 {
		t.Errorf("%d findings and %d more, %d errors", len(r.Findings), r.More, r.Errors)
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"PreSynch": "PreSync", "POSTSYNC": "PostSync", "postsnyc": "PostSync", "Sync ": "Sync"} {
		if got, _ := nearest(word, phases); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 2}, {strings.Repeat("a", 200), "a", 201}} {
		if got := edits(test.a, test.b); got != test.want {
			t.Errorf("edits(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// FuzzAdd: either an error with a place, or a report whose numbers agree; what was read is what the YAML library reads.
func FuzzAdd(f *testing.F) {
	f.Add([]byte(aGate))
	f.Add([]byte("items:\n  - " + strings.ReplaceAll(aGate, "\n", "\n    ")))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nspec: {template: {spec: {syncPolicy: {automated: {}}}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := Manifests{AllHooks: true}
		err := m.Add("in.yaml", text)
		var read *ReadError
		if err != nil && !errors.As(err, &read) {
			t.Fatalf("an error without a place: %v", err)
		}
		r := m.Check()
		if r.Errors+r.Warnings != len(r.Findings)+r.More || r.Gates > r.Objects || r.Objects != len(m.objects) {
			t.Fatalf("numbers that contradict each other: %+v", r)
		}
		for _, finding := range r.Findings {
			if finding.Line < 1 || finding.Got == "" || finding.Want == "" {
				t.Fatalf("a finding without place or advice: %+v", finding)
			}
		}
		var any yaml.Node
		if err == nil && yaml.Unmarshal(withoutTabs(text), &any) != nil {
			t.Fatal("read what the library refuses")
		}
	})
}

func ExampleManifests_Check() {
	var m Manifests
	fmt.Println(m.Add("gate.yaml", []byte("kind: Pod\nmetadata:\n  annotations:\n    argocd.argoproj.io/hook: PreSynch\n")))
	fmt.Println(m.Check().Findings[0].Want)
	// Output:
	// <nil>
	// PreSync (one of PreSync, Sync, PostSync, SyncFail, Skip)
}
