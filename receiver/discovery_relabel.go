// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	_ "embed"

	"github.com/prometheus/prometheus/model/relabel"
	"gopkg.in/yaml.v3"
)

//go:embed relabel_default.yaml
var defaultRelabel []byte

//go:embed relabel_ec2.yaml
var ec2Relabel []byte

//go:embed relabel_gce.yaml
var gceRelabel []byte

//go:embed relabel_azure.yaml
var azureRelabel []byte

// standardRules are what relabel_configs are when the configuration has none, by what a target is. Other targets stay as
// their list says them.
var standardRules = map[origin][]*relabel.Config{
	fromPod: mustRead(defaultRelabel), fromEC2: mustRead(ec2Relabel), fromGCE: mustRead(gceRelabel), fromAzure: mustRead(azureRelabel),
}

func mustRead(text []byte) []*relabel.Config {
	var written []map[string]any
	err := yaml.Unmarshal(text, &written)
	if err != nil {
		panic(err) // the file is part of the program
	}
	all, err := relabelling(written)
	if err != nil {
		panic(err)
	}
	return all
}
