// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"errors"
	"io"
	"slices"

	"github.com/heapgate/heapgate/internal/inflate"
	"github.com/heapgate/heapgate/internal/profile"
)

// The protobuf form of a heap profile is a tenth of the text and costs its process a half to a tenth, but it hides the
// runtime's frames at the leaf. They need to be known only once per build: the pair of the leaf's call address and the
// size of the blocks tells the way through the runtime, because a line that puts a value into a map and makes the value
// there allocates blocks of different sizes. So one text teaches a Build which pair is of which class, and protobuf
// profiles of all processes of this build are read against it:
//
//  1. ProtoReader.Read takes the body as it is on the wire, and inflates it piece by piece.
//  2. quick reads the messages in the order in which Go writes them: each location before the first sample that has it,
//     the strings last. A location is an address, and the Build knows what stands there: a site, a frame that is passed
//     over, the observer. It stops where the strings begin, which are a quarter to nine tenths of what the body inflates to.
//  3. A sample adds its numbers to the sum of its site and class. A pair that no text has shown is of class Unknown.
//  4. Where quick meets what it does not know (a new address, another order, another base address), careful reads the body
//     again with package profile, teaches the Build the new addresses by their names, and adds up the same sums.
//  5. The sums are held against those of the read before: the change by site and class.
//
// Addresses in a Build are offsets from the start of the first mapping, so position-independent programs, which stand at
// another address in each process, share them.

// ProtoLimits bound what one protobuf profile may cost. A zero field means its default. Crossing one is a *LimitError.
type ProtoLimits struct {
	WireBytes int64 // of the body as it comes, all of which is held; default 16 MiB
	Bytes     int64 // of the inflated body; default 64 MiB
	Samples   int   // default 250,000
	Locations int   // default 250,000
	Frames    int   // locations of one sample; default 2048
}

func (l ProtoLimits) withDefaults() ProtoLimits {
	if l.WireBytes <= 0 {
		l.WireBytes = 16 << 20
	}
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Samples <= 0 {
		l.Samples = 250_000
	}
	if l.Locations <= 0 {
		l.Locations = 250_000
	}
	if l.Frames <= 0 {
		l.Frames = 2048
	}
	return l
}

// ErrOtherBuild says that a profile or a text is of another program than what its Build has learned.
var ErrOtherBuild = errors.New("another build: it has another line at an address")

// ErrNotHeapProto says that a body is not the protobuf profile of a heap.
var ErrNotHeapProto = errors.New("not a heap profile: its sample types must be alloc_objects, alloc_space, inuse_objects, inuse_space")

// ProtoReader reads one protobuf profile after another in the same memory: one per worker. It is not for concurrent use.
type ProtoReader struct {
	limits  ProtoLimits
	wire    []byte
	inflate inflate.Reader
	decoder *profile.Decoder // made when it is first needed

	quick    quickScan
	spots    []int32 // by location, of a careful reading
	sums     protoSums
	snapshot ProtoSnapshot
	Careful  int64 // how many bodies were read carefully
}

// NewProtoReader gives a reader, which holds about 300 kB and what its largest body needs.
func NewProtoReader(l ProtoLimits) *ProtoReader { return &ProtoReader{limits: l.withDefaults()} }

// ProtoTarget is what is kept of one process between two reads. Its zero value but for Build is a process not read yet.
type ProtoTarget struct {
	Build *Build

	of      *Build // whose sites kept has
	kept    keptSums
	total   Totals
	version int64  // of the Build's pairs when kept was added up
	base    uint64 // start of the first mapping
	read    bool
	missing []addressSize // of the last read, see Settle
}

// Base is where the process has its program: the start of the first mapping, as Build.Learn needs it. 0 before the first read.
func (t *ProtoTarget) Base() uint64 { return t.base }

// Read reads a body to its end and adds it up. It gives a snapshot or an error, never both: *LimitError, *SyntaxError,
// ErrTruncated, ErrNotHeapProto or ErrOtherBuild. The snapshot is valid until the reader's next Read.
func (r *ProtoReader) Read(body io.Reader, t *ProtoTarget) (*ProtoSnapshot, error) {
	if err := r.readWire(body); err != nil {
		return nil, err
	}
	if t.of != t.Build {
		*t = ProtoTarget{Build: t.Build, of: t.Build}
	}
	// The first profile of a process is always read carefully: it shows the base, and the names to hold against the Build's.
	done := false
	if t.read && inflate.IsGzip(r.wire) {
		err := r.readQuick(t)
		if err != nil && !errors.Is(err, errCareful) {
			return nil, err
		}
		done = err == nil
	}
	if !done {
		r.Careful++
		if err := r.readCareful(t); err != nil {
			return nil, err
		}
	}
	r.finish(t)
	return &r.snapshot, nil
}

// finish makes the snapshot, and keeps the sums for the next one.
func (r *ProtoReader) finish(t *ProtoTarget) {
	r.snapshot.build, r.snapshot.sums = t.Build, &r.sums
	r.snapshot.Total, r.snapshot.Observer, r.snapshot.Rate = r.sums.total, r.sums.observer, r.sums.rate
	r.snapshot.UnknownBytes, r.snapshot.Unseen = r.sums.unknown, r.sums.unseen
	if t.missing = nil; len(r.sums.missing) > 0 {
		t.missing = slices.Clone(r.sums.missing)
	}
	r.snapshot.compare(t)
	t.kept = r.sums.keep(t.kept)
	t.total, t.version, t.read = r.sums.total, r.sums.version, true
}

// readWire takes the whole body.
func (r *ProtoReader) readWire(body io.Reader) error {
	if cap(r.wire) > 1<<20 { // of an unusual body
		r.wire = nil
	}
	r.wire = r.wire[:0]
	for range 1 << 30 {
		if len(r.wire) == cap(r.wire) {
			grown := make([]byte, len(r.wire), max(2*cap(r.wire), 32<<10))
			copy(grown, r.wire)
			r.wire = grown
		}
		n, err := body.Read(r.wire[len(r.wire):cap(r.wire)])
		r.wire = r.wire[:len(r.wire)+n]
		if int64(len(r.wire)) > r.limits.WireBytes {
			return &LimitError{What: "bytes on the wire", Limit: r.limits.WireBytes}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errors.Join(ErrTruncated, err)
		}
	}
	return errors.Join(ErrTruncated, io.ErrNoProgress)
}
