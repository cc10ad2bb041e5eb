// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// Keys a second of the maps that grow: a few MB of map a second, as a leak in a busy service.
const (
	tick    = 10 * time.Millisecond
	perTick = 300
)

var (
	kept    []interface{} // what must stay reachable
	keptMu  sync.Mutex
	garbage atomic.Pointer[[]byte] // what was allocated last
)

func keep(v interface{}) {
	keptMu.Lock()
	kept = append(kept, v)
	keptMu.Unlock()
}

// every calls f each tick, for good. A late tick is made up for.
func every(f func(n int)) {
	began := time.Now()
	for n := 0; ; n++ {
		time.Sleep(time.Until(began.Add(time.Duration(n) * tick)))
		f(n)
	}
}

// traffic allocates garbage, as serving requests does: a process that allocates nothing else collects seldom.
//
//go:noinline
func traffic(bytesPerSecond int) {
	const size = 1024
	every(func(int) {
		quiet.RLock()
		defer quiet.RUnlock()
		for i := 0; i < bytesPerSecond/size/int(time.Second/tick); i++ {
			block := make([]byte, size)
			garbage.Store(&block)
		}
	})
}

var (
	ready = make(chan struct{}) // closed when a scenario has made what it needs before it is heard
	goes  = make(chan struct{}) // closed at /go
)

// begin waits until the scenario may act.
func begin(trafficPerSecond int) {
	close(ready)
	<-goes
	counts.Lock()
	counts.began = time.Now().UnixNano()
	counts.Unlock()
	if trafficPerSecond > 0 {
		go traffic(trafficPerSecond)
	}
}

const usualTraffic = 30 << 20
