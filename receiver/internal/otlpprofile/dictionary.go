// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"slices"

	"github.com/heapgate/heapgate/internal/profile"
)

// dictionary collects what samples refer to. Every table begins with the zero value, and what equals it has index 0.
type dictionary struct {
	p       *profile.Profile
	limits  Limits
	dropped int // labels

	strings    table[string]
	functions  table[function]
	mappings   table[mapping]
	attributes table[attribute]
	sets       lists // of attributes, ascending
	locations  lists // mapping, set, address, then function, line and column of each line
	stacks     lists // of locations

	functionAt, mappingAt, locationAt []int32 // by index of the profile: 1 + index of the table; 0 is not there yet
	frameType                         int32   // attribute profile.frame.type=go; 0 is not there yet
	sizes                             sizes
	scratch                           []int32
	attribute                         []int32
}

type function struct {
	name, systemName, file int32
	startLine              int64
}

type mapping struct {
	start, limit, offset uint64
	file, set            int32
}

// table gives each distinct value an index, the zero value 0.
type table[V comparable] struct {
	index map[V]int32
	list  []V
}

func (t *table[V]) of(v V) int32 {
	i, ok := t.index[v]
	if !ok {
		i = int32(len(t.list))
		t.index[v] = i
		t.list = append(t.list, v)
	}
	return i
}

func (t *table[V]) reset() {
	if t.index == nil {
		t.index = map[V]int32{}
	}
	clear(t.index)
	clear(t.list)
	t.list = t.list[:0]
	t.of(*new(V))
}

func (d *dictionary) reset(p *profile.Profile, limits Limits) {
	d.p, d.limits, d.dropped = p, limits, 0
	d.frameType = 0
	d.sizes.reset()
	d.strings.reset()
	d.functions.reset()
	d.mappings.reset()
	d.attributes.reset()
	for _, l := range []*lists{&d.sets, &d.locations, &d.stacks} {
		l.reset()
	}
	d.sets.intern(nil)
	d.stacks.intern(nil)
	d.locations.intern(make([]int32, locationHead))
	if p != nil {
		d.functionAt = zeros(d.functionAt, len(p.Functions))
		d.mappingAt = zeros(d.mappingAt, len(p.Mappings))
		d.locationAt = zeros(d.locationAt, len(p.Locations))
	}
}

// size is a measure of the memory held.
func (d *dictionary) size() int {
	return len(d.stacks.ints) + len(d.locations.ints) + len(d.sets.ints) + 4*(len(d.strings.list)+len(d.functions.list)+len(d.attributes.list))
}

func zeros(s []int32, n int) []int32 {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// stack gives the index of a stack of locations, leaf first.
func (d *dictionary) stack(locations []int32) int32 {
	d.scratch = d.scratch[:0]
	for _, at := range locations {
		i := d.locationAt[at]
		if i == 0 {
			i = d.location(at) + 1
			d.locationAt[at] = i
		}
		d.scratch = append(d.scratch, i-1)
	}
	i, _ := d.stacks.intern(d.scratch)
	return i
}

const (
	locationHead = 4 // mapping, set, low and high half of the address
	lineSize     = 5 // function, low and high half of the line and of the column
)

func (d *dictionary) location(at int32) int32 {
	l := &d.p.Locations[at]
	coded := make([]int32, locationHead, 32)
	coded[0] = d.mapping(l.Mapping)
	coded[2], coded[3] = halves(l.Address)
	d.attribute = d.attribute[:0]
	named := false
	for i := range l.Lines {
		line := &l.Lines[i]
		function := d.function(line.Function)
		named = named || d.functions.list[function].name != 0
		lineLow, lineHigh := halves(uint64(line.Line))
		columnLow, columnHigh := halves(uint64(line.Column))
		coded = append(coded, function, lineLow, lineHigh, columnLow, columnHigh)
	}
	if l.Folded {
		d.attribute = append(d.attribute, d.flag("pprof.location.is_folded"))
	}
	if named { // by the Go runtime; what it cannot name may be anything
		if d.frameType == 0 {
			d.frameType = d.text("profile.frame.type", "go")
		}
		d.attribute = append(d.attribute, d.frameType)
	}
	coded[1] = d.set()
	i, _ := d.locations.intern(coded)
	return i
}

func (d *dictionary) function(at int32) int32 {
	if at < 0 {
		return 0
	}
	if d.functionAt[at] == 0 {
		f := &d.p.Functions[at]
		name := d.strings.of(f.Name)
		systemName := name
		if f.SystemName != f.Name {
			systemName = d.strings.of(f.SystemName)
		}
		d.functionAt[at] = 1 + d.functions.of(function{name, systemName, d.strings.of(f.File), f.StartLine})
	}
	return d.functionAt[at] - 1
}

func (d *dictionary) mapping(at int32) int32 {
	if at < 0 {
		return 0
	}
	if d.mappingAt[at] == 0 {
		m := &d.p.Mappings[at]
		d.attribute = d.attribute[:0]
		if m.BuildID != "" {
			d.attribute = append(d.attribute, d.text("process.executable.build_id.gnu", m.BuildID))
		}
		for _, flag := range []struct {
			has bool
			key string
		}{
			{m.HasFunctions, "pprof.mapping.has_functions"},
			{m.HasFilenames, "pprof.mapping.has_filenames"},
			{m.HasLineNumbers, "pprof.mapping.has_line_numbers"},
			{m.HasInlineFrames, "pprof.mapping.has_inline_frames"},
		} {
			if flag.has {
				d.attribute = append(d.attribute, d.flag(flag.key))
			}
		}
		d.mappingAt[at] = 1 + d.mappings.of(mapping{m.Start, m.Limit, m.Offset, d.strings.of(m.File), d.set()})
	}
	return d.mappingAt[at] - 1
}

// set gives the index of the set of d.attribute.
func (d *dictionary) set() int32 {
	slices.Sort(d.attribute)
	i, _ := d.sets.intern(d.attribute)
	return i
}

func halves(v uint64) (low, high int32) { return int32(uint32(v)), int32(uint32(v >> 32)) }
func whole(low, high int32) uint64      { return uint64(uint32(high))<<32 | uint64(uint32(low)) }
