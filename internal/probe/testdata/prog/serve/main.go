// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command serve grows a map of 100,000 entries and serves /debug/pprof and /debug/vars at the address in its argument,
// until its stdin ends. It prints the address it listens at.
package main

import (
	_ "expvar"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
)

var orders = map[int64][]byte{}

//go:noinline
func fill() {
	order := make([]byte, 64)
	for i := int64(0); i < 100_000; i++ {
		orders[i] = order
	}
}

func main() {
	runtime.MemProfileRate = 1
	fill()
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go func() { panic(http.Serve(listener, nil)) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}
