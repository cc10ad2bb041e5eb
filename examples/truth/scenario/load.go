// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"log"
	"math/rand"
	"time"
)

// node is what the garbage collector has to follow.
type node struct {
	next, other *node
	_           [2]int64
}

// gcStorm makes garbage at a tiny live heap: many cycles, of which each is cheap.
func gcStorm() { begin(300 << 20) }

// gcHeavy has a large live heap of pointers in no order: few cycles, of which each is dear.
func gcHeavy() {
	keep(graph(3000000))
	begin(200 << 20)
}

// graph gives nodes that point at random ones.
func graph(n int) []*node {
	all := make([]*node, n)
	for i := range all {
		all[i] = new(node)
	}
	for _, one := range all {
		one.next, one.other = all[rand.Intn(n)], all[rand.Intn(n)]
	}
	return all
}

// logStorm formats thousands of lines a second.
func logStorm() {
	begin(0)
	to := log.New(nowhere{}, "", log.LstdFlags) // to io.Discard nothing would even be formatted
	every(func(n int) {
		for i := 0; i < 300; i++ {
			logLine(to, n, i)
		}
	})
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

//go:noinline
func logLine(to *log.Logger, n, i int) {
	to.Printf("request %d of user %s took %v: %d bytes", n, names[i%len(names)], time.Duration(i), n*i) // site: log
}

// jsonStorm reads and writes documents without types.
func jsonStorm() {
	begin(0)
	text := []byte(`{"id":17,"user":{"name":"ann","tags":["a","b","c"]},"items":[{"sku":"x-1","count":3,"price":9.5},{"sku":"x-2","count":1,"price":12}]}`)
	every(func(int) {
		for i := 0; i < 30; i++ {
			jsonDocument(text)
		}
	})
}

//go:noinline
func jsonDocument(text []byte) {
	var document map[string]interface{}
	if err := json.Unmarshal(text, &document); err != nil { // site: json
		panic(err)
	}
	out, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	garbage.Store(&out)
}

// sliceLeak keeps 2 MB a second without a map.
func sliceLeak() {
	begin(usualTraffic)
	var all [][]byte
	keep(&all)
	every(func(int) {
		for i := 0; i < 20; i++ {
			all = append(all, make([]byte, 1024))
		}
	})
}

var never = make(chan int)

// goroutineLeak starts 20 goroutines a second that wait for ever.
func goroutineLeak() {
	begin(usualTraffic)
	every(func(n int) {
		if n%5 == 0 {
			go waitForEver()
		}
	})
}

//go:noinline
func waitForEver() {
	<-never // site: goroutine
}

// hold keeps so many MiB without pointers.
func hold(mib int) {
	for i := 0; i < 16*mib; i++ {
		keep(make([]byte, 64<<10))
	}
}

// limitOK lives far below its GOMEMLIMIT.
func limitOK() {
	hold(60)
	begin(60 << 20)
}

// limitThrash lives at its GOMEMLIMIT: a cycle frees hardly anything.
func limitThrash() {
	hold(70)
	keep(graph(300000))
	begin(100 << 20)
}

// deathSpiral lives above its GOMEMLIMIT, with much to follow: the process does little else than collect.
func deathSpiral() {
	keep(graph(1500000))
	begin(60 << 20)
}
