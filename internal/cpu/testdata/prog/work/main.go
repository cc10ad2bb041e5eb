// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command work keeps the collector or maps busy and writes a CPU profile of that; it builds with Go 1.19 and later.
//
//	work MODE CPU-SECONDS PROFILE
//
// It prints how many CPU nanoseconds the process used while the profile was taken, and from Go 1.20 on what
// runtime/metrics says the collector's marking and pausing took of how much.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"strconv"
	"syscall"
)

type node struct {
	left, right *node
	pad         [4]int
}

var (
	live   []*node
	sink   *node
	bytes  []byte
	number map[int]int
	text   map[string]int
)

func tree(depth int) *node {
	if depth == 0 {
		return nil
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

// gcWork keeps many pointers alive and makes garbage beside them.
func gcWork(end int64) {
	for i := 0; i < 16; i++ {
		live = append(live, tree(14))
	}
	for i := 0; cpuTime() < end; i++ {
		sink = tree(12)
		bytes = make([]byte, 64<<10)
		live[i%len(live)] = tree(14)
	}
}

// plain does not need the collector.
func plain(end int64) {
	x := uint64(1)
	for cpuTime() < end {
		for i := 0; i < 1_000_000; i++ {
			x = x*6364136223846793005 + 1442695040888963407
		}
	}
	bytes = []byte{byte(x)}
}

//go:noinline
func growInt() {
	number = map[int]int{}
	for i := 0; i < 200_000; i++ {
		number[i*7] = i
	}
}

//go:noinline
func growText(keys []string) {
	text = map[string]int{}
	for i, key := range keys {
		text[key] = i
	}
}

//go:noinline
func presized() {
	number = make(map[int]int, 200_000)
	for i := 0; i < 200_000; i++ {
		number[i*7] = i
	}
}

// mapWork grows maps in two functions and fills a presized one in a third.
func mapWork(end int64) {
	keys := make([]string, 50_000)
	for i := range keys {
		keys[i] = "key " + strconv.Itoa(i)
	}
	for cpuTime() < end {
		growInt()
		growText(keys)
		presized()
	}
}

func main() {
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	check(err)
	work := map[string]func(int64){"gc": gcWork, "plain": plain, "maps": mapWork}[os.Args[1]]
	out, err := os.Create(os.Args[3])
	check(err)
	before, used := classes(), cpuTime()
	check(pprof.StartCPUProfile(out))
	work(used + int64(seconds*1e9))
	pprof.StopCPUProfile()
	used = cpuTime() - used
	check(out.Close())
	runtime.GC() // the metrics are as of the last cycle
	after := classes()
	fmt.Println("cpu", used)
	for name, value := range after {
		fmt.Println(name, value-before[name])
	}
}

// classes reads CPU seconds by class; empty before Go 1.20.
func classes() map[string]float64 {
	samples := []metrics.Sample{}
	for _, name := range []string{"gc/total", "idle", "total"} {
		samples = append(samples, metrics.Sample{Name: "/cpu/classes/" + name + ":cpu-seconds"})
	}
	metrics.Read(samples)
	values := map[string]float64{}
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindFloat64 {
			values[s.Name] = s.Value.Float64()
		}
	}
	return values
}

func cpuTime() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
