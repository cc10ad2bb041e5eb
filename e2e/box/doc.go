// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package box runs real Kubernetes clusters and a real Argo CD for tests, in namespaces of its own, and leaves nothing behind.
//
//  1. outside: TestMain builds the binaries (build.go), the image archives (image.go) and starts itself again in new network,
//     mount and pid namespaces (enter.go).
//  2. init: process 1 of the new pid namespace mounts /proc, starts the tests and reaps orphans. When it dies, all die.
//  3. tests: the first test that asks for the box starts the clusters (cluster.go), each with its own certificates (pki.go),
//     network and mount namespace (space.go), and then Argo CD (argocd.go).
//  4. outside: when the tests are over, however they ended, cgroups and files are removed (cleanup.go).
package box
