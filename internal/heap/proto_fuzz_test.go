// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// pb is a protobuf message being written.
type pb []byte

func (m pb) number(tag, n uint64) pb {
	return binary.AppendUvarint(binary.AppendUvarint(m, tag<<3), n)
}

func (m pb) bytes(tag uint64, b []byte) pb {
	return append(binary.AppendUvarint(binary.AppendUvarint(m, tag<<3|2), uint64(len(b))), b...)
}

// smallProto is a profile of two samples in the order in which Go writes them; the second is the observer's.
func smallProto() pb {
	m := pb{}.bytes(11, pb{}.number(1, 1).number(2, 2)).number(12, 524288)
	for _, t := range [][2]uint64{{3, 4}, {5, 2}, {6, 4}, {7, 2}} {
		m = m.bytes(1, pb{}.number(1, t[0]).number(2, t[1]))
	}
	for i := uint64(1); i <= 3; i++ {
		line := pb{}.number(1, i).number(2, 10*i)
		m = m.bytes(4, pb{}.number(1, i).number(3, 0x400000+0x1234*i).bytes(4, line).number(2, 1))
		m = m.bytes(5, pb{}.number(1, i).number(2, 7+i).number(3, 7+i).number(4, 11))
	}
	label := pb{}.number(1, 2).number(3, 48)
	m = m.bytes(2, pb{}.bytes(2, []byte{9, 0x81, 1, 3, 4}).number(1, 1).number(1, 3).bytes(3, label))
	m = m.bytes(2, pb{}.bytes(2, []byte{9, 0x81, 1, 3, 4}).bytes(1, []byte{1, 3, 2}).bytes(3, label))
	m = m.number(9, 1).bytes(3, pb{}.number(1, 1).number(2, 0x400000).number(3, 0x500000))
	for _, s := range []string{"", "space", "bytes", "alloc_objects", "count", "alloc_space", "inuse_objects", "inuse_space", "main.f", "net/http/pprof.Index", "main.main", "main.go"} {
		m = m.bytes(6, []byte(s))
	}
	return m
}

func TestSmallProto(t *testing.T) {
	r, target := NewProtoReader(ProtoLimits{}), &ProtoTarget{Build: NewBuild(BuildLimits{})}
	for range 2 {
		s := readProto(t, r, target, stored(smallProto()))
		if s.Total.AllocBytes != 258 || s.Observer.AllocBytes != 129 || s.Unseen != 1 || len(s.Snapshot().Sites) != 1 {
			t.Errorf("got %+v", s)
		}
	}
	if r.Careful != 1 {
		t.Errorf("%d read carefully, want 1", r.Careful)
	}
}

// TestProtoOtherOrder: a writer that has samples behind its strings is never read quickly.
func TestProtoOtherOrder(t *testing.T) {
	r, target := NewProtoReader(ProtoLimits{}), &ProtoTarget{Build: NewBuild(BuildLimits{})}
	last := pb{}.bytes(2, pb{}.bytes(2, []byte{1, 1, 1, 1}).number(1, 1).bytes(3, pb{}.number(1, 2).number(3, 1)))
	for i := range 3 {
		if s := readProto(t, r, target, stored(append(smallProto(), last...))); s.Total.AllocBytes != 259 || r.Careful != int64(i+1) {
			t.Errorf("read %d: %d bytes, %d read carefully", i, s.Total.AllocBytes, r.Careful)
		}
	}
}

// TestProtoShapes changes how a sample or a location is written. What quick reads is what careful reads, or is left to it.
func TestProtoShapes(t *testing.T) {
	label := pb{}.number(1, 2).number(3, 48)
	values, stack := pb{}.bytes(2, []byte{9, 0x81, 1, 3, 4}), pb{}.bytes(1, []byte{1, 3})
	line := pb{}.number(1, 1).number(2, 10)
	for name, test := range map[string]struct {
		more    pb // another sample or location behind those of smallProto
		careful int64
	}{
		"usual":              {more: pb{}.bytes(2, append(append(bytes.Clone(values), stack...), pb{}.bytes(3, label)...)), careful: 1},
		"another label":      {more: pb{}.bytes(2, append(append(bytes.Clone(values), stack...), pb{}.bytes(3, pb{}.number(1, 4).number(3, 48))...)), careful: 2},
		"label of 2 bytes":   {more: pb{}.bytes(2, append(append(bytes.Clone(values), stack...), pb{}.bytes(3, pb{}.number(1, 2).number(3, 4800))...)), careful: 1},
		"no label":           {more: pb{}.bytes(2, append(bytes.Clone(values), stack...)), careful: 1},
		"label first":        {more: pb{}.bytes(2, append(pb{}.bytes(3, label), append(bytes.Clone(values), stack...)...)), careful: 1},
		"no location":        {more: pb{}.bytes(2, append(bytes.Clone(values), pb{}.bytes(3, label)...)), careful: 2},
		"three values":       {more: pb{}.bytes(2, append(append(pb{}.bytes(2, []byte{1, 2, 3}), stack...), pb{}.bytes(3, label)...)), careful: 2},
		"no location packed": {more: pb{}.bytes(2, append(append(bytes.Clone(values), 1<<3|2, 0), pb{}.bytes(3, label)...)), careful: 2},
		"five values":        {more: pb{}.bytes(2, append(append(pb{}.bytes(2, []byte{1, 2, 3, 4, 5}), stack...), pb{}.bytes(3, label)...)), careful: 2},
		"location 9":         {more: pb{}.bytes(2, append(append(bytes.Clone(values), 1<<3|2, 1, 9), pb{}.bytes(3, label)...)), careful: 2},
		"location at the same address": {
			more: pb{}.bytes(4, pb{}.number(1, 4).number(3, 0x401234).bytes(4, line).bytes(4, line).number(2, 1)), careful: 1,
		},
		"long function": {
			more: pb{}.bytes(4, pb{}.number(1, 4).number(3, 0x401234).bytes(4, pb{0x08, 0x81, 0x80, 0x80, 0x00}.number(2, 10)).number(2, 1)), careful: 1,
		},
		"another line": {
			more: pb{}.bytes(4, pb{}.number(1, 4).number(3, 0x401234).bytes(4, pb{}.number(1, 1).number(2, 11)).bytes(4, line).number(2, 1)), careful: 2,
		},
		"another number": {
			more: pb{}.bytes(4, pb{}.number(1, 5).number(3, 0x401234).bytes(4, line).bytes(4, line).number(2, 1)), careful: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, target := NewProtoReader(ProtoLimits{}), &ProtoTarget{Build: NewBuild(BuildLimits{})}
			readProto(t, r, target, stored(smallProto()))
			at := bytes.Index(smallProto(), []byte{9 << 3, 1, 3<<3 | 2}) // the time, behind the samples
			body := append(bytes.Clone(smallProto()[:at]), append(test.more, smallProto()[at:]...)...)
			quick, err := r.Read(bytes.NewReader(stored(body)), target)
			if r.Careful != test.careful {
				t.Errorf("%d read carefully, want %d", r.Careful, test.careful)
			}
			want, wantErr := NewProtoReader(ProtoLimits{}).Read(bytes.NewReader(stored(body)), &ProtoTarget{Build: target.Build})
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("got %v, carefully %v", err, wantErr)
			}
			if err == nil && (quick.Total != want.Total || quick.Observer != want.Observer || quick.Unseen != want.Unseen) {
				t.Errorf("got %+v, carefully %+v", quick, want)
			}
		})
	}
}

