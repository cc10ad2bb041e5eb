// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command traced keeps the collector busy, writes an execution trace of that and prints what it knows itself; it builds
// with Go 1.19 and later.
//
//	traced storm|assist|forced|blocked|idle SECONDS TRACE
//
// All cycles that it counts begin and end inside the trace.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"strconv"
	"sync"
	"time"
)

type node struct {
	left, right *node
	pad         [2]int
}

var (
	live  [64]*node
	sinks [64][]byte
	mu    sync.Mutex
	cond  = sync.NewCond(&sync.Mutex{})
)

func tree(depth int) *node {
	if depth == 0 {
		return nil
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

// storm has a tiny live heap and much garbage.
func storm(end time.Time) {
	for i := 0; time.Now().Before(end); i++ {
		sinks[i%8] = make([]byte, 32<<10)
	}
}

//go:noinline
func allocate(i int) { live[i] = tree(10) }

// assisting has many goroutines that allocate pointers faster than the background workers mark.
func assisting(end time.Time) {
	var wg sync.WaitGroup
	for i := 0; i < 16; i++ {
		i := i
		wg.Add(1)
		go func() {
			defer wg.Done()
			for time.Now().Before(end) {
				allocate(i)
			}
		}()
	}
	wg.Wait()
}

func forced(end time.Time) {
	for time.Now().Before(end) {
		runtime.GC()
	}
}

//go:noinline
func receive(c <-chan int) { <-c }

// blocked has goroutines that wait for one another for a while, round after round, while the collector runs.
func blocked(end time.Time) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	idle := make(chan int)
	go receive(idle)
	for time.Now().Before(end) {
		round(listener)
	}
	close(idle)
}

func round(listener net.Listener) {
	c, d := make(chan int), make(chan int)
	var wg sync.WaitGroup
	run := func(f func()) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f()
		}()
	}
	mu.Lock()
	run(func() { receive(c) })
	run(func() { d <- 1 })
	run(func() {
		select {
		case <-c:
		case <-d:
		}
	})
	run(func() { mu.Lock(); mu.Unlock() })
	run(func() { cond.L.Lock(); cond.Wait(); cond.L.Unlock() })
	run(func() { time.Sleep(20 * time.Millisecond) })
	run(func() {
		conn, err := net.Dial("tcp", listener.Addr().String())
		check(err)
		var b [1]byte
		conn.Read(b[:])
		conn.Close()
	})
	conn, err := listener.Accept()
	check(err)
	for until := time.Now().Add(20 * time.Millisecond); time.Now().Before(until); {
		live[0] = tree(12)
	}
	conn.Close()
	mu.Unlock()
	close(c)
	select { // the select may have taken it
	case <-d:
	case <-time.After(time.Millisecond):
	}
	cond.L.Lock()
	cond.Broadcast()
	cond.L.Unlock()
	wg.Wait()
}

// idle is longer than a generation of a trace; a goroutine stands blocked through all of it.
func idle(end time.Time) {
	c := make(chan int)
	go receive(c)
	for time.Now().Before(end) {
		time.Sleep(100 * time.Millisecond)
		sinks[0] = make([]byte, 4<<20) // runtime.GC would fill the trace with its waiting for the sweeper
	}
	close(c)
}

func main() {
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	check(err)
	work := map[string]func(time.Time){"storm": storm, "assist": assisting, "forced": forced, "blocked": blocked, "idle": idle}[os.Args[1]]
	out, err := os.Create(os.Args[3])
	check(err)
	if os.Args[1] != "idle" { // sweeping makes the trace large
		for i := range live {
			live[i] = tree(10)
		}
	}
	debug.SetGCPercent(-1)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	check(trace.Start(out))
	begin := time.Now()
	debug.SetGCPercent(50)
	work(begin.Add(time.Duration(seconds * float64(time.Second))))
	debug.SetGCPercent(-1)
	runtime.GC()
	runtime.ReadMemStats(&after)
	window := time.Since(begin)
	trace.Stop()
	check(out.Close())
	fmt.Println("cycles", after.NumGC-before.NumGC)
	fmt.Println("first", before.NumGC+1)
	fmt.Println("pause", after.PauseTotalNs-before.PauseTotalNs)
	fmt.Println("window", window.Nanoseconds())
	fmt.Println("procs", runtime.GOMAXPROCS(0))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
