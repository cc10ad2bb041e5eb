// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"strings"

	"github.com/heapgate/heapgate/internal/stacktext"
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
type rank uint8

const (
	isValue rank = iota
	isBox
	isAssign // an assignment and nothing else of a map: with the fast functions the first bucket, for they box nothing
	isMake
	isOverflow
	isGrow
	isClone
	isSync
	isUnknown // of whole stacks only
	ranks
)

// classes are the names of the ranks that a whole stack may have.
var classes = [ranks]Class{Value, MapBox, "", MapMake, MapOverflow, MapGrow, MapClone, SyncMap, Unknown}

// rankOf tells what a frame of the runtime, or of the library between it and the site, says.
func rankOf(name string) rank {
	switch name {
	case "runtime.hashGrow":
		return isGrow
	case "runtime.(*hmap).newoverflow", "runtime.(*hmap).createOverflow":
		return isOverflow
	case "runtime.makemap", "runtime.makemap64", "runtime.makemap_small", "reflect.makemap":
		return isMake
	case "runtime.mapclone", "runtime.mapclone2", "maps.clone":
		return isClone
	case "runtime.mapassign":
		return isBox
	case "runtime.mapassign_fast32", "runtime.mapassign_fast32ptr", "runtime.mapassign_fast64", "runtime.mapassign_fast64ptr",
		"runtime.mapassign_faststr":
		return isAssign
	}
	if swiss, ok := strings.CutPrefix(name, "internal/runtime/maps."); ok {
		switch swiss {
		case "(*table).rehash", "(*table).grow", "(*table).split",
			"(*Map).growToSmall", "(*Map).growToTable", "(*Map).installTableSplit":
			return isGrow
		case "NewMap", "NewEmptyMap":
			return isMake
		case "(*Map).Clone":
			return isClone
		}
	}
	if isSyncMap(name) {
		return isSync
	}
	return isValue
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
	allocator bool // the function that each stack begins with from Go 1.26 on
	ladder    bool // its allocations are the doubling arrays of a map before Go 1.24
	rank      rank
	mark      stacktext.Mark
}

// meanings asks for the name of every hidden address once.
func (t *Text) meanings(symbol func(address uint64) (string, bool)) map[uint64]meaning {
	hidden := t.table.Hidden()
	all := make(map[uint64]meaning, len(hidden))
	for _, address := range hidden {
		name, known := symbol(address)
		all[address] = meaning{known, isGC(name), name == "runtime.mallocgc", name == "runtime.hashGrow", rankOf(name), markOf(name)}
	}
	return all
}

// told is what the frames of a chain say, from the leaf to the site.
type told struct {
	class     rank
	ladder    bool // they are arrays of a map before Go 1.24
	known     bool // each hidden frame has a name
	collector bool // the collector allocates for itself
	marks     stacktext.Mark
}

// classify walks a chain from the leaf to the site.
func (t *Text) classify(c stacktext.Chain, meanings map[uint64]meaning) (r told) {
	r.known = c.Matched
	for _, address := range c.Hidden {
		m := meanings[address]
		if r.known = r.known && m.known; !r.known {
			break
		}
		r.marks |= m.mark
		if r.collector = m.collector; r.collector {
			break
		}
		r.class, r.ladder = max(r.class, m.rank), r.ladder || m.ladder
	}
	between := c.Path
	if c.Sited {
		between = between[:len(between)-1]
		r.marks |= t.table.Frames[c.Path[len(between)]].Mark
	}
	for _, id := range between {
		frame := &t.table.Frames[id]
		r.marks |= frame.Mark
		if r.collector = r.collector || isGC(frame.Function); !r.collector {
			r.class = max(r.class, rankOf(frame.Function))
		}
	}
	if r.class == isAssign {
		r.class = isGrow
	}
	if !r.known {
		r.class = isUnknown
	}
	r.ladder = r.ladder && r.class == isGrow
	return r
}

// allocators are the runtime's functions that allocate for whoever called them.
var allocators = []string{
	"runtime.mallocgc", "runtime.newobject", "runtime.newarray", "runtime.makeslice", "runtime.growslice", "runtime.persistentalloc",
}

// site is the index of the frame a chain belongs to, -1 for none. A stack without any of the user's is shown by the first
// frame that is no allocator.
func (t *Text) site(c stacktext.Chain) int {
	if len(c.Path) == 0 {
		return -1
	}
	if !c.Sited {
		for _, id := range c.Path {
			if !hasAnyPrefix(t.table.Frames[id].Function, allocators) {
				return int(id)
			}
		}
	}
	return int(c.Path[len(c.Path)-1])
}

func hasAnyPrefix(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
