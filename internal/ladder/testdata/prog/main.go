// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command prog allocates in known ways and prints what a protobuf heap profile would tell of it: FUNCTION LINE SIZE ALLOCATED
// INUSE a line. It compiles with Go 1.15.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
)

type pair struct{ a, b int64 }
type wide [96]byte

var (
	keptInts    = map[int64]int64{}
	keptSlices  = map[int64][]byte{}
	keptStrings = map[string]wide{}
	kept        [][]byte
	sink        interface{}
)

func growInts(n int) {
	for i := 0; i < n; i++ {
		keptInts[int64(i)] = int64(i)
	}
}

func growSlices(n int) {
	for i := 0; i < n; i++ {
		keptSlices[int64(i)] = make([]byte, 100) // values of one size on the line of the growth
	}
}

func growStrings(n int) {
	for i := 0; i < n; i++ {
		keptStrings[fmt.Sprint(i)] = wide{}
	}
}

func request100() { m := map[int64]int64{}; fillInts100(m); sink = m }

func fillInts100(m map[int64]int64) {
	for i := int64(0); i < 100; i++ {
		m[i] = i
	}
}

func request5000() { m := map[string]pair{}; fillPairs5000(m); sink = m }

func fillPairs5000(m map[string]pair) {
	for i := range keys {
		m[keys[i]] = pair{}
	}
}

var keys [5000]string

func appendPairs(n int) {
	var s []pair
	for i := 0; i < n; i++ {
		s = append(s, pair{})
	}
	sink = s
}

func appendInts(n int) {
	var s []int64
	for i := 0; i < n; i++ {
		s = append(s, 1)
	}
	sink = s
}

func values(n int) {
	for i := 0; i < n; i++ {
		kept = append(kept, make([]byte, 1<<uint(i%12)))
	}
}

func main() {
	rate := flag.Int("rate", 1, "MemProfileRate")
	times := flag.Int("times", 100, "requests")
	flag.Parse()
	runtime.MemProfileRate = *rate
	for i := range keys {
		keys[i] = fmt.Sprint("key", i)
	}
	growInts(60000)
	growSlices(50000)
	growStrings(20000)
	for i := 0; i < *times; i++ {
		request100()
		if i%50 == 0 {
			request5000()
		}
		appendPairs(200)
		if i%10 == 0 {
			appendInts(100000)
		}
	}
	values(2000)
	runtime.GC()
	runtime.GC()
	runtime.GC()
	print()
}

func print() {
	var records []runtime.MemProfileRecord
	for {
		n, ok := runtime.MemProfile(records, true)
		if ok {
			records = records[:n]
			break
		}
		records = make([]runtime.MemProfileRecord, n+50)
	}
	for _, r := range records {
		if r.AllocObjects == 0 {
			continue
		}
		frames := runtime.CallersFrames(r.Stack())
		for {
			f, more := frames.Next()
			if strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.Function, "internal/runtime/") {
				if more {
					continue
				}
				break
			}
			fmt.Println(f.Function, f.Line, r.AllocBytes/r.AllocObjects, r.AllocBytes, r.InUseBytes())
			break
		}
	}
}
