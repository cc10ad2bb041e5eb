// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command writer allocates while goroutines log to the stderr that the runtime traces to, and ends with the truth on
// stdout: the number of cycles, and how many of them were forced. It builds with every Go from 1.19 on, without a module.
package main

import (
	"flag"
	"fmt"
	"log"
	"runtime"
	"sync"
	"time"
)

var sink [][]byte

func main() {
	writers := flag.Int("writers", 1, "goroutines that log")
	pause := flag.Duration("pause", 0, "between two lines of one of them")
	cycles := flag.Uint("cycles", 50, "GC cycles to run")
	flag.Parse()

	stop := make(chan struct{})
	var logging sync.WaitGroup
	logging.Add(*writers)
	for id := 0; id < *writers; id++ {
		go func(id int) {
			defer logging.Done()
			for seq := 0; ; seq++ {
				select {
				case <-stop:
					return
				default:
				}
				log.Printf("level=info worker=%d seq=%d msg=\"request done\" status=200", id, seq)
				time.Sleep(*pause)
			}
		}(id)
	}
	var stats runtime.MemStats
	for stats.NumGC < uint32(*cycles) {
		for i := 0; i < 200; i++ {
			sink = append(sink, make([]byte, 10<<10))
		}
		if len(sink) > 2000 {
			sink = nil
			runtime.GC()
		}
		runtime.ReadMemStats(&stats)
	}
	close(stop)
	logging.Wait()
	runtime.GC() // waits for the one that may be running, whose line is written then
	runtime.ReadMemStats(&stats)
	fmt.Println(stats.NumGC, stats.NumForcedGC)
}
