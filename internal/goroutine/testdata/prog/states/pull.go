// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build go1.23

package main

import "iter"

var pull = []func(){pulled}

// pulled keeps the goroutine of an iterator at its first value.
//
//go:noinline
func pulled() {
	next, _ := iter.Pull(func(yield func(int) bool) { yield(1) })
	next()
	<-never
}
