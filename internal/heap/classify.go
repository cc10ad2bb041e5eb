// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"strings"
)

// Class says what an allocation at a site is.
type Class string

const (
	MapGrow     Class = "map_grow"     // a map's arrays, tables or first group, because it got more entries
	MapOverflow Class = "map_overflow" // overflow buckets of the maps before Go 1.24, also of presized ones
	MapMake     Class = "map_make"     // make(map) and map literals
	MapClone    Class = "map_clone"    // maps.Clone
	MapBox      Class = "map_box"      // a key or an element above 128 bytes, which a map keeps outside
	SyncMap     Class = "sync_map"     // a sync.Map's insides
	Value       Class = "value"        // anything else
	Unknown     Class = "unknown"      // a hidden frame has no name, so nothing can be said
)

// rank orders the classes where a stack has frames of several: the call that the user made wins over what it leads to.
var rank = map[Class]int{Value: 0, MapBox: 1, mapAssign: 2, MapMake: 3, MapOverflow: 4, MapGrow: 5, MapClone: 6, SyncMap: 7}

// mapAssign is a stack that has an assignment and nothing else of a map: with the fast functions the first bucket. They
// take no key or element above 128 bytes, so there is nothing to box.
const mapAssign Class = "map_assign"

// runtimeClass tells what a frame of the runtime, or of the library between it and the site, says.
func runtimeClass(name string) Class {
	switch name {
	case "runtime.hashGrow":
		return MapGrow
	case "runtime.(*hmap).newoverflow", "runtime.(*hmap).createOverflow":
		return MapOverflow
	case "runtime.makemap", "runtime.makemap64", "runtime.makemap_small", "reflect.makemap":
		return MapMake
	case "runtime.mapclone", "runtime.mapclone2", "maps.clone":
		return MapClone
	case "runtime.mapassign":
		return MapBox
	case "runtime.mapassign_fast32", "runtime.mapassign_fast32ptr", "runtime.mapassign_fast64", "runtime.mapassign_fast64ptr",
		"runtime.mapassign_faststr":
		return mapAssign
	}
	if swiss, ok := strings.CutPrefix(name, "internal/runtime/maps."); ok {
		switch swiss {
		case "(*table).rehash", "(*table).grow", "(*table).split",
			"(*Map).growToSmall", "(*Map).growToTable", "(*Map).installTableSplit":
			return MapGrow
		case "NewMap", "NewEmptyMap":
			return MapMake
		case "(*Map).Clone":
			return MapClone
		}
	}
	if isSyncMap(name) {
		return SyncMap
	}
	return Value
}

func isSyncMap(name string) bool {
	return strings.HasPrefix(name, "sync.(*Map).") || strings.HasPrefix(name, "internal/sync.(*HashTrieMap")
}

// isGC is a frame of the collector inside somebody's allocation: what is allocated above it is the collector's own.
func isGC(name string) bool {
	return strings.HasPrefix(name, "runtime.gcAssistAlloc") || name == "runtime.gcStart"
}

// meaning is what the rules say of one hidden address.
type meaning struct {
	known     bool // it has a name
	collector bool
	ladder    bool // its allocations are the doubling arrays of a map before Go 1.24
	class     Class
}

// meanings asks for the name of every hidden address once.
func (t *Text) meanings(symbol func(address uint64) (string, bool)) map[uint64]meaning {
	all := map[uint64]meaning{}
	for _, g := range t.groups {
		for _, address := range g.hidden {
			if _, ok := all[address]; ok {
				continue
			}
			name, known := symbol(address)
			all[address] = meaning{known, isGC(name), name == "runtime.hashGrow", runtimeClass(name)}
		}
	}
	return all
}

// classify walks a group's frames from the leaf to the site. ladder: they are arrays of a map before Go 1.24.
func (t *Text) classify(g *group, meanings map[uint64]meaning) (class Class, ladder bool) {
	if !g.matched {
		return Unknown, false
	}
	class = Value
	collector := false
	for _, address := range g.hidden {
		m := meanings[address]
		if !m.known {
			return Unknown, false
		}
		if collector = m.collector; collector {
			break
		}
		class, ladder = stronger(class, m.class), ladder || m.ladder
	}
	between := g.path
	if g.sited {
		between = between[:len(between)-1]
	}
	for _, id := range between {
		name := t.frames[id].function
		if collector = collector || isGC(name); collector {
			break
		}
		class = stronger(class, runtimeClass(name))
	}
	if class == mapAssign {
		class = MapGrow
	}
	return class, ladder && class == MapGrow
}

func stronger(a, b Class) Class {
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// passedOver are the beginnings of the functions that are not call sites. sync.newEntry is inlined into sync.(*Map)'s
// methods up to Go 1.23.
var passedOver = []string{
	"runtime.", "internal/runtime/", "reflect.", "maps.", "internal/sync.", "sync.(*Map)", "sync.newEntry", "sync/atomic.",
}

func isPassedOver(name string) bool { return hasAnyPrefix(name, passedOver) }

// allocators are the runtime's functions that allocate for whoever called them.
var allocators = []string{
	"runtime.mallocgc", "runtime.newobject", "runtime.newarray", "runtime.makeslice", "runtime.growslice", "runtime.persistentalloc",
}

// site is the frame a group belongs to. A stack without any of the user's is shown by the first frame that is no allocator.
func (t *Text) site(g *group) place {
	if len(g.path) == 0 {
		return place{function: "unknown"}
	}
	if !g.sited {
		for _, id := range g.path {
			if f := t.frames[id]; !hasAnyPrefix(f.function, allocators) {
				return f.place
			}
		}
	}
	return t.frames[g.path[len(g.path)-1]].place
}

func hasAnyPrefix(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// isObserver is a frame of the profile being written or served; name may have its offset behind it. runtime/pprof.Do is
// not the observer: it runs the user's function.
func isObserver(name []byte) bool {
	if len(name) == 0 || name[0] != 'n' && name[0] != 'r' { // most names
		return false
	}
	if bytes.HasPrefix(name, []byte("net/http/pprof.")) {
		return true
	}
	called, ok := bytes.CutPrefix(name, []byte("runtime/pprof."))
	return ok && string(called) != "Do" && !bytes.HasPrefix(called, []byte("Do+"))
}
