// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command prog does on command what the receiver hears. It is built with old toolchains too.
package main

import (
	"expvar"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// node is what the garbage collector has to follow.
type node struct {
	next *node
	pad  [4]int
}

var (
	live  *node
	index map[int]int
	never = make(chan int)
	mu    sync.Mutex
)

func main() {
	do := map[string]func(){
		"grow":   func() { index = grow(1000000) },
		"leak":   leak,
		"churn":  func() { go churn() },
		"lock":   func() { go hold(); go hold() },
		"smash":  smash,
		"calm":   func() { debug.SetGCPercent(-1); runtime.GC() },
		"cycles": func() {},
	}
	for name, act := range do {
		act := act
		http.HandleFunc("/do/"+name, func(w http.ResponseWriter, _ *http.Request) {
			act()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Fprintln(w, m.NumGC)
		})
	}
	expvar.Publish("goroutines", expvar.Func(func() interface{} { return runtime.NumGoroutine() }))
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, nil))
	os.Exit(1)
}

//go:noinline
func grow(n int) map[int]int {
	m := map[int]int{}
	for i := 0; i < n; i++ {
		m[i] = i // line: grow
	}
	return m
}

func leak() {
	for i := 0; i < 100; i++ {
		go wait()
	}
}

//go:noinline
func wait() {
	<-never // line: leak
}

// hold makes the other one wait.
//
//go:noinline
func hold() {
	for {
		mu.Lock() // line: lock
		time.Sleep(2 * time.Millisecond)
		mu.Unlock() // line: unlock
		time.Sleep(time.Millisecond)
	}
}

// churn makes the garbage collector work at a steady rate, with something to follow.
func churn() {
	for i := 0; i < 300000; i++ {
		live = &node{next: live}
	}
	for {
		var garbage *node
		for i := 0; i < 4000; i++ {
			garbage = &node{next: garbage}
		}
		time.Sleep(4 * time.Millisecond)
	}
}

// smash never returns.
func smash() {
	m := map[int]int{}
	go overwrite(m)
	overwrite(m)
}

//go:noinline
func overwrite(m map[int]int) {
	for i := 0; ; i++ {
		m[i%64] = i // line: smash
	}
}
