# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.hook.job_test

import data.lib.object_test as made
import data.manifest.hook.job

says := {"checks": job.checks, "deny": job.deny, "inconclusive": job.inconclusive}

passes := {"checks": {"GOMEM-020"}, "deny": set(), "inconclusive": set()}

hook := {
	"kind": "Job",
	"metadata": {"labels": {"app.kubernetes.io/part-of": "heapgate", "app.kubernetes.io/component": "gate"}},
	"spec": {"template": {"spec": {
		"serviceAccountName": "heapgate-gate",
		"automountServiceAccountToken": true,
		"containers": [{"name": "gate", "resources": {"limits": {"cpu": "1", "memory": "128Mi"}}}],
	}}},
}

pod(fields) := object.union(hook, {"spec": {"template": {"spec": fields}}})

facts := {[finding.target, finding.facts] | some finding in job.deny}

test_the_hook_as_delivered_passes if {
	says == passes with input as hook
	says == passes with input as pod({"automountServiceAccountToken": false})
}

test_other_workloads_pass if {
	bare := {"spec": {"containers": [{"name": "a"}], "template": {"spec": {"containers": [{"name": "a"}]}}}}
	labels := {"metadata": hook.metadata}
	says == passes with input as data.deployment
	says == passes with input as object.union_n([bare, labels, {"kind": "Deployment"}])
	every name in ["app.kubernetes.io/part-of", "app.kubernetes.io/component"] {
		says == passes with input as object.union_n([bare, labels, {"kind": "Job", "metadata": {"labels": {name: "other"}}}])
	}
	count(job.deny) == 4 with input as object.union_n([bare, labels, {"kind": "Pod"}])
}

test_no_limit_is_denied if {
	one := {"name": "gate", "resources": {"limits": {"cpu": "1"}}}
	says == object.union(passes, {"deny": {{
		"id": "GOMEM-020",
		"msg": "hook without limits, without its own account, or with an unspoken token",
		"severity": "high",
		"signal": "hook",
		"target": "gate",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"problem": "no_limit", "resource": "memory"},
	}}}) with input as pod({"containers": [one]})
	facts == {["gate", {"problem": "no_limit", "resource": "cpu"}]} with input as pod({"containers": [{"name": "gate", "resources": {"limits": {"memory": "1Gi"}}}]})
}

test_the_default_account_is_denied if {
	every name in ["", "default"] {
		facts == {["", {"problem": "default_service_account"}]} with input as pod({"serviceAccountName": name})
	}
}

test_an_unspoken_token_is_denied if {
	facts == {["", {"problem": "token_not_said"}]} with input as pod({"automountServiceAccountToken": null})
}

test_nothing_never_passes if {
	every manifest in made.nothing {
		said := says with input as manifest
		{finding.facts.reason | some finding in said.inconclusive} == {"missing"}
		object.union(said, {"inconclusive": set()}) == object.union(passes, {"checks": set()})
	}
	says.checks == set()
	count(says.inconclusive) == 1
}
