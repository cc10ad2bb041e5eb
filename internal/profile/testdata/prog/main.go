// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command prog does a little of everything that Go profiles, and writes each profile into a directory.
//
//	prog DIR
//
// It compiles with every Go from 1.19 on.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"sync"
	"time"
)

var keep []interface{}

func main() {
	runtime.MemProfileRate = 4096
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	cpu := create("cpu")
	check(pprof.StartCPUProfile(cpu))
	var wg sync.WaitGroup
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go pprof.Do(context.Background(), pprof.Labels("worker", fmt.Sprint(i), "täsk", "größe\xff"), func(context.Context) {
			defer wg.Done()
			work(i)
		})
	}
	wg.Wait()
	pprof.StopCPUProfile()
	check(cpu.Close())
	block := make(chan int)
	for i := 0; i < 10; i++ {
		go func() { <-block }()
	}
	time.Sleep(10 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	for _, p := range pprof.Profiles() {
		f := create(p.Name())
		check(p.WriteTo(f, 0))
		check(f.Close())
	}
}

var mu sync.Mutex

func work(n int) {
	for until := time.Now().Add(400 * time.Millisecond); time.Now().Before(until); {
		mu.Lock()
		m := map[string][]byte{}
		for i := 0; i < 2000; i++ {
			m[fmt.Sprintf("key %d", i)] = make([]byte, i%300)
		}
		mu.Unlock()
		var keys []string
		for k := range m {
			keys = append(keys, strings.ToUpper(k))
		}
		sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
		descend(n * 12)
	}
}

//go:noinline
func descend(n int) {
	if n == 0 {
		mu.Lock()
		keep = append(keep, make([]byte, 100))
		mu.Unlock()
		return
	}
	descend(n - 1)
}

func create(name string) *os.File {
	f, err := os.Create(filepath.Join(os.Args[1], name+".pb.gz"))
	check(err)
	return f
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
