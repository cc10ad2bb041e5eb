// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gatekeeper

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/heapgate/heapgate/policies"
)

// constraint warns of every workload that the rules can judge. Who wants it to deny patches enforcementAction.
func constraint(rule policies.Rule) []byte {
	return fmt.Appendf(nil, `%sapiVersion: constraints.gatekeeper.sh/v1beta1
kind: %s
metadata:
  name: heapgate-%s
  labels:
    app.kubernetes.io/name: heapgate-policies
    app.kubernetes.io/part-of: heapgate
    app.kubernetes.io/component: gatekeeper
  annotations:
    argocd.argoproj.io/sync-wave: "1" # Gatekeeper makes the kind of the template first
    argocd.argoproj.io/sync-options: SkipDryRunOnMissingResource=true
spec:
  enforcementAction: warn
  match:
    kinds:
      - apiGroups: [""]
        kinds: [Pod, PodTemplate]
      - apiGroups: [apps]
        kinds: [Deployment, StatefulSet, DaemonSet, ReplicaSet]
      - apiGroups: [batch]
        kinds: [Job, CronJob]
      - apiGroups: [argoproj.io]
        kinds: [Rollout]
      - apiGroups: [serving.knative.dev]
        kinds: [Service]
`, head, kindOf(rule.ID), strings.ToLower(rule.ID))
}

func kustomization(names []string) []byte {
	var text strings.Builder
	text.WriteString(head + "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
	for _, folder := range []string{"templates", "constraints"} {
		for _, name := range names {
			text.WriteString("  - " + folder + "/" + name + "\n")
		}
	}
	return []byte(text.String())
}

// limitsOf are the limits that a rule reads: the whole branch below each first name.
func (t tree) limitsOf(rule policies.Rule, limits map[string]any) map[string]any {
	read := map[string]any{}
	ast.WalkRefs(t[rule.Package].parsed, func(ref ast.Ref) bool {
		if !ref.HasPrefix(ast.MustParseRef("data.limits")) || len(ref) < 3 {
			return false
		}
		if name, ok := ref[2].Value.(ast.String); ok {
			if value, known := limits[string(name)]; known {
				read[string(name)] = value
			}
		}
		return false
	})
	return read
}
