// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command scenario behaves in one known way and counts in process what really happened, so that what heapgate says of it from
// outside can be held to the truth.
//
//	scenario NAME
//
// It prints the loopback address that it serves on: /debug/pprof and /debug/vars as any Go service, /go, which lets it begin,
// and /truth, the counts as JSON. It compiles with every Go from 1.19 on and imports nothing but the standard library; its map
// probe knows the maps of Go 1.19 to 1.26 on 64-bit machines.
package main

import (
	"encoding/json"
	_ "expvar"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"strings"
	"sync"
)

// scenarios by name. Each makes what it needs, waits in begin until it may act, and then returns or runs for good.
var scenarios = map[string]func(){
	"idle":             func() { begin(0) },
	"gc_storm":         gcStorm,
	"gc_heavy":         gcHeavy,
	"unbounded_int64":  unboundedInt64,
	"unbounded_string": unboundedString,
	"unbounded_bytes":  unboundedBytes,
	"unbounded_struct": unboundedStruct,
	"unbounded_any":    unboundedAny,
	"slow_leak":        slowLeak,
	"presized":         presized,
	"churn":            churn,
	"request_scoped":   requestScoped,
	"sync_map":         syncMap,
	"steady_cache":     steadyCache,
	"warm_up":          func() { warmUp(400000, 800) },
	"warm_up_slow":     func() { warmUp(800000, 400) },
	"value_heavy":      valueHeavy,
	"log_storm":        logStorm,
	"json_storm":       jsonStorm,
	"slice_leak":       sliceLeak,
	"goroutine_leak":   goroutineLeak,
	"limit_ok":         limitOK,
	"limit_thrash":     limitThrash,
	"death_spiral":     deathSpiral,
	"crash_map_writes": crashMapWrites,
	"crash_map_read":   crashMapRead,
	"crash_memory":     crashMemory,
	"exact":            exact,
}

// quiet is held for reading while a page is served, and for writing where a scenario counts allocations by MemStats.
var quiet sync.RWMutex

func main() {
	if len(os.Args) != 2 || scenarios[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "scenario: want the name of a scenario (got %q)\n", os.Args[1:])
		os.Exit(2)
	}
	checkSizeClasses()
	if strings.Contains(os.Getenv("GODEBUG"), "memprofilerate=1") {
		runtime.MemProfileRate = 1 // Go 1.19 reads the setting, and then initialises the variable
	}
	var once sync.Once
	http.HandleFunc("/go", func(http.ResponseWriter, *http.Request) { once.Do(func() { close(goes) }) })
	http.HandleFunc("/truth", func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(truth()); err != nil {
			fmt.Fprintln(os.Stderr, "truth:", err)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go scenarios[os.Args[1]]()
	go watch()
	<-ready
	fmt.Println(listener.Addr())
	err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		quiet.RLock()
		defer quiet.RUnlock()
		http.DefaultServeMux.ServeHTTP(w, r)
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
