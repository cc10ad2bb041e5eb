// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// tree is a copy of this folder in which everything can be built: the policy bundle, which is never committed, has some bytes.
var tree = sync.OnceValues(func() (string, error) {
	root, err := os.MkdirTemp("", "deploy")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(root, os.DirFS(".")); err != nil {
		return "", err
	}
	return root, os.WriteFile(filepath.Join(root, "policies/bundle.tar.gz"), []byte{0x1f, 0x8b, 0xff, 0x00}, 0o600)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if root, err := tree(); err == nil {
		_ = os.RemoveAll(root)
	}
	os.Exit(code)
}

func copied(t *testing.T) string {
	t.Helper()
	root, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// build is `kustomize build` of a folder, as Argo CD runs it: nothing outside of the folder but other kustomizations.
func build(folder string) ([]byte, error) {
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	return m.AsYaml()
}

// object is one Kubernetes object as JSON has it.
type object map[string]any

func (o object) kind() string { return o.text("kind") }
func (o object) name() string { return o.text("metadata", "name") }
func (o object) text(path ...string) string {
	s, _, _ := unstructured.NestedString(o, path...)
	return s
}

// at walks down; a path element that is a number's text is an index.
func (o object) at(path ...string) any {
	var node any = map[string]any(o)
	for _, step := range path {
		switch n := node.(type) {
		case map[string]any:
			node = n[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(n) {
				return nil
			}
			node = n[i]
		default:
			return nil
		}
	}
	return node
}

func (o object) annotation(key string) string { return o.text("metadata", "annotations", key) }

// render builds a folder below deploy/ and unfolds lists of items, as Argo CD's repo-server does.
func render(t *testing.T, folder string) []object {
	t.Helper()
	text, err := build(filepath.Join(copied(t), folder))
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	return parse(t, text)
}

func parse(t *testing.T, text []byte) (all []object) {
	t.Helper()
	for _, document := range documents(t, text) {
		items, isList := document["items"].([]any)
		if !isList {
			all = append(all, document)
			continue
		}
		for _, item := range items {
			all = append(all, object(item.(map[string]any)))
		}
	}
	return all
}

// documents reads a stream of YAML. A key given twice is an error.
func documents(t *testing.T, text []byte) (all []object) {
	t.Helper()
	for _, part := range strings.Split("\n"+string(text), "\n---\n") {
		var o object
		if err := yamlToJSON([]byte(part), &o); err != nil {
			t.Fatalf("%v in\n%s", err, part)
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// one is the only object of a kind, and of a name unless that is empty.
func one(t *testing.T, all []object, kind, name string) object {
	t.Helper()
	found := pick(all, kind, name)
	if len(found) != 1 {
		t.Fatalf("want one %s %q (got %d)", kind, name, len(found))
	}
	return found[0]
}

func pick(all []object, kind, name string) (found []object) {
	for _, o := range all {
		if o.kind() == kind && (name == "" || o.name() == name || strings.HasPrefix(o.name(), name+"-") && isHash(o.name()[len(name)+1:])) {
			found = append(found, o)
		}
	}
	return found
}

// isHash tells whether a suffix is one that kustomize puts on generated ConfigMaps.
func isHash(s string) bool { return len(s) == 10 && !strings.Contains(s, "-") }

// into fills a type of k8s.io/api.
func into[T any](t *testing.T, o object) (out T) {
	t.Helper()
	text, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// kustomizations are all folders that kustomize can build.
func kustomizations(t *testing.T) (folders []string) {
	t.Helper()
	root := copied(t)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "kustomization.yaml" {
			folder, _ := filepath.Rel(root, filepath.Dir(path))
			folders = append(folders, filepath.ToSlash(folder))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

// Kinds that no Kubernetes server knows by itself. Argo CD's are decoded by its own types in e2e.
var foreign = []string{"argoproj.io", "apiextensions.k8s.io", "monitoring.coreos.com", "gatekeeper.sh"}

// Every kustomization builds, and every object is one that the API knows down to its last field.
func TestEveryKustomizationBuildsToKnownObjects(t *testing.T) {
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	decoded := 0
	for _, folder := range kustomizations(t) {
		text, err := build(filepath.Join(copied(t), folder))
		if folder == "testdata/two" {
			continue // is to fail; see TestTwoDeploymentsAreRefused
		}
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		for _, o := range parse(t, text) {
			group, _, _ := strings.Cut(o.text("apiVersion"), "/")
			if group == "builtin" || slices.ContainsFunc(foreign, func(f string) bool { return group == f || strings.HasSuffix(group, "."+f) }) {
				continue
			}
			raw, _ := json.Marshal(o)
			if _, _, err := strict.Decode(raw, nil, nil); err != nil {
				t.Errorf("%s: %s %s: %v", folder, o.kind(), o.name(), err)
			}
			decoded++
		}
	}
	if decoded < 60 {
		t.Errorf("only %d objects were decoded: is every kustomization found?", decoded)
	}
	if _, _, err := strict.Decode([]byte(`{"apiVersion":"v1","kind":"Pod","spec":{"vessels":[]}}`), nil, nil); !runtime.IsStrictDecodingError(err) {
		t.Errorf("the decoder takes unknown fields (got %v)", err)
	}
}

// Everything says what it is and what it belongs to.
func TestEveryObjectIsLabelled(t *testing.T) {
	for _, folder := range []string{"collector", "watch", "policies", "exceptions", "clusters", "gate", "gate/pod", "gate/application-access"} {
		for _, o := range render(t, folder) {
			if o.text("metadata", "labels", "app.kubernetes.io/part-of") != "heapgate" || o.text("metadata", "labels", "app.kubernetes.io/name") == "" {
				t.Errorf("%s: %s %s lacks app.kubernetes.io/part-of and name (got %v)", folder, o.kind(), o.name(), o.at("metadata", "labels"))
			}
		}
	}
}

// Every YAML file starts with the licence.
func TestEveryFileNamesItsLicence(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if !bytes.Contains(text[:min(len(text), 200)], []byte("Copyright The heapgate authors")) {
			t.Errorf("%s does not start with the licence lines", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
