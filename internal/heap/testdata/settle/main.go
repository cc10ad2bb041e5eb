// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// It is built with testdata/proto/main.go, whose main it replaces, and allocates in a function of the runtime that is inlined:
//
//	prog RATE ROUNDS OUT
package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

func main() {
	var err error
	runtime.MemProfileRate, err = strconv.Atoi(os.Args[1])
	check(err)
	rounds, err := strconv.Atoi(os.Args[2])
	check(err)
	for i := 0; i < rounds; i++ {
		named()
	}
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	debug.SetGCPercent(-1)
	write(os.Args[3])
}

var name string

//go:noinline
func named() {
	var pcs [1]uintptr
	runtime.Callers(1, pcs[:])
	name = nameOf(pcs[0])
}

// nameOf is what loggers do: it is inlined into its caller, as runtime.CallersFrames is.
func nameOf(pc uintptr) string {
	pcs := []uintptr{pc}
	frames := runtime.CallersFrames(pcs)
	frame, _ := frames.Next()
	return frame.Function
}