// TestProtoNegativeSample: a number below 0 is refused though the totals stay above.
func TestProtoNegativeSample(t *testing.T) {
	at := bytes.Index(smallProto(), []byte{9 << 3, 1, 3<<3 | 2})
	for i := range 4 {
		var values pb
		for j := range 4 {
			value := uint64(1)
			if i == j {
				value = math.MaxUint64 // -1
			}
			values = binary.AppendUvarint(values, value)
		}
		sample := pb{}.bytes(2, append(append(pb{}.bytes(2, values), pb{}.bytes(1, []byte{1, 3})...), pb{}.bytes(3, pb{}.number(1, 2).number(3, 48))...))
		body := stored(append(bytes.Clone(smallProto()[:at]), append(sample, smallProto()[at:]...)...))
		r, target := NewProtoReader(ProtoLimits{}), &ProtoTarget{Build: NewBuild(BuildLimits{})}
		readProto(t, r, target, stored(smallProto()))
		var syntax *SyntaxError
		if _, err := r.Read(bytes.NewReader(body), target); !errors.As(err, &syntax) {
			t.Errorf("value %d below 0: got %v, want a syntax error", i, err)
		}
	}
}

// TestProtoMoved: the same addresses at another base are other places.
func TestProtoMoved(t *testing.T) {
	r, target := NewProtoReader(ProtoLimits{}), &ProtoTarget{Build: NewBuild(BuildLimits{})}
	readProto(t, r, target, stored(smallProto()))
	moved := bytes.Replace(smallProto(), pb{}.number(2, 0x400000).number(3, 0x500000), pb{}.number(2, 0x3f0000).number(3, 0x4f0000), 1)
	readProto(t, r, target, stored(moved))
	if r.Careful != 2 || target.Base() != 0x3f0000 || target.Build.Stats().Addresses != 6 {
		t.Errorf("%d read carefully, base %#x, %+v; want 2, 0x3f0000 and 6 addresses", r.Careful, target.Base(), target.Build.Stats())
	}
}

// FuzzProtoReader reads anything as the second profile of a process. No panic; error xor value; the sites and the observer
// add up to the total; and the read after it is as if nothing had been between.
func FuzzProtoReader(f *testing.F) {
	small := stored(smallProto())
	f.Add([]byte(smallProto()))
	f.Add([]byte(smallProto()[:100]))
	r := NewProtoReader(ProtoLimits{})
	f.Fuzz(func(t *testing.T, plain []byte) {
		target := &ProtoTarget{Build: NewBuild(BuildLimits{})}
		want := readProto(t, r, target, small).Snapshot()
		for _, body := range [][]byte{stored(plain), plain} {
			s, err := r.Read(bytes.NewReader(body), target)
			if (s == nil) == (err == nil) {
				t.Fatalf("got %v and %v", s, err)
			}
			if err != nil {
				checkProtoError(t, err)
				continue
			}
			if got := s.Snapshot(); sumOf(got) != got.Total {
				t.Fatalf("sites and observer are %+v, total %+v", sumOf(got), got.Total)
			}
		}
		got := readProto(t, r, &ProtoTarget{Build: NewBuild(BuildLimits{})}, small).Snapshot()
		if got.Total != want.Total || len(got.Sites) != len(want.Sites) {
			t.Fatalf("after it: %+v, before: %+v", got.Total, want.Total)
		}
	})
}

// stored is a gzip member that holds plain as it is.
func stored(plain []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.NoCompression)
	_, _ = z.Write(plain)
	_ = z.Close()
	return b.Bytes()
}

func checkProtoError(t *testing.T, err error) {
	t.Helper()
	var limit *LimitError
	var syntax *SyntaxError
	for _, is := range []error{ErrTruncated, ErrNotHeapProto, ErrOtherBuild} {
		if errors.Is(err, is) {
			return
		}
	}
	if !errors.As(err, &limit) && !errors.As(err, &syntax) {
		t.Fatalf("error of another kind: %v", err)
	}
}
