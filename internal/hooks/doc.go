// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package hooks reads rendered manifests as Argo CD does, and finds every way in which a gate among them would silently not be run.
//
//  1. Add: documents become objects that know their lines; an object with a list of items is replaced by its items (read.go, node.go);
//  2. annotations: which objects are hooks, of which phase, wave and deletion policy (argo.go);
//  3. gates: which of the hooks run heapgate's gate, and what they need before they can start (gate.go, needs.go);
//  4. rules: each looks at one hook, gate or Application and returns findings (rules*.go);
//  5. Check: findings in the order of files and lines.
//
// How Argo CD behaves is taken from Argo CD v2.14 and v3.2: docs/hooks.md has a section for each rule.
package hooks
