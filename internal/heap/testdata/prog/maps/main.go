// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command maps fills maps in every way the classifier knows, one function a way, and then writes its own heap
// profile as /debug/pprof/heap?debug=1 answers it, and the answer of /debug/pprof/symbol for the runtime's frames in it.
//
//	maps HEAP-FILE SYMBOLS-FILE ENTRIES RATE
//
// Stdout is the in-process truth: `FUNCTION BYTES`, the growth of MemStats.TotalAlloc while that function ran. It
// compiles with every Go from 1.19 on.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	httppprof "net/http/pprof"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
)

var (
	keep  []interface{} // what is filled stays reachable
	value = make([]byte, 64)
	small = 1000
)

func main() {
	entries, err := strconv.Atoi(os.Args[3])
	check(err)
	runtime.MemProfileRate, err = strconv.Atoi(os.Args[4]) // not by GODEBUG: what ran before main is of no interest
	check(err)
	keep = make([]interface{}, 0, 64)
	run := func(name string, f func()) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		fmt.Printf("main.%s %d\n", name, after.TotalAlloc-before.TotalAlloc)
	}
	run("growInt64", func() { growInt64(entries) })
	run("growString", growString)
	run("growGeneric", growGeneric)
	run("growInlined", growInlined)
	run("growSmall", growSmall)
	run("(*Cache[...]).Put", growCache)
	run("labelled", labelled)
	run("presized", presized)
	run("boxed", boxed)
	run("clone", clone)
	run("syncMap", syncMap)
	run("reflected", reflected)
	run("values", values)
	for i := 0; i < 3; i++ { // allocations are published one to two cycles late
		runtime.GC()
	}
	write()
}

//go:noinline
func growInt64(n int) {
	m := map[int64][]byte{}
	for i := 0; i < n; i++ {
		m[int64(i)] = value
	}
	keep = append(keep, m)
}

//go:noinline
func growString() {
	m := map[string]int{}
	for i := range names {
		m[names[i]] = i
	}
	keep = append(keep, m)
}

//go:noinline
func growGeneric() {
	m := map[[3]int64]int{}
	for i := 0; i < small; i++ {
		m[[3]int64{int64(i)}] = i
	}
	keep = append(keep, m)
}

func put(m map[int32]int, k int) { m[int32(k)] = k }

//go:noinline
func growInlined() {
	m := map[int32]int{}
	for i := 0; i < small; i++ {
		put(m, i)
	}
	keep = append(keep, m)
}

//go:noinline
func growSmall() {
	for i := 0; i < 10; i++ {
		m := map[int64]int{}
		m[int64(i)] = i
		keep = append(keep, m)
	}
}

// Cache is a generic type, whose method names carry [...].
type Cache[K comparable, V any] struct{ m map[K]V }

//go:noinline
func (c *Cache[K, V]) Put(k K, v V) { c.m[k] = v }

//go:noinline
func growCache() {
	c := Cache[uint64, []byte]{m: map[uint64][]byte{}}
	for i := 0; i < small; i++ {
		c.Put(uint64(i), value)
	}
	keep = append(keep, c.m)
}

//go:noinline
func labelled() { pprof.Do(context.Background(), pprof.Labels("job", "fill"), labelledWork) }

//go:noinline
func labelledWork(context.Context) {
	m := map[int64]int{}
	for i := 0; i < small; i++ {
		m[int64(i)] = i
	}
	keep = append(keep, m)
}

//go:noinline
func presized() {
	m := make(map[int64][]byte, small)
	for i := 0; i < small; i++ {
		m[int64(i)] = value
	}
	keep = append(keep, m)
}

//go:noinline
func boxed() {
	m := make(map[int64][200]byte, small)
	for i := 0; i < small; i++ {
		m[int64(i)] = [200]byte{1}
	}
	keep = append(keep, m)
}

//go:noinline
func syncMap() {
	m := new(sync.Map)
	for i := 0; i < small; i++ {
		m.Store(names[i], value)
	}
	keep = append(keep, m)
}

//go:noinline
func reflected() {
	m := reflect.MakeMap(reflect.TypeOf(map[int64]bool(nil)))
	yes := reflect.ValueOf(true)
	for i := 0; i < small; i++ {
		m.SetMapIndex(reflect.ValueOf(int64(i)), yes)
	}
	keep = append(keep, m.Interface())
}

//go:noinline
func values() {
	m := make(map[int64][]byte, small)
	for i := 0; i < small; i++ {
		m[int64(i)] = make([]byte, 100)
	}
	keep = append(keep, m)
}

var names = func() []string {
	s := make([]string, small)
	for i := range s {
		s[i] = "name-" + strconv.Itoa(i)
	}
	return s
}()

// answer is the least http.ResponseWriter that holds a handler's body.
type answer struct {
	bytes.Buffer
	header http.Header
}

func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(int)     {}

func ask(handler http.HandlerFunc, path, query string) []byte {
	a := &answer{header: http.Header{}}
	handler(a, &http.Request{Method: "GET", URL: &url.URL{Path: path, RawQuery: query}})
	return a.Bytes()
}

func write() {
	text := ask(httppprof.Index, "/debug/pprof/heap", "debug=1")
	check(os.WriteFile(os.Args[1], text, 0o600))
	seen := map[string]bool{}
	var query []string
	for _, line := range regexp.MustCompile(`(?m)@( 0x[0-9a-f]+)+$`).FindAll(text, -1) {
		for _, word := range strings.Fields(string(line))[1:] {
			if pc, err := strconv.ParseUint(word, 0, 64); err == nil && !seen[word] {
				seen[word] = true
				query = append(query, fmt.Sprintf("%#x", pc-1))
			}
		}
	}
	var hidden bytes.Buffer
	for _, line := range strings.SplitAfter(string(ask(httppprof.Symbol, "/debug/pprof/symbol", strings.Join(query, "+"))), "\n") {
		if strings.HasPrefix(line, "num_symbols") || strings.Contains(line, " runtime.") || strings.Contains(line, " internal/runtime/") {
			hidden.WriteString(line)
		}
	}
	check(os.WriteFile(os.Args[2], hidden.Bytes(), 0o600))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
