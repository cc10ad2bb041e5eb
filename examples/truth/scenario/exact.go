// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"sync"
	"time"
)

// exact fills maps of each kind and then rests: run with memprofilerate=1, heapgate has to know each byte.
func exact() {
	begin(1 << 20)
	fills := []func(from, to int){fillInt64(), fillString(), fillBytes(), fillStruct(), fillAny()}
	for n := 0; n < 500; n++ {
		for _, fill := range fills {
			fill(n*perTick, (n+1)*perTick)
		}
		time.Sleep(tick)
	}
	for range time.NewTicker(time.Second).C { // a cycle publishes what was allocated before the cycle before it
		runtime.GC()
	}
}

// syncMap grows without bound. What it allocates for itself is known by MemStats, while nobody else allocates.
func syncMap() {
	begin(usualTraffic)
	m := new(sync.Map)
	keep(m)
	s := newSite("sync", "main.putSync", "sync_map")
	const batch = 10 * perTick
	boxed := make([]interface{}, batch)
	every(func(n int) {
		if n%10 != 0 {
			return
		}
		for i := range boxed {
			boxed[i] = n*batch + i
		}
		var before, after runtime.MemStats
		quiet.Lock()
		defer quiet.Unlock()
		runtime.ReadMemStats(&before)
		began := time.Now().UnixNano()
		putSync(m, boxed)
		runtime.ReadMemStats(&after)
		s.add(int64(after.TotalAlloc-before.TotalAlloc), began)
	})
}

//go:noinline
func putSync(m *sync.Map, boxed []interface{}) {
	for _, k := range boxed {
		m.Store(k, k) // site: sync
	}
}
