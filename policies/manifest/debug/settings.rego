# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: A debug setting changes memory or collection
# description: |
#   These settings of GODEBUG are for finding mistakes in the runtime. What they cost is easily taken for a fault of the program:
#
#   | setting | effect |
#   | --- | --- |
#   | madvdontneed=0 | freed memory still counts as used |
#   | asyncpreemptoff=1 | a loop without calls delays every collection |
#   | containermaxprocs=0, updatemaxprocs=0 | the CPU limit, or its change, is not seen |
#   | gcshrinkstackoff=1 | stacks never shrink |
#   | gcstoptheworld=1, 2 | the program stands still while marking, or sweeping too |
#   | memprofilerate=0 | no heap profile: heapgate is blind |
#   | sbrk=1 | nothing is ever freed |
#   | clobberfree=1, gccheckmark=1, invalidptr=0 | checks of the runtime itself |
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-016
#   severity: low
#   signal: godebug
#   failure_msg: GODEBUG setting that costs memory, pauses or sight
#   collections: [strict]
#   solution: |
#     Remove the setting.
#   avoid: |
#     ```yaml
#     env: [{name: GODEBUG, value: "gctrace=1,madvdontneed=0"}]
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GODEBUG, value: gctrace=1}]
#     ```
#   exceptions: |
#     While somebody looks for a mistake with it.
package manifest.debug.settings

import data.lib.environment
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-016" if judgeable

effects := {
	"madvdontneed=0": "freed memory still counts as used",
	"asyncpreemptoff=1": "a loop without calls delays every collection",
	"containermaxprocs=0": "the CPU limit is not seen",
	"updatemaxprocs=0": "a change of the CPU limit is not seen",
	"gcshrinkstackoff=1": "stacks never shrink",
	"gcstoptheworld=1": "the program stands still while marking",
	"gcstoptheworld=2": "the program stands still while marking and sweeping",
	"memprofilerate=0": "no heap profile",
	"sbrk=1": "nothing is ever freed",
	"clobberfree=1": "a check of the runtime itself",
	"gccheckmark=1": "a check of the runtime itself",
	"invalidptr=0": "a check of the runtime itself",
}

warn contains result.finding(chain, {
	"target": workload.name(one),
	"facts": {"setting": setting, "effect": effects[setting]},
}) if {
	some one in judged
	some key, level in runtime.godebug(environment.value(input, one, "GODEBUG").text)
	setting := concat("=", [key, level])
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
