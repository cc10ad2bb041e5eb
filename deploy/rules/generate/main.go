// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command generate writes the rules for each ruler that we ship from the one source, deploy/rules/heapgate.rules.yaml, and the recording
// rules from deploy/rules/recording:
//
//  1. source.go reads the rule files, strictly.
//  2. Who reads Prometheus' format inside something else gets the text as it is: operator/ (PrometheusRule), victoriametrics/ (VMRule)
//     and amp/ (a rule groups namespace) in wrap.go. gmp.go writes ClusterRules, whose PromQL and fields are fewer.
//  3. Who has a format of its own gets each rule translated: azure.go, grafana.go and datadog.go. template.go turns the annotations'
//     templates into theirs.
//  4. What a ruler cannot say is listed in its lost.md, alert by alert. Nothing is dropped in silence.
//
// Run it in the root of the repository: go run ./deploy/rules/generate. A test holds the committed files to what it writes.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	dir := flag.String("dir", "deploy/rules", "where the rules are; metadata.yaml is looked for two folders above")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	files, err := generate(dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns what is to stand in each file below dir.
func generate(dir string) (map[string][]byte, error) {
	alerts, err := readSource(filepath.Join(dir, alertsName+".rules.yaml"))
	if err != nil {
		return nil, err
	}
	recording, err := readSource(filepath.Join(dir, "recording", recordingName+".rules.yaml"))
	if err != nil {
		return nil, err
	}
	metrics, err := readMetrics(filepath.Join(dir, "..", ".."))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, write := range []func(map[string][]byte, *source, *source) error{wrapped, gmp, azure, grafana, metrics.datadog} {
		if err := write(files, alerts, recording); err != nil {
			return nil, err
		}
	}
	return files, nil
}
