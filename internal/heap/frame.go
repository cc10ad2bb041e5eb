// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// place is what a site is known by. Its strings are shared between places.
type place struct {
	function, file string
	line           int
}

// frame is one visible frame with what the rules say about its name.
type frame struct {
	place
	address  uint64
	skip     bool // not a call site: the runtime, or the standard library on the way to it
	observer bool
}

// frameTable knows each address once, so that its line is read only once.
type frameTable struct {
	ids      map[frameKey]int32
	all      []frame
	strings  map[string]string
	nameMax  int
	cutNames int // names longer than nameMax
}

type frameKey struct {
	address uint64
	repeat  int
}

func newFrameTable(l Limits) *frameTable {
	return &frameTable{ids: map[frameKey]int32{}, strings: map[string]string{}, nameMax: l.NameBytes}
}

// find gives the index in all of the frame at an address. rest is its line behind the address.
func (t *frameTable) find(address uint64, repeat int, rest []byte) int32 {
	key := frameKey{address, repeat}
	if id, ok := t.ids[key]; ok {
		return id
	}
	name, file, line := splitFrame(rest)
	f := frame{address: address, skip: isPassedOver(string(name)), observer: isObserver(name)}
	f.function, f.file, f.line = t.intern(name), t.intern(file), line
	if len(name) == 0 {
		f.function = "0x" + strconv.FormatUint(address, 16)
	}
	id := int32(len(t.all))
	t.all = append(t.all, f)
	t.ids[key] = id
	return id
}

// splitFrame cuts `\tNAME+0xOFFSET\tFILE:LINE`.
func splitFrame(rest []byte) (name, file []byte, line int) {
	cell, place, _ := bytes.Cut(bytes.TrimLeft(rest, "\t"), []byte("\t"))
	name = cell
	if i := bytes.LastIndex(cell, []byte("+0x")); i >= 0 {
		name = cell[:i]
	}
	file = bytes.TrimLeft(place, "\t")
	if i := bytes.LastIndexByte(file, ':'); i >= 0 {
		if n, err := strconv.ParseUint(string(file[i+1:]), 10, 64); err == nil && n <= math.MaxInt32 {
			file, line = file[:i], int(n)
		}
	}
	return name, file, line
}

// intern makes a shared string that is valid UTF-8 without control characters, and not too long.
func (t *frameTable) intern(b []byte) string {
	if s, ok := t.strings[string(b)]; ok {
		return s
	}
	raw := string(b)
	s, cut := clean(raw, t.nameMax)
	if cut {
		t.cutNames++
	}
	t.strings[raw] = s
	return s
}

// clean makes a name that a target sent fit to be shown and exported: a foreign process chooses it.
func clean(name string, limit int) (s string, cut bool) {
	if cut = len(name) > limit; cut {
		name = name[:limit] + "..."
	}
	if isPlain(name) {
		return name, cut
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD")), cut
}

// isPlain reports whether a name is printable ASCII, as nearly all are.
func isPlain(name string) bool {
	for i := range len(name) {
		if name[i] < ' ' || name[i] >= 0x7f {
			return false
		}
	}
	return true
}
