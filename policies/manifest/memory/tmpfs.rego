# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: A tmpfs takes the room that GOMEMLIMIT counts on
# description: |
#   Files of an emptyDir with `medium: Memory` count as memory of the container that writes them, and GOMEMLIMIT does not see them. Together
#   they should stay below 95 % of the memory limit. Without sizeLimit such a volume may fill all of it.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-017
#   severity: medium
#   signal: tmpfs
#   failure_msg: volume in memory that GOMEMLIMIT leaves no room for
#   collections: [recommended, strict]
#   solution: |
#     Set sizeLimit, and lower GOMEMLIMIT or raise the memory limit by as much.
#   avoid: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 460MiB}]
#     resources: {limits: {memory: 512Mi}}
#     volumes: [{name: cache, emptyDir: {medium: Memory}}]
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 460MiB}]
#     resources: {limits: {memory: 640Mi}}
#     volumes: [{name: cache, emptyDir: {medium: Memory, sizeLimit: 100Mi}}]
#     ```
#   exceptions: |
#     A volume that the container only reads, and another one fills.
package manifest.memory.tmpfs

import data.lib.environment
import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-017" if judgeable

# sizes are of the volumes in memory that a container mounts, null for one without a bound.
sizes(one) := {volume.name: size |
	some mount in one.volumeMounts
	some volume in workload.pod(input).volumes
	volume.name == mount.name
	volume.emptyDir.medium == "Memory"
	size := bound(volume.emptyDir)
}

bound(directory) := bytes if {
	bytes := quantity.kubernetes(directory.sizeLimit)
	bytes > 0
} else := null

warn contains result.finding(chain, {
	"target": workload.name(one),
	"unit": "By",
	"facts": {"volume": volume, "detail": "no sizeLimit"},
}) if {
	some one in judged
	some volume, null in sizes(one)
}

warn contains result.finding(chain, {
	"target": workload.name(one),
	"value": bytes + tmpfs,
	"limit": most,
	"unit": "By",
	"facts": {"gomemlimit_bytes": bytes, "tmpfs_bytes": tmpfs},
}) if {
	some one in judged
	bytes := quantity.go(environment.value(input, one, "GOMEMLIMIT").text)
	tmpfs := sum([size | some size in sizes(one); size != null])
	tmpfs > 0
	most := quantity.kubernetes(workload.limit(input, one, "memory")) * 0.95
	bytes + tmpfs > most
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
