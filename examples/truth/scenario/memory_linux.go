// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import "syscall"

// forbidMemory lets the system refuse this process any more memory, as it does where nothing may be overcommitted.
func forbidMemory() {
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 64 << 20, Max: 64 << 20}); err != nil {
		panic(err)
	}
}
