// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/heapgate/heapgate/internal/profile"
)

// protoTypes are the sample types of a heap profile.
var protoTypes = [4]profile.ValueType{
	{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"},
	{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"},
}

// readCareful decodes the body whole, teaches the Build its addresses, and adds it up.
func (r *ProtoReader) readCareful(t *ProtoTarget) error {
	if r.decoder == nil {
		r.decoder = profile.NewDecoder(profile.Limits{
			WireBytes: r.limits.WireBytes, Bytes: r.limits.Bytes, Samples: r.limits.Samples, Locations: r.limits.Locations,
			StackDepth: r.limits.Frames,
		})
	}
	p, err := r.decoder.Decode(bytes.NewReader(r.wire))
	if err != nil {
		return protoError(err)
	}
	if len(p.SampleTypes) != 4 || [4]profile.ValueType(p.SampleTypes) != protoTypes {
		return fmt.Errorf("%w: got %v", ErrNotHeapProto, p.SampleTypes)
	}
	base := uint64(0)
	if len(p.Mappings) > 0 {
		base = p.Mappings[0].Start
	}
	b := t.Build
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.spots, err = b.teach(p, base, r.spots); err != nil {
		return err
	}
	if err := r.addCareful(p, b); err != nil {
		return err
	}
	t.base = base
	if !b.layout.known {
		b.layout = r.readLayout()
	}
	return nil
}

// protoError makes an error of package profile one of this package's.
func protoError(err error) error {
	var limit *profile.LimitError
	var syntax *profile.SyntaxError
	switch {
	case errors.As(err, &limit):
		return &LimitError{What: limit.What, Limit: limit.Limit}
	case errors.As(err, &syntax):
		return &SyntaxError{Msg: err.Error()}
	case errors.Is(err, profile.ErrNotProfile):
		return fmt.Errorf("%w: %w", ErrNotHeapProto, err)
	}
	return fmt.Errorf("%w: %w", ErrTruncated, err)
}

func (r *ProtoReader) addCareful(p *profile.Profile, b *Build) error {
	r.sums.reset(b)
	r.sums.setRate(p.Period)
	for i := range p.Samples {
		sample := &p.Samples[i]
		v := [4]int64(sample.Values)
		if v == [4]int64{} {
			continue
		}
		k := noStack
		for j, l := range sample.Locations {
			id := r.spots[l]
			if id < 0 { // no room: the stack counts as one without a frame
				k = noStack
				break
			}
			if j == 0 {
				k.leaf, k.way = id, b.spots[id].way
			}
			if k.site < 0 {
				k.see(&b.spots[id].frames)
			} else if b.spots[id].flags&isObserverSpot != 0 {
				k.observer = true
			}
		}
		if !r.sums.add(&k, &v, blockSize(sample.Labels)) {
			return errSums
		}
	}
	return r.sums.close()
}

func blockSize(labels []profile.Label) int64 {
	for _, l := range labels {
		if l.Key == "bytes" && l.Str == "" {
			return l.Num
		}
	}
	return 0
}

// readLayout finds how the writer numbers its strings. It is known only where quick may rely on it: the strings come last,
// and are those expected.
func (r *ProtoReader) readLayout() protoLayout {
	w := layoutWalk{}
	r.inflate.Reset(r.wire)
	for used, left := 0, 0; ; {
		window, err := r.inflate.Next(used)
		if errors.Is(err, io.EOF) && left == 0 && w.skip == 0 && w.quick.ntypes == 4 && w.found == len(w.quick.layout.types) {
			w.quick.layout.known = true
			return w.quick.layout
		}
		if err != nil {
			return protoLayout{}
		}
		var ok bool
		if used, ok = w.fields(window); !ok {
			return protoLayout{}
		}
		left = len(window) - used
	}
}

// layoutWalk walks over all top-level fields.
type layoutWalk struct {
	quick   quickScan
	strings uint64 // how many there were
	found   int    // of those expected
	skip    int    // bytes of a string that are in windows to come
}

// fields takes those of a window that are whole; not ok: quick cannot read this profile.
func (w *layoutWalk) fields(window []byte) (used int, ok bool) {
	at := min(w.skip, len(window))
	w.skip -= at
	for at < len(window) {
		key := window[at]
		value, next := protoVarint(window, at+1)
		if next < 0 {
			return at, len(window)-at <= 11
		}
		if key >= 0x80 || w.strings > 0 && key != keyString || key&7 != 0 && key&7 != 2 {
			return at, false
		}
		if key&7 == 0 {
			at = next
			continue
		}
		message := window[next:min(next+int(min(value, 1<<30)), len(window))]
		if uint64(len(message)) < value {
			if key != keyString || value <= 1<<10 {
				return at, true
			}
			w.skip = int(min(value, 1<<30)) - len(message)
		}
		if key == keySampleType && w.quick.sampleType(message) != nil {
			return at, false
		}
		if key == keyString {
			w.string(message)
		}
		at = next + len(message)
	}
	return at, true
}

func (w *layoutWalk) string(s []byte) {
	for i, wanted := range w.quick.layout.types {
		if wanted == w.strings && string(s) == layoutString(i) {
			w.found++
		}
	}
	w.strings++
}

func layoutString(i int) string {
	if i%2 == 0 {
		return protoTypes[i/2].Type
	}
	return protoTypes[i/2].Unit
}
