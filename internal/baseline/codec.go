// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// The value of one workload in the storage, little endian; a text is its length (uvarint) and its bytes:
//
//	"HGBL", version (1 byte)
//	5 texts: the key
//	heard, unix seconds (8 bytes); hours learned (4 bytes); weeks (1 byte)
//	168 weeks of the newest median (2 bytes each)
//	kinds (1 byte), of each: name (text), 168 spreads, 168*weeks medians (2 bytes each, see short)
//	7 ages, of each: processes (2 bytes), 32 slopes (4 bytes each)
//	CRC-32C of all of it (4 bytes)
const (
	magic   = "HGBL"
	version = 1
	// maxValue bounds what is read: 255 kinds would not fit, 40 of eight weeks do.
	maxValue = 128 << 10
	maxKinds = 40
	maxName  = 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrVersion is of a value that another release wrote.
var ErrVersion = errors.New("written by another version")

var errDamaged = errors.New("damaged")

func encode(key *Key, heard time.Time, w *Workload) []byte {
	kinds := 0
	for _, s := range w.series {
		if s != nil {
			kinds++
		}
	}
	e := writer(make([]byte, 0, 3000+kinds*(100+2*slots*(1+w.set.Weeks))))
	e = append(append(e, magic...), version)
	for _, part := range key.parts() {
		e.text(*part)
	}
	e = binary.LittleEndian.AppendUint64(e, uint64(heard.Unix()))
	e = binary.LittleEndian.AppendUint32(e, uint32(min(w.ended, math.MaxInt32)))
	e = append(e, byte(w.set.Weeks))
	for _, week := range w.latest {
		e = binary.LittleEndian.AppendUint16(e, week)
	}
	e = append(e, byte(kinds))
	for i, s := range w.series {
		if s == nil {
			continue
		}
		e.text(w.set.Kinds[i].Name)
		e.shorts(s.spreads)
		e.shorts(s.medians)
	}
	for i := range ageBuckets {
		e = binary.LittleEndian.AppendUint16(e, w.ages.heard[i])
		for _, slope := range w.ages.slopes[i] {
			e = binary.LittleEndian.AppendUint32(e, math.Float32bits(slope))
		}
	}
	return binary.LittleEndian.AppendUint32(e, crc32.Checksum(e, castagnoli))
}

type writer []byte

func (e *writer) text(s string) {
	*e = append(binary.AppendUvarint(*e, uint64(len(s))), s...)
}

func (e *writer) shorts(v []short) {
	for _, s := range v {
		*e = binary.LittleEndian.AppendUint16(*e, uint16(s))
	}
}

// decode gives a workload or an error. Kinds that the settings do not have are dropped, and weeks that there is no room for.
func decode(value []byte, set *Settings) (key Key, heard time.Time, w *Workload, err error) {
	if len(value) > maxValue {
		return key, heard, nil, fmt.Errorf("a workload takes at most %d bytes (got %d)", maxValue, len(value))
	}
	if len(value) < len(magic)+1+4 || string(value[:len(magic)]) != magic {
		return key, heard, nil, errDamaged
	}
	body := value[:len(value)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(value[len(body):]) {
		return key, heard, nil, errDamaged
	}
	if v := body[len(magic)]; v != version {
		return key, heard, nil, fmt.Errorf("version must be %d (got %d): %w", version, v, ErrVersion)
	}
	d := reader{rest: body[len(magic)+1:]}
	for _, part := range key.parts() {
		*part = d.text(maxKey)
	}
	heard = time.Unix(int64(d.uint64()), 0)
	w = New(set)
	w.ended = int(d.uint32() & math.MaxInt32)
	d.workload(w, set)
	for i := range ageBuckets {
		w.ages.heard[i] = min(d.uint16(), 2*processes-1)
		for j := range processes {
			w.ages.slopes[i][j] = d.slope()
		}
	}
	if d.broken || len(d.rest) > 0 || !key.Valid() || !plausible(HourOf(heard)) {
		return key, heard, nil, errDamaged
	}
	return key, heard, w, nil
}

// reader gives zero after the end and remembers that.
type reader struct {
	rest   []byte
	broken bool
}

var zeros [8]byte

func (d *reader) take(n int) []byte {
	if n > len(d.rest) {
		d.broken, d.rest = true, nil
		return zeros[:min(n, len(zeros))]
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *reader) byte() byte     { return d.take(1)[0] }
func (d *reader) uint16() uint16 { return binary.LittleEndian.Uint16(d.take(2)) }
func (d *reader) uint32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *reader) uint64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }

func (d *reader) text(longest int) string {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > uint64(longest) || n > uint64(len(d.rest)-size) {
		d.broken, d.rest = true, nil
		return ""
	}
	d.take(size)
	return string(d.take(int(n)))
}

func (d *reader) slope() float32 {
	v := math.Float32frombits(d.uint32())
	if v != v || v > largest || v < -largest {
		d.broken = true
		return 0
	}
	return v
}

func (d *reader) workload(w *Workload, set *Settings) {
	weeks := int(d.byte())
	if weeks < 2 || weeks > maxWeeks {
		d.broken = true
		return
	}
	for slot := range w.latest {
		w.latest[slot] = d.uint16()
	}
	kinds := int(d.byte())
	if kinds > maxKinds {
		d.broken = true
		return
	}
	for range kinds {
		name := d.text(maxName)
		if d.broken {
			return
		}
		var into *series
		var kind Kind
		for i := range set.Kinds {
			if set.Kinds[i].Name == name {
				into, kind = newSeries(set.Weeks), set.Kinds[i]
				w.series[i] = into
			}
		}
		d.series(into, &kind, weeks, w, set.Weeks)
	}
}

// series reads one kind that was kept for `weeks`, into nil or one that is kept for `now` weeks.
func (d *reader) series(into *series, kind *Kind, weeks int, w *Workload, now int) {
	for slot := range slots {
		if v := short(d.uint16()); into != nil && v.known() && v.value() >= 0 {
			into.spreads[slot] = v
		}
	}
	var old [slots * maxWeeks]short
	for i := range slots * weeks {
		old[i] = short(d.uint16())
	}
	if into == nil {
		return
	}
	for slot := range slots {
		latest := int(w.latest[slot])
		for week := latest; week > max(latest-min(weeks, now), -1); week-- {
			if v := old[slot*weeks+week%weeks]; v.known() && kind.accepts(v.value()) {
				into.medians[slot*now+week%now] = v
			}
		}
	}
}
