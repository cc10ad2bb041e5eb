# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The pprof port is reachable from outside
# description: |
#   Whoever reaches pprof reads function names, command lines and heap contents of the process, and can keep it busy with CPU profiles. Found
#   are ports of the node, Services of type LoadBalancer and NodePort, Ingresses, routes of the Gateway API, and Knative Services, for the
#   port named pprof or the one of the annotation heapgate.dev/port, and for paths that let heapgate.dev/path through.
#
#   The other objects come as `related` beside the object. Without them the rule says, as an info, that nobody looked; it says nothing of a
#   candidate, which the hook judges alone.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-013
#   severity: high
#   signal: pprof
#   failure_msg: pprof port reachable from outside of the cluster
#   collections: [minimal, recommended, strict]
#   solution: |
#     Give pprof a port of its own, and let no Service that leaves the cluster have it. The collector visits the pod's address.
#   avoid: |
#     ```yaml
#     apiVersion: v1
#     kind: Service
#     spec: {type: LoadBalancer, selector: {app: shop}, ports: [{port: 6060, targetPort: pprof}]}
#     ```
#   prefer: |
#     ```yaml
#     apiVersion: v1
#     kind: Service
#     spec: {type: LoadBalancer, selector: {app: shop}, ports: [{port: 80, targetPort: http}]}
#     ```
#   exceptions: |
#     An Ingress for the inside of a company only is still found: its class is not in the manifest. Set the rule's mode to warn there.
package manifest.pprof.exposed

import data.lib.exposure
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-013" if judgeable

deny contains result.finding(chain, {"target": workload.name(workload.container(input)), "facts": way}) if {
	judged != []
	some way in exposure.ways(input)
}

warn contains result.finding(chain, {
	"target": workload.name(workload.container(input)),
	"facts": {"by": "hostNetwork", "port": port},
}) if {
	judged != []
	workload.pod(input).hostNetwork == true
	some port in exposure.ports(input)
}

warn contains result.finding(chain, {
	"severity": "info",
	"target": workload.name(workload.container(input)),
	"facts": {"reason": "missing", "detail": "Services, Ingresses and routes were not given"},
}) if {
	judged != []
	exposure.ports(input) != set()
	not input.related
	not workload.candidate(input)
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
