# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# What tests change in the evidence that passes (testdata/passing.yaml).
package lib.patch_test

# signal changes fields of one signal.
signal(name, fields) := object.union(data.passing, {"signals": {name: fields}})

# without leaves out one signal.
without(name) := object.union(object.remove(data.passing, {"signals"}), {"signals": object.remove(data.passing.signals, {name})})

# site changes fields of the one map site.
site(fields) := object.union(data.passing, {"map_sites": [object.union(data.passing.map_sites[0], fields)]})

# No input, null and the empty object are all no evidence.
nothing := [null, {}]
