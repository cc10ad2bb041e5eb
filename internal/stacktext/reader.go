// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"io"
	"sync"
)

// Format is what the texts of one profile have of their own.
type Format struct {
	Truncated error                  // what a text that breaks off is refused with; wraps ErrTruncated
	PassOver  func(name string) bool // a function that is not a call site
	// Mark says what else is of interest of a function's name or a file's path, see Frame.Mark. nil: nothing is.
	Mark func(name string) Mark

	idle sync.Pool // of *Reader
}

// Reader reads one text: Next gives its lines; Open takes the stack of a record, Frame its '#' lines, Chain ends it.
// Reading a record allocates only where its call site is new.
type Reader struct {
	Lines
	format *Format
	limits Limits

	names     names
	frames    []Frame
	byAddress map[uint64]int32   // index in frames
	repeated  map[frameKey]int32 // index in frames, where repeat > 0
	passed    [256]passedFrame   // behind Followed sites: what was seen last at a place
	chains    chains
	odd       int

	stack []byte // the return PCs behind the '@' of the open record, as text
	open  openStack
}

// Read begins a text. The reader must be given back with Close.
func (f *Format) Read(r io.Reader, l Limits) *Reader {
	rd, ok := f.idle.Get().(*Reader)
	if !ok {
		rd = &Reader{format: f, byAddress: map[uint64]int32{}, repeated: map[frameKey]int32{}}
		rd.chains.byHash = map[uint64]int32{}
		rd.names.passOver, rd.names.mark = f.PassOver, f.Mark
	}
	rd.limits = l.WithDefaults()
	rd.reset(r, rd.limits, f.Truncated)
	rd.names.reset(rd.limits.NameBytes)
	return rd
}

// maxKept is how many frames or chains a text may have had whose memory is kept: to clear a large map costs each text.
const maxKept = 8 << 10

// Close keeps the memory for the next text. What Table gave stays as it is.
func (r *Reader) Close() {
	r.r, r.err = nil, nil
	if len(r.frames) > maxKept || r.chains.len() > maxKept || len(r.repeated) > maxKept || cap(r.stack) > 1<<20 || cap(r.buf) > 1<<20 {
		return
	}
	clear(r.frames) // no name is held but by names
	r.frames = r.frames[:0]
	clear(r.byAddress)
	clear(r.repeated)
	clear(r.passed[:])
	r.chains.reset()
	r.odd = 0
	r.open.reset()
	r.format.idle.Put(r)
}

// Records is the limit of the number of records.
func (r *Reader) Records() int { return r.limits.Records }

// Groups is the limit of the number of call sites.
func (r *Reader) Groups() int { return r.limits.Groups }

// Table is what was read, in memory of its own.
func (r *Reader) Table() Table {
	return r.chains.table(r.frames, r.odd, r.names.cut)
}
