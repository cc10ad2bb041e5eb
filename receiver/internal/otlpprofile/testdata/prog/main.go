// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command prog serves net/http/pprof at a port of its choice, which it prints, and works until its input ends: it
// allocates, waits for locks, labels its work and calls what the compiler inlines.
//
// It compiles with every Go from 1.19 on.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

func main() {
	runtime.MemProfileRate = 1 << 10
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	for i := 0; i < 3; i++ {
		labels := pprof.Labels("worker", fmt.Sprint(i), "tier", "back")
		go pprof.Do(context.Background(), labels, func(context.Context) { work(i) })
	}
	go func() { _ = http.Serve(listener, nil) }()
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

var (
	mu   sync.Mutex
	kept []map[string][]byte
)

func work(i int) {
	for n := 0; ; n++ {
		m := map[string][]byte{}
		for j := 0; j < 300; j++ {
			put(m, fmt.Sprintf("key %d %d", j, n), j)
		}
		mu.Lock()
		if kept = append(kept, m); len(kept) > 100 {
			kept = kept[50:]
		}
		spin(20000)
		mu.Unlock()
		descend(n % 40)
		time.Sleep(time.Millisecond)
	}
}

func put(m map[string][]byte, key string, size int) { m[upper(key)] = make([]byte, size) }
func upper(s string) string                         { return strings.ToUpper(s) }

var sink int

func spin(n int) {
	for i := 0; i < n; i++ {
		sink += i * i
	}
}

//go:noinline
func descend(n int) {
	if n == 0 {
		mu.Lock()
		kept = append(kept, map[string][]byte{"": make([]byte, 64)})
		mu.Unlock()
		return
	}
	descend(n - 1)
}
