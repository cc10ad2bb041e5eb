// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"container/list"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/heapgate/heapgate/internal/heap"
)

// Cache keeps the names of the runtime's frames by build, so that of all processes of one build one is asked. It is for
// one Settings.Cache of any number of Probers, and safe for concurrent use.
//
// A name decides the class of somebody's allocations, and it comes from a process that may lie. So:
//
//  1. Names are shared only among processes of one Memory.Trust, which the process cannot choose. A build id that a
//     process claims means nothing outside it.
//  2. Within it, a build is known by its GNU build id (in the mappings of any protobuf profile; Go's linker writes one
//     since 1.24), and its addresses are offsets in the file. Without an id it is known by its visible frames: at least
//     sameFrames pairs of address and function agree, at the same addresses.
//  3. In both cases a process is only let in where its own text agrees in some frame, and shows no other function at any
//     address that the build has a frame or a name for. One that contradicts asks for its own names and changes nothing.
//  4. Only names of the runtime are shared, and the first name of an address stays until the build is evicted.
type Cache struct {
	limits CacheLimits

	mu     sync.RWMutex
	builds map[buildKey]*list.Element // of *build
	order  list.List                  // the one used last at the front
	serial uint64                     // of builds without an id
	stats  CacheStats
}

// CacheLimits bound a Cache. A zero field means its default; at the limit of Builds and of Bytes the build that was not
// used for longest is evicted, at that of Names a process keeps further names for itself.
type CacheLimits struct {
	Builds int   // default 1,024
	Names  int   // of one build; default 2,048 (a heap text has 30 to 60, the goroutines as many)
	Bytes  int64 // of all builds, about; default 32 MiB
}

// CacheStats are what a Cache holds, and what it did since it was made.
type CacheStats struct {
	Builds, Names int
	Bytes         int64 // about
	Hits          int64 // names that a process need not be asked for, because another one was
	Misses        int64 // names that a process had to be asked for
	Refused       int64 // processes that contradict the build they claim
	Evicted       int64 // builds
}

const (
	sameFrames  = 16   // agreeing frames that prove a build without an id
	idFrames    = 4    // visible frames of a process that founds one with an id
	framesKept  = 128  // of a build, to hold others to
	framesMet   = 4096 // of a text, that are looked at
	nameBytes   = 256  // of a name that is shared
	entryBytes  = 48   // of one name in a map, without the name
	recentTried = 8    // builds without an id that a process is held to, the ones used last
)

// buildKey: id is a GNU build id, or seenPrefix and a number.
type buildKey struct{ trust, id string }

const seenPrefix = "seen "

// build is what is known of one build. Cache.mu guards it.
type build struct {
	key    buildKey
	names  map[uint64]string // hidden frames, by address in the file
	frames map[uint64]string // visible frames, by address in the file
	bytes  int64
	gone   bool // evicted
}

// NewCache makes an empty cache.
func NewCache(l CacheLimits) *Cache {
	setDefault(&l.Builds, 1024)
	setDefault(&l.Names, 2048)
	setDefault(&l.Bytes, 32<<20)
	return &Cache{limits: l, builds: map[buildKey]*list.Element{}}
}

// Stats may be called at any time.
func (c *Cache) Stats() CacheStats {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.stats
}

// join finds the build of a process, or founds it; nil where it has none to share with.
func (c *Cache) join(trust string, at place, text *heap.Text) *view {
	visible := map[uint64]string{} // by address in the file
	for address, function := range text.Functions(framesMet) {
		if offset, ok := at.file(address); ok && isShared(function) {
			visible[offset] = function
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id := at.buildID(); id != "" {
		key := buildKey{trust, id}
		element, ok := c.builds[key]
		if !ok {
			return c.found(key, at, visible, idFrames)
		}
		b := element.Value.(*build)
		if b.contradicts(at, text) {
			c.stats.Refused++
			return nil
		}
		if b.agrees(visible) == 0 { // it may be true, but there is nothing to see it by
			return nil
		}
		return c.use(element, at)
	}
	tried := 0
	for element := c.order.Front(); element != nil && tried < recentTried; element = element.Next() {
		b := element.Value.(*build)
		if b.key.trust != trust || !strings.HasPrefix(b.key.id, seenPrefix) {
			continue
		}
		tried++
		if b.agrees(visible) >= sameFrames && !b.contradicts(at, text) {
			return c.use(element, at)
		}
	}
	c.serial++
	return c.found(buildKey{trust, seenPrefix + strconv.FormatUint(c.serial, 10)}, at, visible, sameFrames)
}

func (c *Cache) use(element *list.Element, at place) *view {
	c.order.MoveToFront(element)
	return &view{cache: c, element: element, build: element.Value.(*build), place: at}
}

// found makes a build of its first process, if that shows enough frames to hold others to.
func (c *Cache) found(key buildKey, at place, visible map[uint64]string, enough int) *view {
	if len(visible) < enough {
		return nil
	}
	b := &build{key: key, names: map[uint64]string{}, frames: make(map[uint64]string, framesKept)}
	b.bytes = int64(len(key.trust)+len(key.id)) + entryBytes
	for _, address := range spread(visible, framesKept) {
		b.frames[address] = visible[address]
		b.bytes += int64(len(visible[address])) + entryBytes
	}
	for len(c.builds) > 0 && (len(c.builds) >= c.limits.Builds || c.stats.Bytes+b.bytes > c.limits.Bytes) {
		c.evict()
	}
	element := c.order.PushFront(b)
	c.builds[key] = element
	c.stats.Builds++
	c.stats.Bytes += b.bytes
	return c.use(element, at)
}

func (c *Cache) evict() {
	element := c.order.Back()
	b := c.order.Remove(element).(*build)
	delete(c.builds, b.key)
	c.stats.Builds--
	c.stats.Names -= len(b.names)
	c.stats.Bytes -= b.bytes
	c.stats.Evicted++
	b.gone = true // whoever still looks at it keeps its names until the next visit
}

// spread takes up to n addresses, evenly from the lowest to the highest: frames of the library, by which two processes of
// one build agree, and of the program, by which two builds differ.
func spread(visible map[uint64]string, n int) []uint64 {
	all := make([]uint64, 0, len(visible))
	for address := range visible {
		all = append(all, address)
	}
	slices.Sort(all)
	if len(all) <= n {
		return all
	}
	chosen := make([]uint64, n)
	for i := range chosen {
		chosen[i] = all[i*(len(all)-1)/(n-1)]
	}
	return chosen
}

func (b *build) agrees(visible map[uint64]string) (frames int) {
	for address, function := range b.frames {
		if visible[address] == function {
			frames++
		}
	}
	return frames
}

func (b *build) contradicts(at place, text *heap.Text) bool {
	said := make(map[uint64]string, len(b.frames)+len(b.names))
	for _, names := range []map[uint64]string{b.names, b.frames} {
		for offset, name := range names {
			if address, ok := at.memory(offset); ok {
				said[address] = name
			}
		}
	}
	return text.Contradicts(said)
}
