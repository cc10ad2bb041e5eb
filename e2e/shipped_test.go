// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// Every Application, ApplicationSet and AppProject that we ship or show is what Argo CD's own types say it can be.
func TestShippedObjectsAreArgoCDs(t *testing.T) {
	found := map[string]int{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "bin" || entry.Name() == "tools") {
			return fs.SkipDir
		}
		text := ""
		switch filepath.Ext(path) {
		case ".yaml", ".md":
			read, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(read)
		}
		for _, document := range documents(path, text) {
			decodeStrictly(t, path, document, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found["ApplicationSet"] == 0 || found["AppProject"] == 0 || found["Application"] == 0 {
		t.Errorf("found %v: are the files read at all?", found)
	}
}

// documents splits YAML at ---, and takes the YAML blocks out of Markdown.
func documents(path, text string) (all []string) {
	if filepath.Ext(path) == ".yaml" {
		return strings.Split(text, "\n---\n")
	}
	for _, part := range strings.Split(text, "```yaml\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		all = append(all, strings.Split(block, "\n---\n")...)
	}
	return all
}

func decodeStrictly(t *testing.T, path, document string, found map[string]int) {
	t.Helper()
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if !strings.Contains(document, "argoproj.io/v1alpha1") || yaml.Unmarshal([]byte(document), &head) != nil || head.APIVersion != "argoproj.io/v1alpha1" {
		return
	}
	var into any
	switch head.Kind {
	case "Application":
		into = &v1alpha1.Application{}
	case "ApplicationSet":
		into = &v1alpha1.ApplicationSet{}
	case "AppProject":
		into = &v1alpha1.AppProject{}
	default:
		return
	}
	found[head.Kind]++
	if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
		t.Errorf("%s: %s: %v", path, head.Kind, err)
	}
}

// The gate reads an Application into a small struct of its own. The sample has every field of it set: Argo CD's type knows each
// of them, and gives back what it read.
func TestOurApplicationIsArgoCDs(t *testing.T) {
	text, err := os.ReadFile("../internal/argocd/testdata/application.json")
	if err != nil {
		t.Fatal(err)
	}
	var theirs v1alpha1.Application
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&theirs); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(theirs)
	if err != nil {
		t.Fatal(err)
	}
	var ours, back map[string]any
	if err := json.Unmarshal(text, &ours); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(again, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ours, within(ours, back)); diff != "" {
		t.Errorf("Argo CD reads the sample otherwise (-ours +theirs):\n%s", diff)
	}
}

// within keeps of got only what want has too, at every depth.
func within(want, got any) any {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return got
		}
		kept := map[string]any{}
		for key := range w {
			if value, ok := g[key]; ok {
				kept[key] = within(w[key], value)
			}
		}
		return kept
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return got
		}
		kept := make([]any, len(w))
		for i := range w {
			kept[i] = within(w[i], g[i])
		}
		return kept
	}
	return got
}
