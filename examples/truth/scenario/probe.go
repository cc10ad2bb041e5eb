// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// swiss tells whether maps are those of Go 1.24 and later.
var swiss = func() bool {
	version := strings.SplitN(strings.TrimPrefix(runtime.Version(), "go1."), ".", 2)[0]
	minor, err := strconv.Atoi(strings.SplitN(strings.SplitN(version, " ", 2)[0], "-", 2)[0])
	return (err != nil || minor >= 24) && !strings.Contains(runtime.Version(), "noswissmap")
}()

// headers tells whether an object with pointers that is larger than 512 bytes has a header: since Go 1.22.
var headers = func() bool {
	for _, old := range []string{"go1.19", "go1.20", "go1.21"} {
		if strings.HasPrefix(runtime.Version(), old) {
			return false
		}
	}
	return true
}()

// probe reads the header of one map before and after an assignment. What the assignment allocated for the map itself follows
// from the difference, to the byte. Layouts: internal/runtime/maps and runtime/map.go.
//
//	p.before(k)
//	m[k] = v
//	p.after()
type probe[K comparable] struct {
	site  *site
	key   K // of this assignment
	began int64
	typ   *mapType
	m     unsafe.Pointer

	// what before saw
	dir, table unsafe.Pointer
	dirLen     int
	depth      uint8 // of the table
	buckets    unsafe.Pointer
	extra      unsafe.Pointer
}

// mapType is the start of abi.MapType and of runtime.maptype: equal up to the hasher.
type mapType struct {
	_      [48]byte
	_, _   *typeSize // key, element
	group  *typeSize // group of a Swiss map, bucket of an old one
	hasher func(unsafe.Pointer, uintptr) uintptr
}

type typeSize struct{ size, pointers uintptr }

type swissMap struct {
	used        uint64
	seed        uintptr
	dir         unsafe.Pointer
	dirLen      int
	globalDepth uint8
	globalShift uint8
}

type swissTable struct {
	used, capacity, growthLeft uint16
	localDepth                 uint8
}

type oldMap struct {
	count               int
	flags, b            uint8
	overflow            uint16
	hash                uint32
	buckets, oldBuckets unsafe.Pointer
	evacuated           uintptr
	extra               unsafe.Pointer
}

// newProbe of a map that its owner keeps.
func newProbe[K comparable, V any](m map[K]V, s *site) *probe[K] {
	var face interface{} = m
	words := (*struct {
		typ  *mapType
		data unsafe.Pointer
	})(unsafe.Pointer(&face))
	return &probe[K]{site: s, typ: words.typ, m: words.data}
}

func (p *probe[K]) before(key K) {
	p.key, p.began = key, time.Now().UnixNano()
	if !swiss {
		m := (*oldMap)(p.m)
		p.buckets, p.extra, p.depth = m.buckets, m.extra, m.b
		return
	}
	m := (*swissMap)(p.m)
	p.dir, p.dirLen = m.dir, m.dirLen
	if p.dirLen > 0 {
		p.table = p.tableOf()
		p.depth = (*swissTable)(p.table).localDepth
	}
}

// tableOf finds the table that the key belongs to.
func (p *probe[K]) tableOf() unsafe.Pointer {
	m := (*swissMap)(p.m)
	at := uintptr(0)
	if m.dirLen > 1 {
		at = p.typ.hasher(unsafe.Pointer(&p.key), m.seed) >> m.globalShift
	}
	return *(*unsafe.Pointer)(unsafe.Add(m.dir, at*8))
}

func (p *probe[K]) after() {
	var grown int64
	if swiss {
		grown = p.swissGrown()
	} else {
		grown = p.oldGrown()
	}
	if grown > 0 {
		p.site.add(grown, p.began)
	}
}

const tableStruct, largestTable = 32, 1024

func (p *probe[K]) swissGrown() (bytes int64) {
	m := (*swissMap)(p.m)
	switch {
	case m.dirLen == 0:
		if p.dir == nil && m.dir != nil {
			bytes = p.array(1) // the first group
		}
		return bytes
	case p.dirLen == 0:
		t := (*swissTable)(p.tableOf())
		return tableStruct + p.array(int(t.capacity)/8) + sizeOf(8*uintptr(m.dirLen), true)
	}
	for n := p.dirLen; n < m.dirLen; n *= 2 {
		bytes += sizeOf(8*uintptr(2*n), true)
	}
	table := p.tableOf()
	if table == p.table {
		return bytes
	}
	t := (*swissTable)(table)
	if splits := int64(t.localDepth - p.depth); splits > 0 {
		return bytes + 2*splits*(tableStruct+p.array(largestTable/8))
	}
	return bytes + tableStruct + p.array(int(t.capacity)/8)
}

func (p *probe[K]) oldGrown() (bytes int64) {
	m := (*oldMap)(p.m)
	if m.buckets == p.buckets {
		return 0
	}
	if p.buckets == nil && m.b == 0 {
		return p.array(1)
	}
	n := 1 << m.b
	if m.b >= 4 {
		n += 1 << (m.b - 4) // overflow buckets in advance
		if p.extra == nil {
			bytes = sizeOf(24, true)
		}
	}
	return bytes + p.array(n)
}

// array is what an array of groups or buckets takes.
func (p *probe[K]) array(n int) int64 {
	return sizeOf(uintptr(n)*p.typ.group.size, p.typ.group.pointers != 0)
}

// sizeClasses of small objects, the same from Go 1.16 to 1.26.
var sizeClasses = [...]uintptr{8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448,
	480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528,
	6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768}

// sizeOf is what the runtime takes for an object.
func sizeOf(size uintptr, pointers bool) int64 {
	if headers && pointers && size > 512 && size <= 32768-8 {
		size += 8
	}
	for _, class := range sizeClasses {
		if size <= class {
			return int64(class)
		}
	}
	return int64((size + 8191) &^ 8191) // whole pages
}

// checkSizeClasses refuses a runtime with others: the truth would be none.
func checkSizeClasses() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for i, class := range m.BySize[1:] {
		if i < len(sizeClasses) && uintptr(class.Size) != sizeClasses[i] {
			panic(fmt.Sprintf("size class %d is %d bytes, not %d", i+1, class.Size, sizeClasses[i]))
		}
	}
}
