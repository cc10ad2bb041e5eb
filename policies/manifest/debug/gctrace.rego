# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: gctrace is on and nobody reads it
# description: |
#   gctrace=1 writes a line for each collection to stderr. It is how heapgate hears about every pause; where nobody reads it, it is noise
#   that is paid for by the line. An info.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-015
#   severity: low
#   signal: godebug
#   failure_msg: GODEBUG=gctrace=1 without a reader
#   collections: [strict]
#   solution: |
#     Let the collector read the lines (receiver setting gctrace.files, or discovery.gctrace.pod_logs) and set the annotation
#     `heapgate.dev/gctrace: "true"`, or remove the setting.
#   avoid: |
#     ```yaml
#     env: [{name: GODEBUG, value: gctrace=1}]
#     ```
#   prefer: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/gctrace: "true"}}
#     env: [{name: GODEBUG, value: gctrace=1}]
#     ```
#   exceptions: |
#     A guarded workload: its lines are for heapgate.
package manifest.debug.gctrace

import data.lib.environment
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-015" if judgeable

warn contains result.finding(chain, {
	"severity": "info",
	"target": workload.name(one),
	"facts": {"setting": concat("=", ["gctrace", level])},
}) if {
	not workload.guarded(input)
	workload.annotation(input, "heapgate.dev/gctrace") != "true"
	some one in judged
	level := runtime.godebug(environment.value(input, one, "GODEBUG").text).gctrace
	not level in {"", "0"}
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
