// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"encoding/binary"
)

// The structural events of the format since Go 1.22 (runtime's internal/trace/tracev2/events.go).
const (
	evEventBatch        = 1
	evStacks            = 2
	evStack             = 3
	evStrings           = 4
	evString            = 5
	evExperimentalBatch = 49
	evEndOfGeneration   = 52

	maxBatchBytes = 64 << 10
)

// vetV2 walks over the batches without looking at events. It finds how much of the body is whole generations, and refuses
// tables above the limits before the reader builds them: an entry of 3 bytes costs it a hundred.
func vetV2(body []byte, version int, cut bool, l Limits) (whole int, truncated bool, err error) {
	v := vetter{limits: l, threads: map[uint64]struct{}{}}
	b := cursor{body: body, at: headerBytes}
	whole = headerBytes
	var now uint64 // generation
	for b.at < len(body) {
		start := b.at
		batch, ok := b.batch()
		if !ok {
			if b.broken {
				return 0, false, &SyntaxError{int64(start), "a batch must begin here"}
			}
			cut = true
			break
		}
		switch {
		case batch.end:
			whole = b.at
			v.reset()
			now = 0
			continue
		case now == 0:
			now = batch.generation
		case batch.generation != now && version < 26: // since then there is an explicit end
			whole, now = start, batch.generation
			v.reset()
		}
		if err := v.count(batch); err != nil {
			return 0, false, err
		}
	}
	if version < 26 && !cut {
		whole = len(body)
	}
	if whole == headerBytes {
		return 0, false, ErrTruncated
	}
	return whole, cut || whole < len(body), nil
}

// batch is one batch of one thread, or the end of a generation.
type batch struct {
	generation, thread uint64
	data               []byte
	end, experimental  bool
}

// cursor reads varints of a body.
type cursor struct {
	body   []byte
	at     int
	broken bool // what is there is no trace, rather than too short
}

// batch reads one; false at a broken or cut one.
func (c *cursor) batch() (b batch, ok bool) {
	switch c.body[c.at] {
	case evEndOfGeneration:
		c.at++
		return batch{end: true}, true
	case evExperimentalBatch:
		b.experimental = true
		c.at++ // the experiment
	case evEventBatch:
	default:
		c.broken = true
		return batch{}, false
	}
	c.at++
	var time, size uint64
	for _, into := range []*uint64{&b.generation, &b.thread, &time, &size} {
		if *into, ok = c.varint(); !ok {
			return batch{}, false
		}
	}
	if size > maxBatchBytes || b.generation == 0 {
		c.broken = true
		return batch{}, false
	}
	if c.at+int(size) > len(c.body) {
		return batch{}, false
	}
	b.data = c.body[c.at : c.at+int(size)]
	c.at += int(size)
	return b, true
}

func (c *cursor) varint() (uint64, bool) {
	if c.at > len(c.body) {
		return 0, false
	}
	v, n := binary.Uvarint(c.body[c.at:])
	if n <= 0 {
		c.broken = n < 0
		return 0, false
	}
	c.at += n
	return v, true
}

// vetter counts what one generation has.
type vetter struct {
	limits          Limits
	strings, frames int
	threads         map[uint64]struct{}
}

func (v *vetter) reset() {
	v.strings, v.frames = 0, 0
	clear(v.threads)
}

// count stops at what it does not understand: the reader says what is wrong with it.
func (v *vetter) count(b batch) error {
	if b.experimental || len(b.data) == 0 {
		return nil
	}
	c := cursor{body: b.data, at: 1}
	switch b.data[0] {
	case evStrings:
		for c.next(evString) && c.skip(1) {
			length, ok := c.varint()
			if v.strings++; v.strings > v.limits.Strings {
				return limitError("strings", v.limits.Strings)
			}
			if !ok || length > uint64(len(b.data)-c.at) {
				return nil
			}
			c.at += int(length)
		}
	case evStacks:
		for c.next(evStack) && c.skip(1) {
			frames, ok := c.varint()
			if !ok || frames > uint64(len(b.data)) {
				return nil
			}
			if v.frames += 1 + int(frames); v.frames > v.limits.Frames {
				return limitError("frames", v.limits.Frames)
			}
			if !c.skip(4 * int(frames)) {
				return nil
			}
		}
	default:
		if v.threads[b.thread] = struct{}{}; len(v.threads) > v.limits.Threads {
			return limitError("threads", v.limits.Threads)
		}
	}
	return nil
}

// next takes one byte of an expected value.
func (c *cursor) next(want byte) bool {
	if c.at >= len(c.body) || c.body[c.at] != want {
		return false
	}
	c.at++
	return true
}

// skip passes over n varints.
func (c *cursor) skip(n int) bool {
	for range n {
		if _, ok := c.varint(); !ok {
			return false
		}
	}
	return true
}
