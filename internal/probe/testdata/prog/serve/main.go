// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command serve grows a map of 100,000 entries and serves /debug/pprof and /debug/vars at the address in its first
// argument, until its stdin ends. A second argument is the server's WriteTimeout. It prints the address it listens at.
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
	"sync"
	"time"
)

var orders = map[int64][]byte{}

//go:noinline
func fill() {
	order := make([]byte, 64)
	for i := int64(0); i < 100_000; i++ {
		orders[i] = order
	}
}

// contend makes somebody wait for a mutex.
func contend() {
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	var mu sync.Mutex
	mu.Lock()
	done := make(chan struct{})
	go func() {
		mu.Lock()
		close(done)
	}()
	time.Sleep(20 * time.Millisecond)
	mu.Unlock()
	<-done
}

func main() {
	runtime.MemProfileRate = 1
	fill()
	contend()
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	server := &http.Server{}
	if len(os.Args) > 2 {
		if server.WriteTimeout, err = time.ParseDuration(os.Args[2]); err != nil {
			panic(err)
		}
	}
	fmt.Println(listener.Addr())
	go func() { panic(server.Serve(listener)) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}
