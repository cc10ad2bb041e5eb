// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package heap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"testing"

	"github.com/google/pprof/profile"
	kgzip "github.com/klauspost/compress/gzip"
)

// deltaMerge is a peer for benchmarks, in the style of the delta profiles that continuous profilers send: it never builds
// a profile. In one pass over the inflated bytes it indexes the locations, in a second one it subtracts from each sample
// what it had before, and writes the profile again with the samples that changed and what they use. It does not prune the
// table of strings, which makes it cheaper than what it stands for.
type deltaMerge struct {
	gzip      kgzip.Reader
	body, out []byte
	seed      maphash.Seed
	before    map[uint64][4]int64 // by stack and labels
	addresses map[uint64]uint64   // by location id
	used      map[uint64]bool     // location ids
	seen      map[uint64]uint64   // how often a stack with labels was met
	changed   int                 // samples written last
}

func newDeltaMerge() *deltaMerge {
	return &deltaMerge{seed: maphash.MakeSeed(), before: map[uint64][4]int64{}, addresses: map[uint64]uint64{}, used: map[uint64]bool{}, seen: map[uint64]uint64{}}
}

var errWire = errors.New("not the protobuf that Go writes")

// fields calls f with each field of a message: a number for varints, bytes for what has a length. raw is the whole field.
func fields(message []byte, f func(tag int, n uint64, part, raw []byte) error) error {
	for len(message) > 0 {
		start := message
		key, size := binary.Uvarint(message)
		if size <= 0 {
			return errWire
		}
		message = message[size:]
		n, size := binary.Uvarint(message)
		if size <= 0 {
			return errWire
		}
		message = message[size:]
		var part []byte
		switch key & 7 {
		case 0:
		case 2:
			if n > uint64(len(message)) {
				return errWire
			}
			part, message = message[:n], message[n:]
		default:
			return errWire
		}
		if err := f(int(key>>3), n, part, start[:len(start)-len(message)]); err != nil {
			return err
		}
	}
	return nil
}

// read gives the profile of what changed since the read before, not compressed.
func (d *deltaMerge) read(body []byte) ([]byte, error) {
	if err := d.gzip.Reset(bytes.NewReader(body)); err != nil {
		return nil, err
	}
	inflated := bytes.NewBuffer(d.body[:0])
	if _, err := io.Copy(inflated, &d.gzip); err != nil {
		return nil, err
	}
	d.body, d.out, d.changed = inflated.Bytes(), d.out[:0], 0
	clear(d.addresses)
	clear(d.used)
	clear(d.seen)
	err := fields(d.body, func(tag int, _ uint64, part, _ []byte) error {
		if tag != 4 {
			return nil
		}
		var id, address uint64
		err := fields(part, func(tag int, n uint64, _, _ []byte) error {
			switch tag {
			case 1:
				id = n
			case 3:
				address = n
			}
			return nil
		})
		d.addresses[id] = address
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := fields(d.body, func(tag int, _ uint64, part, _ []byte) error {
		if tag != 2 {
			return nil
		}
		return d.sample(part)
	}); err != nil {
		return nil, err
	}
	return d.out, fields(d.body, func(tag int, _ uint64, part, raw []byte) error {
		switch tag {
		case 2: // written
			return nil
		case 4:
			id, _ := binary.Uvarint(part[min(1, len(part)):]) // Go writes the id first
			if !d.used[id] {
				return nil
			}
		}
		d.out = append(d.out, raw...)
		return nil
	})
}

// sample subtracts and writes one sample.
func (d *deltaMerge) sample(message []byte) error {
	var hash maphash.Hash
	hash.SetSeed(d.seed)
	var now [4]int64
	var locations []byte
	labels := []byte(nil)
	err := fields(message, func(tag int, _ uint64, part, raw []byte) error {
		switch tag {
		case 1:
			locations = part
			for len(part) > 0 {
				id, size := binary.Uvarint(part)
				if size <= 0 {
					return errWire
				}
				var word [8]byte
				binary.LittleEndian.PutUint64(word[:], d.addresses[id])
				_, _ = hash.Write(word[:])
				part = part[size:]
			}
		case 2:
			for i := 0; len(part) > 0 && i < len(now); i++ {
				n, size := binary.Uvarint(part)
				if size <= 0 {
					return errWire
				}
				now[i], part = int64(n), part[size:]
			}
		case 3:
			labels = append(labels, raw...)
			_, _ = hash.Write(part)
		}
		return nil
	})
	key := hash.Sum64()
	d.seen[key]++ // frames of the runtime are hidden, so stacks that differ there look alike
	key += d.seen[key]
	was := d.before[key]
	d.before[key] = now
	now[0], now[1] = now[0]-was[0], now[1]-was[1] // what lives is no sum
	if err != nil || now == [4]int64{} {
		return err
	}
	d.changed++
	for ids := locations; len(ids) > 0; {
		id, size := binary.Uvarint(ids)
		d.used[id], ids = true, ids[size:]
	}
	values := make([]byte, 0, 40)
	for _, n := range now {
		values = binary.AppendUvarint(values, uint64(n))
	}
	sample := binary.AppendUvarint([]byte{0x0a}, uint64(len(locations)))
	sample = append(sample, locations...)
	sample = binary.AppendUvarint(append(sample, 0x12), uint64(len(values)))
	sample = append(append(sample, values...), labels...)
	d.out = binary.AppendUvarint(append(d.out, 0x12), uint64(len(sample))) // Profile.sample
	d.out = append(d.out, sample...)
	return nil
}

// The peer is right: its difference is google/pprof's.
func TestDeltaMergeIsPprofs(t *testing.T) {
	for name, body := range corpus(t) {
		d := newDeltaMerge()
		whole, err := d.read(body)
		if err != nil {
			t.Fatal(err)
		}
		first, err := profile.ParseUncompressed(whole)
		if err != nil {
			t.Fatal(err)
		}
		want := parsePprof(t, body)
		if got := sumsOf(first); got != sumsOf(want) {
			t.Errorf("%s: the first difference has %v, want all of it, %v", name, got, sumsOf(want))
		}
		again, err := d.read(body)
		if err != nil {
			t.Fatal(err)
		}
		second, err := profile.ParseUncompressed(again)
		if err != nil {
			t.Fatal(err)
		}
		if got := sumsOf(second); got[0] != 0 || got[1] != 0 || got[3] != sumsOf(want)[3] {
			t.Errorf("%s: the difference to itself has %v", name, got)
		}
	}
}

func sumsOf(p *profile.Profile) (sums [4]int64) {
	for _, s := range p.Sample {
		for i, n := range s.Value {
			sums[i] += n
		}
	}
	return sums
}
