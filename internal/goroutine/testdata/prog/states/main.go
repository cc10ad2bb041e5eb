// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command states keeps goroutines in every state that a profile can show, one function a state and each a different
// number of times, serves /debug/pprof on a port of its own, prints the URL, and ends with its stdin. With the argument
// "grow" it also fills maps all the time. It compiles with every Go from 1.19 on.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
)

var (
	never   = make(chan int)
	nothing chan int
	mutex   sync.Mutex
	readers sync.RWMutex // held by a reader: who writes waits
	writer  sync.RWMutex // held by a writer: who reads waits
	group   sync.WaitGroup
	cond    = sync.NewCond(new(sync.Mutex))
	once    sync.Once
	stop    bool
)

//go:noinline
func receive() { <-never }

//go:noinline
func receiveOK() { _, ok := <-never; fmt.Println(ok) }

//go:noinline
func receiveNil() { <-nothing }

//go:noinline
func ranged() {
	for range never {
	}
}

var full = make(chan int)

//go:noinline
func send() { full <- 1 }

//go:noinline
func sendNil() { nothing <- 1 }

//go:noinline
func selects() {
	select {
	case <-never:
	case <-nothing:
	case <-context.Background().Done():
	}
}

//go:noinline
func forever() { select {} }

//go:noinline
func lock() { mutex.Lock() }

//go:noinline
func lockWriter() { readers.Lock() }

//go:noinline
func lockReader() { writer.RLock() }

//go:noinline
func wait() { group.Wait() }

//go:noinline
func condition() { cond.L.Lock(); cond.Wait() }

//go:noinline
func onlyOnce() { once.Do(func() { <-never }) }

//go:noinline
func sleep() { time.Sleep(time.Hour) }

//go:noinline
func timer() { <-time.After(time.Hour) }

//go:noinline
func accept() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	_, _ = l.Accept()
}

//go:noinline
func rawRead() {
	var fds [2]int
	check(syscall.Pipe(fds[:]))
	_, _ = syscall.Read(fds[0], make([]byte, 1))
}

//go:noinline
func pipeRead() {
	r, w, err := os.Pipe()
	check(err)
	_, _ = r.Read(make([]byte, 1))
	runtime.KeepAlive(w)
}

//go:noinline
func labelled() { <-never }

// leak waits for what nobody else knows.
//
//go:noinline
func leak() { <-make(chan int) }

// grow keeps a map growing all the time.
//
//go:noinline
func grow() {
	for {
		m := map[int][64]byte{}
		for i := 0; i < 1<<16; i++ {
			m[i] = [64]byte{}
		}
	}
}

//go:noinline
func finalized() {
	p := new([64]byte)
	runtime.SetFinalizer(p, func(*[64]byte) { <-never })
}

//go:noinline
func spin() {
	for !stop { // not even a function call: only a signal interrupts it
	}
}

//go:noinline
func yield() {
	for {
		runtime.Gosched()
	}
}

func main() {
	mutex.Lock()
	readers.RLock()
	writer.Lock()
	group.Add(1)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR2)
	start := []func(){receive, receiveOK, receiveNil, ranged, send, sendNil, selects, forever, lock, lockWriter, lockReader, wait, condition,
		sleep, timer, accept, rawRead, pipeRead, yield}
	for i, f := range append(start, pull...) {
		for n := 0; n < 2+i%3; n++ {
			go f()
		}
	}
	for i := 0; i < 5; i++ {
		go leak()
	}
	if len(os.Args) > 1 && os.Args[1] == "grow" {
		for i := 0; i < 8; i++ {
			go grow()
		}
	}
	go onlyOnce()
	go spin()
	for i := 0; i < 6; i++ {
		ctx := pprof.WithLabels(context.Background(), pprof.Labels("queue", fmt.Sprintf("\"%d\" \n\t{", i/2), "worker", fmt.Sprint(i)))
		go pprof.Do(ctx, pprof.Labels(), func(context.Context) { labelled() })
	}
	finalized()
	runtime.GC()
	time.Sleep(300 * time.Millisecond)
	go onlyOnce()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() { check(http.Serve(l, nil)) }()
	fmt.Println("http://" + l.Addr().String())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
