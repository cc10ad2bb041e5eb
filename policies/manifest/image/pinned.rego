# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The image is not pinned by digest
# description: |
#   A verdict is about one image digest. A tag can be moved to another image after the verdict, so that what was judged and what runs
#   would differ.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: IMAGE-001
#   severity: high
#   signal: image
#   failure_msg: image not pinned by digest
#   solution: |
#     Write REPOSITORY@sha256:... or REPOSITORY:TAG@sha256:...; kustomize's `images:` takes a digest, and
#     `docker buildx imagetools inspect` shows it.
package manifest.image.pinned

import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

default container := {}

container := workload.container(input)

has_image if is_string(container.image)

checks contains "IMAGE-001" if has_image

deny contains result.finding(chain, {
	"target": object.get(container, "name", ""),
	"facts": {"image": container.image},
}) if {
	has_image
	not regex.match(`^[A-Za-z0-9][-A-Za-z0-9._/:]*@sha256:[0-9a-f]{64}$`, container.image)
}

inconclusive contains result.finding(chain, {
	"target": object.get(container, "name", ""),
	"facts": {"reason": "missing"},
}) if {
	not has_image
}
