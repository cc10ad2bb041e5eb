# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: heapgate does not find pprof
# description: |
#   The collector visits a pod with the annotation `heapgate.dev/scrape: "true"` at the port of the annotation heapgate.dev/port, else at the
#   container port named pprof. One without the other does nothing. A port that also serves users gives them pprof too.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-014
#   severity: low
#   signal: pprof
#   failure_msg: annotation or port of pprof missing or wrong
#   collections: [strict]
#   solution: |
#     Let net/http/pprof listen on a port of its own, name it pprof in the container's ports, and set the annotation on the pod's template.
#   avoid: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/scrape: "true", heapgate.dev/port: "8080"}}
#     ports: [{name: http, containerPort: 8080}]
#     ```
#   prefer: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/scrape: "true"}}
#     ports: [{name: http, containerPort: 8080}, {name: pprof, containerPort: 6060}]
#     ```
#   exceptions: |
#     Processes that the collector finds by other means, such as a static target: set the rule's mode to dryrun. Of a workload that is not
#     guarded, having neither is no finding; of a candidate the gate sees by itself whether it is visited.
package manifest.pprof.scrape

import data.lib.exposure
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-014" if judgeable

default scraped := false

scraped if workload.annotation(input, "heapgate.dev/scrape") == "true"

annotated := workload.annotation(input, "heapgate.dev/port")

ports := exposure.ports(input)

problem(false, numbers) := "not scraped" if numbers != set()

problem(true, set()) := "no port"

# Neither is a matter of a guarded workload only.
problem(false, set()) := "neither annotation nor port" if {
	workload.guarded(input)
	not workload.candidate(input)
}

warn contains result.finding(chain, {
	"target": workload.name(workload.container(input)),
	"facts": {"problem": problem(scraped, ports)},
}) if {
	judged != []
}

warn contains result.finding(chain, {
	"target": workload.name(workload.container(input)),
	"facts": {"problem": "no port number", "text": annotated},
}) if {
	judged != []
	annotated != ""
	not regex.match(`^[1-9][0-9]{0,4}$`, annotated)
}

# A port of another name is for somebody else.
warn contains result.finding(chain, {
	"target": workload.name(workload.container(input)),
	"facts": {"problem": "public port", "port": port.containerPort, "name": port.name},
}) if {
	judged != []
	some port in exposure.declared(input)
	port.containerPort in ports
	port.name != "pprof"
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
