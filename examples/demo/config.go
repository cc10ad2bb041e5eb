// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"encoding/json"
	"io"
	"text/template"
)

// collectorConfig fills collector.yaml.tmpl.
type collectorConfig struct {
	Targets   []target
	Directory string // of the store
	Endpoint  string // host:port of the store's query API
}

// target is one version of the shop, as the collector sees it.
type target struct {
	Version string
	URL     string // of its pprof port
	Digest  string // of its image
	GCTrace string // file with its stderr
}

//go:embed collector.yaml.tmpl
var collectorYAML string

// A JSON string is a YAML string, whatever is in it.
var collectorTemplate = template.Must(template.New("collector.yaml").
	Funcs(template.FuncMap{"quote": func(s string) (string, error) {
		quoted, err := json.Marshal(s)
		return string(quoted), err
	}}).
	Parse(collectorYAML))

func (c collectorConfig) write(w io.Writer) error { return collectorTemplate.Execute(w, c) }
