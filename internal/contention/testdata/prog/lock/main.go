// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command lock makes goroutines wait in known places for known times and writes its mutex and block profiles; it builds
// with Go 1.19 and later.
//
//	lock enabled|disabled MUTEX-PROFILE BLOCK-PROFILE
package main

import (
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

const (
	rounds = 20
	pause  = 5 * time.Millisecond
)

var (
	mu   sync.Mutex
	rw   sync.RWMutex
	cond = sync.NewCond(&sync.Mutex{})
	sink int
)

//go:noinline
func holdMutex() {
	mu.Lock()
	time.Sleep(pause)
	sink++
	mu.Unlock()
}

//go:noinline
func waitMutex(asked chan<- int) {
	asked <- 1
	mu.Lock()
	sink++
	mu.Unlock()
}

//go:noinline
func waitRead(asked chan<- int) {
	asked <- 1
	rw.RLock()
	defer rw.RUnlock()
}

//go:noinline
func receive(c <-chan int) { <-c }

//go:noinline
func send(c chan<- int) { c <- 1 }

//go:noinline
func choose(a, b <-chan int) {
	select {
	case <-a:
	case <-b:
	}
}

//go:noinline
func waitCond() {
	cond.L.Lock()
	cond.Wait()
	cond.L.Unlock()
}

//go:noinline
func waitGroup(wg *sync.WaitGroup) { wg.Wait() }

func main() {
	if os.Args[1] == "enabled" {
		runtime.SetMutexProfileFraction(1)
		runtime.SetBlockProfileRate(1)
	}
	for i := 0; i < rounds; i++ {
		round()
	}
	write("mutex", os.Args[2])
	write("block", os.Args[3])
}

func round() {
	asked := make(chan int, 2)
	a, b, c := make(chan int), make(chan int), make(chan int)
	var all, one sync.WaitGroup
	run := func(f func()) {
		all.Add(1)
		go func() {
			defer all.Done()
			f()
		}()
	}
	one.Add(1)
	mu.Lock()
	rw.Lock()
	run(func() { waitMutex(asked) })
	run(func() { waitRead(asked) })
	run(func() { receive(a) })
	run(func() { send(b) })
	run(func() { choose(c, c) })
	run(waitCond)
	run(func() { waitGroup(&one) })
	<-asked
	<-asked
	time.Sleep(pause)
	mu.Unlock()
	rw.Unlock()
	a <- 1
	<-b
	c <- 1
	one.Done()
	cond.L.Lock()
	cond.Broadcast()
	cond.L.Unlock()
	all.Wait()
	holdMutex()
}

func write(name, file string) {
	out, err := os.Create(file)
	if err == nil {
		err = pprof.Lookup(name).WriteTo(io.Writer(out), 0)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		panic(err)
	}
}
