// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"bytes"
	"math"
	"strconv"
)

// Place is what a site is known by.
type Place struct {
	Function, File string
	Line           int // 0 when the text has none
}

// Frame is one visible frame with what the rules say of its name.
type Frame struct {
	Place
	Address  uint64
	Skip     bool // not a call site: the runtime, or a library on the way to it
	Observer bool
	Mark     Mark
}

// Mark is what the rules of a Format say of a frame beyond Skip. The bits above these are the format's own.
type Mark uint32

const (
	// Library is a frame that is passed over on the way from a Followed site to its owner, the first frame without it.
	Library Mark = 1 << iota
	// Followed is a frame behind which, where it is a site, the stack is read on until its owner.
	Followed
	// Standard is a function named as one of the standard library, or a file of it. One without the other is not of it: then
	// the frame has no mark at all.
	Standard
	// Closure is a function literal that is no Library by its name. It may have been inlined together with the function that
	// it is written in, and then it has the name of the caller, and only its file tells.
	Closure
	// FirstOwnMark is the lowest bit of the format's own.
	FirstOwnMark
)

// in is the mark of a function in a file.
func (m Mark) in(file Mark) Mark {
	switch {
	case m&Standard != 0 && file&Standard == 0:
		return 0
	case m == Closure && file&Standard != 0:
		return file
	}
	return m
}

// frameKey tells frames of cgo apart: several of them may stand at one address, one below the other.
type frameKey struct {
	address uint64
	repeat  int // how many '#' lines before had the same address
}

// frame gives the index in Table.Frames of the frame at an address. rest is its line behind the address.
func (r *Reader) frame(key frameKey, rest []byte) int32 {
	if id, ok := r.frameID(key); ok {
		return id
	}
	cell, file, line := splitFrame(rest)
	name, path := r.names.intern(cell), r.names.intern(file)
	f := Frame{Place{name.string, path.string, line}, key.address, name.skip, name.observer, name.mark.in(path.mark)}
	if len(cell) == 0 {
		f.Function = "0x" + strconv.FormatUint(key.address, 16)
	}
	id := int32(len(r.frames))
	r.frames = append(r.frames, f)
	if key.repeat == 0 {
		r.byAddress[key.address] = id
	} else {
		r.repeated[key] = id
	}
	return id
}

func (r *Reader) frameID(key frameKey) (id int32, ok bool) {
	if key.repeat == 0 {
		id, ok = r.byAddress[key.address]
	} else {
		id, ok = r.repeated[key]
	}
	return id, ok
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
		if n, rest, err := Decimal(file[i+1:]); err == nil && len(rest) == 0 && n <= math.MaxInt32 {
			file, line = file[:i], int(n)
		}
	}
	return name, file, line
}

// frameAddress takes `#`, tabs and an address from a line.
func frameAddress(line []byte) (address uint64, rest []byte, ok bool) {
	return Hexadecimal(bytes.TrimLeft(line[1:], "\t"))
}

// nameAt is where in a '#' line the function's name begins.
func nameAt(line []byte) int {
	i := 1
	for i < len(line) && line[i] == '\t' {
		i++
	}
	for i < len(line) && line[i] != '\t' {
		i++
	}
	for i < len(line) && line[i] == '\t' {
		i++
	}
	return i
}

// IsObserver tells a frame of the profile being written or served; name may have its offset behind it. runtime/pprof.Do is
// not the observer: it runs the user's function.
func IsObserver(name []byte) bool {
	if len(name) == 0 || name[0] != 'n' && name[0] != 'r' { // most names
		return false
	}
	if bytes.HasPrefix(name, []byte("net/http/pprof.")) {
		return true
	}
	called, ok := bytes.CutPrefix(name, []byte("runtime/pprof."))
	return ok && string(called) != "Do" && !bytes.HasPrefix(called, []byte("Do+"))
}
