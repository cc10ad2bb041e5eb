// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	promName = regexp.MustCompile(`\b(?:heapgate|go_memory|go_goroutine|go_processor|otelcol_(?:receiver|processor|exporter|process))_[a-z0-9_]+`)
	otelName = regexp.MustCompile(`\b(?:heapgate|go\.memory|go\.goroutine|go\.processor)\.[a-z0-9_.]*[a-z0-9_]`)
)

// notMetrics are words of ours that look like names of metrics.
var notMetrics = regexp.MustCompile(strings.Join([]string{
	`^heapgate\.(dev|svc|git|invalid)\b`,                                                   // hosts, and the domain of our labels and annotations
	`^heapgate\.(candidate|settings|application|revision|container|image|namespace|name)$`, // templates and values for Helm
	`^heapgate\.([a-z_]+\.)?(rego|yaml|yml|json|exe|go|md|gz|sarif)$`,                      // files
	`^heapgate_(collector|gate)$`,
	`^heapgate_(scrape|port|path|memory_limit|container_memory_limit|workload|namespace|version)$`, // tags of machines in clouds
}, "|"))

// Everything outside the components that names a metric is held to the dictionary: commands, policies, rules,
// dashboards, examples and pages. A renamed metric breaks this test before it silences an alert.
func TestEveryMetricNameIsInTheDictionary(t *testing.T) {
	known := dictionary(t).known
	found, deployed := 0, 0
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case ".git", "bin", "metadata", "metadatatest", "fuzz":
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".rego", ".md", ".yaml", ".json", ".txtar", ".yml":
		default:
			return nil
		}
		switch filepath.Base(path) {
		case "names_test.go", "queries_test.go": // they name what there is not
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range append(promName.FindAllString(string(text), -1), otelName.FindAllString(string(text), -1)...) {
			if notMetrics.MatchString(name) || strings.HasSuffix(name, "_") || strings.HasSuffix(name, "_test.go") {
				continue
			}
			found++
			if strings.HasPrefix(path, "../deploy/") {
				deployed++
			}
			if !known[name] {
				t.Errorf("%s names %s, which no metadata.yaml has", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 1000 || deployed < 300 {
		t.Errorf("only %d names were found, %d of them in deploy/: is the tree read at all?", found, deployed)
	}
}
