// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand"
	"strconv"
)

func unboundedInt64() {
	begin(usualTraffic)
	fill := fillInt64()
	every(func(n int) { fill(n*perTick, (n+1)*perTick) })
}

func fillInt64() func(from, to int) {
	m := map[int64]int64{}
	keep(m)
	p := newProbe(m, newSite("int64", "main.putInt64", "map_grow"))
	return func(from, to int) {
		for i := from; i < to; i++ {
			putInt64(m, p, int64(i))
		}
	}
}

//go:noinline
func putInt64(m map[int64]int64, p *probe[int64], k int64) {
	p.before(k)
	m[k] = k // site: int64
	p.after()
}

func unboundedString() {
	begin(usualTraffic)
	fill := fillString()
	every(func(n int) { fill(n*perTick, (n+1)*perTick) })
}

func fillString() func(from, to int) {
	m := map[string]int{}
	keep(m)
	p := newProbe(m, newSite("string", "main.putString", "map_grow"))
	return func(from, to int) {
		for i := from; i < to; i++ {
			putString(m, p, "session-"+strconv.Itoa(i), i)
		}
	}
}

//go:noinline
func putString(m map[string]int, p *probe[string], k string, v int) {
	p.before(k)
	m[k] = v // site: string
	p.after()
}

func unboundedBytes() {
	begin(usualTraffic)
	fill := fillBytes()
	every(func(n int) { fill(n*perTick, (n+1)*perTick) })
}

func fillBytes() func(from, to int) {
	m := map[int64][]byte{}
	keep(m)
	p := newProbe(m, newSite("bytes", "main.putBytes", "map_grow"))
	return func(from, to int) {
		for i := from; i < to; i++ {
			putBytes(m, p, int64(i), make([]byte, 100))
		}
	}
}

//go:noinline
func putBytes(m map[int64][]byte, p *probe[int64], k int64, v []byte) {
	p.before(k)
	m[k] = v // site: bytes
	p.after()
}

// order is a value that lies in the map itself: no larger than 128 bytes.
type order struct {
	id int64
	_  [4]int64
}

func unboundedStruct() {
	begin(usualTraffic)
	fill := fillStruct()
	every(func(n int) { fill(n*perTick, (n+1)*perTick) })
}

func fillStruct() func(from, to int) {
	m := map[uint32]order{}
	keep(m)
	p := newProbe(m, newSite("struct", "main.putStruct", "map_grow"))
	return func(from, to int) {
		for i := from; i < to; i++ {
			putStruct(m, p, uint32(i), order{id: int64(i)})
		}
	}
}

//go:noinline
func putStruct(m map[uint32]order, p *probe[uint32], k uint32, v order) {
	p.before(k)
	m[k] = v // site: struct
	p.after()
}

func unboundedAny() {
	begin(usualTraffic)
	fill := fillAny()
	every(func(n int) { fill(n*perTick, (n+1)*perTick) })
}

func fillAny() func(from, to int) {
	m := map[string]interface{}{}
	keep(m)
	p := newProbe(m, newSite("any", "main.putAny", "map_grow"))
	return func(from, to int) {
		for i := from; i < to; i++ {
			putAny(m, p, strconv.Itoa(i), i)
		}
	}
}

//go:noinline
func putAny(m map[string]interface{}, p *probe[string], k string, v interface{}) {
	p.before(k)
	m[k] = v // site: any
	p.after()
}

// slowLeak is a map that grows by a few KB a second: too little for the sampled profile to be sure of within minutes.
func slowLeak() {
	begin(usualTraffic)
	m := map[int64]int64{}
	keep(m)
	p := newProbe(m, newSite("slow", "main.putSlow", "map_grow"))
	every(func(n int) { putSlow(m, p, int64(n)) })
}

//go:noinline
func putSlow(m map[int64]int64, p *probe[int64], k int64) {
	p.before(k)
	m[k] = k // site: slow
	p.after()
}

// presized makes maps that are large enough from the start, one after the other.
func presized() {
	begin(usualTraffic)
	s := newSite("presized", "main.putPresized", "map_grow")
	every(func(int) {
		m := make(map[int64]int64, 1000)
		p := newProbe(m, s)
		for i := int64(0); i < 1000; i++ {
			putPresized(m, p, i)
		}
	})
}

//go:noinline
func putPresized(m map[int64]int64, p *probe[int64], k int64) {
	p.before(k)
	m[k] = k // site: presized
	p.after()
}

// churn keeps so many entries: for each that comes the oldest goes.
func churn() {
	begin(usualTraffic)
	const entries = 200000
	m := map[int64][4]int64{}
	keep(m)
	p := newProbe(m, newSite("churn", "main.putChurn", "map_grow"))
	next := int64(0)
	every(func(int) {
		for i := 0; i < 2000; i++ {
			putChurn(m, p, next)
			delete(m, next-entries)
			next++
		}
	})
}

//go:noinline
func putChurn(m map[int64][4]int64, p *probe[int64], k int64) {
	p.before(k)
	m[k] = [4]int64{k} // site: churn
	p.after()
}

// requestScoped makes a map for each request and forgets it.
func requestScoped() {
	begin(usualTraffic)
	const entries = 1000
	s := newSite("request", "main.putRequest", "map_grow")
	s.presize = entries
	every(func(int) {
		for r := 0; r < 2; r++ {
			m := map[string]int{}
			p := newProbe(m, s)
			for i := 0; i < entries; i++ {
				putRequest(m, p, names[i], i)
			}
		}
	})
}

var names = func() []string {
	all := make([]string, 1000)
	for i := range all {
		all[i] = "field-" + strconv.Itoa(i)
	}
	return all
}()

//go:noinline
func putRequest(m map[string]int, p *probe[string], k string, v int) {
	p.before(k)
	m[k] = v // site: request
	p.after()
}

// steadyCache is full before it is first heard; then its values change.
func steadyCache() {
	const entries = 1000000
	m := map[int64]int64{}
	keep(m)
	p := newProbe(m, newSite("steady", "main.putSteady", "map_grow"))
	for k := int64(0); k < entries; k++ {
		putSteady(m, p, k)
	}
	begin(usualTraffic)
	every(func(int) {
		for i := 0; i < 2000; i++ {
			putSteady(m, p, rand.Int63n(entries))
		}
	})
}

//go:noinline
func putSteady(m map[int64]int64, p *probe[int64], k int64) {
	p.before(k)
	m[k] = k // site: steady
	p.after()
}

// warmUp is a cache of all keys that are ever asked for: it fills fast, then ever slower, then not at all.
func warmUp(entries int64, perTick int) {
	begin(usualTraffic)
	m := map[int64]int64{}
	keep(m)
	p := newProbe(m, newSite("warm", "main.putWarm", "map_grow"))
	every(func(int) {
		for i := 0; i < perTick; i++ {
			putWarm(m, p, rand.Int63n(entries))
		}
	})
}

//go:noinline
func putWarm(m map[int64]int64, p *probe[int64], k int64) {
	p.before(k)
	m[k] = k // site: warm
	p.after()
}

// valueHeavy replaces large values of few keys.
func valueHeavy() {
	begin(0)
	const entries = 10000
	m := map[int64][]byte{}
	keep(m)
	p := newProbe(m, newSite("value", "main.putValue", "map_grow"))
	every(func(int) {
		for i := 0; i < 100; i++ {
			putValue(m, p, rand.Int63n(entries))
		}
	})
}

//go:noinline
func putValue(m map[int64][]byte, p *probe[int64], k int64) {
	v := make([]byte, 4096)
	p.before(k)
	m[k] = v // site: value
	p.after()
}
