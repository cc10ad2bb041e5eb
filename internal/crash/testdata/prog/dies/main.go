// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command dies in the way that its argument names, beside goroutines that log. The line at which it dies has the comment
// "dies: <way>". It builds with every Go from 1.19 on, without a module.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

type cache struct{ entries map[int]int }

func (c *cache) put(n int) {
	c.entries[n%64] = n // dies: writes
}

func (c *cache) get(n int) int {
	return c.entries[n%64] // dies: readwrite
}

func (c *cache) sum() (total int) {
	for _, v := range c.entries { // dies: iterwrite
		total += v
	}
	return total
}

func forever(work func(n int)) {
	for n := 0; ; n++ {
		work(n)
	}
}

// limitMemory lets the process have little address space, so that it and not the machine runs out.
func limitMemory(mib uint64) {
	limit := syscall.Rlimit{Cur: mib << 20, Max: mib << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		panic(err)
	}
}

var held [][]byte

func grow(each int) {
	for {
		held = append(held, make([]byte, each)) // dies: oom
	}
}

type node struct {
	next  *node
	space [100]byte
}

func link() (last *node) {
	for {
		last = &node{next: last} // dies: oomsmall
	}
}

func recurse(n int) int { return recurse(n+1) + 1 } // dies: stack

func deeper(b [4096]byte) int { return deeper(b) + int(b[1]) } // dies: oomstack

func lockTwice(mu *sync.Mutex) {
	mu.Lock()
	mu.Lock() // dies: deadlock
}

func unlockTwice(mu *sync.Mutex) {
	mu.Unlock() // dies: unlock
}

type point struct{ x, y int }

func (p *point) at() int {
	return p.x // dies: nil
}

func fail(err error) {
	panic(err) // dies: panic
}

// again panics with what it has recovered, as many programs do to log first.
func again(work func()) {
	defer func() { panic(fmt.Sprint("again: ", recover())) }()
	work()
}

func order() {
	panic("order 7\nhas no customer") // dies: repanic
}

func ways(c *cache) map[string]func() {
	return map[string]func(){
		"writes":    func() { go forever(c.put); forever(c.put) },
		"readwrite": func() { go forever(c.put); forever(func(n int) { c.get(n) }) },
		"iterwrite": func() { go forever(c.put); forever(func(int) { c.sum() }) },
		"json": func() {
			go forever(c.put)
			forever(func(int) { _ = json.NewEncoder(new(bytes.Buffer)).Encode(c.entries) })
		},
		"oom":      func() { limitMemory(700); grow(16 << 20) },
		"oomsmall": func() { limitMemory(300); debug.SetGCPercent(-1); link() },
		"oomstack": func() { limitMemory(300); debug.SetMaxStack(1 << 40); deeper([4096]byte{}) },
		"stack":    func() { debug.SetMaxStack(1 << 20); recurse(0) },
		"deadlock": func() { lockTwice(new(sync.Mutex)) },
		"unlock":   func() { unlockTwice(new(sync.Mutex)) },
		"nil":      func() { go (*point)(nil).at(); select {} },
		"panic":    func() { fail(errors.New("it broke")) },
		"repanic":  func() { again(order) },
		"quit":     func() { _ = syscall.Kill(syscall.Getpid(), syscall.SIGQUIT); select {} },
	}
}

func main() {
	c := &cache{entries: map[int]int{}}
	for n := 0; n < 64; n++ {
		c.put(n)
	}
	if len(os.Args) > 2 {
		pause, err := time.ParseDuration(os.Args[2])
		if err != nil {
			panic(err)
		}
		go forever(func(n int) { log.Printf("request %d done", n); time.Sleep(pause) })
		time.Sleep(5 * time.Millisecond)
	}
	ways(c)[os.Args[1]]()
}
