// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// beforeCrash is long enough for the process to be heard alive.
const beforeCrash = 6 * time.Second

func crashMapWrites() {
	begin(usualTraffic)
	time.Sleep(beforeCrash)
	m := map[int]int{}
	go overwrite(m)
	overwrite(m)
}

func crashMapRead() {
	begin(usualTraffic)
	time.Sleep(beforeCrash)
	m := map[int]int{}
	go overwrite(m)
	for {
		readAll(m)
	}
}

//go:noinline
func overwrite(m map[int]int) {
	for i := 0; ; i++ {
		m[i%64] = i // site: overwrite
	}
}

//go:noinline
func readAll(m map[int]int) (sum int) {
	for i := 0; i < 64; i++ {
		sum += m[i] // site: read
	}
	return sum
}

func crashMemory() {
	begin(usualTraffic)
	time.Sleep(beforeCrash)
	forbidMemory()
	for {
		keep(make([]byte, 256<<20)) // site: memory
	}
}
