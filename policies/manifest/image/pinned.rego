# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The image is not pinned by digest
# description: |
#   A verdict is about one image digest. A tag can be moved to another image after the verdict, so that what was judged and what runs
#   would differ. Of a workload that is not guarded there is no verdict, and a tag is a warning.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: IMAGE-001
#   severity: high
#   signal: image
#   failure_msg: image not pinned by digest
#   collections: [minimal, recommended, strict]
#   solution: |
#     Write REPOSITORY@sha256:... or REPOSITORY:TAG@sha256:...; kustomize's `images:` takes a digest, and
#     `docker buildx imagetools inspect` shows it.
#   avoid: |
#     ```yaml
#     image: ghcr.io/example/shop:v1
#     ```
#   prefer: |
#     ```yaml
#     image: ghcr.io/example/shop:v1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
#     ```
#   exceptions: |
#     None for a guarded workload: its verdict would be about another image than the one that runs.
package manifest.image.pinned

import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

has_image(one) if is_string(one.image)

pinned(one) if regex.match(`^[A-Za-z0-9][-A-Za-z0-9._/:]*@sha256:[0-9a-f]{64}$`, one.image)

checks contains "IMAGE-001" if {
	judgeable
	every one in judged {
		has_image(one)
	}
}

deny contains finding if {
	workload.guarded(input)
	some finding in tags
}

warn contains finding if {
	not workload.guarded(input)
	some finding in tags
}

tags := [result.finding(chain, {"target": workload.name(one), "facts": {"image": one.image}}) |
	some one in judged
	has_image(one)
	not pinned(one)
]

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable

inconclusive contains result.finding(chain, {"target": workload.name(one), "facts": {"reason": "missing"}}) if {
	some one in judged
	not has_image(one)
}
