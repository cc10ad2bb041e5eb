// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build go1.21

package main

import "maps"

//go:noinline
func clone() {
	m := make(map[int64]int, small)
	for i := 0; i < small; i++ {
		m[int64(i)] = i
	}
	keep = append(keep, cloned(m))
}

//go:noinline
func cloned(m map[int64]int) map[int64]int { return maps.Clone(m) }
