// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"strings"
)

// What is written has the name of what it was written from.
const (
	alertsName    = "heapgate"
	recordingName = "heapgate-recording"
)

func headOf(name string) string {
	from := "../" + name + ".rules.yaml"
	if name == recordingName {
		from = "../recording/" + name + ".rules.yaml"
	}
	return `# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0
#
# Generated from ` + from + ` by go run ./deploy/rules/generate.
`
}

// wrapped writes for those who take Prometheus' rule files word for word: operators, and Amazon's managed Prometheus.
func wrapped(files map[string][]byte, alerts, recording *source) error {
	for _, f := range []struct {
		name  string
		rules *source
	}{{alertsName, alerts}, {recordingName, recording}} {
		head, spec := headOf(f.name), f.rules.indented("  ")
		files["operator/"+f.name+".prometheusrule.yaml"] = object(head, "monitoring.coreos.com/v1", "PrometheusRule", f.name, spec)
		files["victoriametrics/"+f.name+".vmrule.yaml"] = object(head, "operator.victoriametrics.com/v1beta1", "VMRule", f.name, spec)
		files["amp/"+f.name+".rulegroupsnamespace.yaml"] = object(head, "prometheusservice.services.k8s.aws/v1alpha1", "RuleGroupsNamespace", f.name,
			"  name: "+f.name+"\n  workspaceID: WORKSPACE_ID\n  configuration: |\n"+f.rules.indented("    "))
		request, err := indentedJSON(map[string]string{
			"workspaceId": "WORKSPACE_ID", "name": f.name, "data": base64.StdEncoding.EncodeToString([]byte(f.rules.text)),
		})
		if err != nil {
			return err
		}
		files["amp/"+f.name+"-request.json"] = request
	}
	return nil
}

// object is a Kubernetes object with a spec that is indented already.
func object(head, apiVersion, kind, name, spec string) []byte {
	return []byte(head + "apiVersion: " + apiVersion + "\nkind: " + kind + `
metadata:
  name: ` + name + `
  labels:
    app.kubernetes.io/name: heapgate-rules
    app.kubernetes.io/part-of: heapgate
    app.kubernetes.io/component: rules
spec:
` + spec)
}

func (s *source) indented(by string) string {
	var b strings.Builder
	for line := range strings.Lines(s.text) {
		if line != "\n" {
			b.WriteString(by)
		}
		b.WriteString(line)
	}
	return b.String()
}
