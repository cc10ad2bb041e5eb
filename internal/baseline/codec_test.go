// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var api = Key{Cluster: "eu", Namespace: "shop", Kind: "Deployment", Name: "api", Container: "main"}

func learned(set *Settings, hours int) *Workload {
	w := New(set)
	for hour := int64(start); hour < int64(start+hours); hour++ {
		hearHour(w, hour, float64(100+hour%7+3*(hour/slots%5)), 2)
	}
	w.Elapse(int64(start + hours))
	for i := range 3 {
		w.ages.add(2, float64(10*i))
	}
	return w
}

func sealed(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, castagnoli))
}

// TestRoundTrip: what was stored expects the same, also with other numbers of weeks and with other kinds.
func TestRoundTrip(t *testing.T) {
	set := oneKind(6)
	w := learned(set, 7*slots)
	value := encode(&api, monday, w)
	for _, weeks := range []int{6, 8, 3} {
		other := oneKind(weeks)
		other.Kinds = append([]Kind{{Name: "new", Floor: 1}}, other.Kinds...)
		key, heard, got, err := decode(value, other)
		if err != nil || key != api || !heard.Equal(monday) || got.ended != w.ended {
			t.Fatalf("weeks %d: %v %v %v", weeks, key, heard, err)
		}
		if upper, known, n := got.Climb(1.9 * hours); !known || n != 3 || upper < 10 {
			t.Errorf("weeks %d: climb %v %v %d", weeks, upper, known, n)
		}
		native := w // eight weeks know no more than the six that were kept
		if weeks < 6 {
			native = learned(oneKind(weeks), 7*slots)
		}
		for hour := int64(start); hour < start+8*slots; hour++ {
			v, ok := native.at(native.series[0], hour)
			if u, ok2 := got.at(got.series[1], hour); ok != ok2 || ok && u != v {
				t.Fatalf("weeks %d hour %d: %v %v, want %v %v", weeks, hour-start, u, ok2, v, ok)
			}
		}
		want, e := native.Expect(0, start+7*slots), got.Expect(1, start+7*slots)
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("weeks %d: %s", weeks, diff)
		}
	}
	if _, _, got, err := decode(value, &Settings{Weeks: 6, MinSamples: 3, Kinds: []Kind{{Name: "other", Floor: 1}}}); err != nil || got.series[0] != nil {
		t.Errorf("a kind that is gone must be dropped: %v", err)
	}
}

// TestDamage: each flipped bit and each missing end is seen; what is sealed well but wrong is refused too.
func TestDamage(t *testing.T) {
	set := oneKind(2)
	value := encode(&api, monday, learned(set, 30))
	for i := 0; i < len(value); i += 7 {
		broken := bytes.Clone(value)
		broken[i] ^= 1 << (i % 8)
		if _, _, _, err := decode(broken, set); err == nil {
			t.Fatalf("bit %d of byte %d is not seen", i%8, i)
		}
		if _, _, _, err := decode(value[:i], set); err == nil {
			t.Fatalf("an end at byte %d is not seen", i)
		}
	}
	newer := sealed(append([]byte(magic), version+1))
	if _, _, _, err := decode(newer, set); !errors.Is(err, ErrVersion) {
		t.Errorf("another version: %v", err)
	}
	for name, change := range map[string]func(body []byte) []byte{
		"too long":    func([]byte) []byte { return make([]byte, maxValue+1) },
		"rest":        func(body []byte) []byte { return append(body, 0) },
		"truncated":   func(body []byte) []byte { return body[:len(body)-9] },
		"no name":     func(body []byte) []byte { return bytes.Replace(body, []byte("\x03api"), []byte("\x00"), 1) },
		"long text":   func(body []byte) []byte { return bytes.Replace(body, []byte("\x03api"), []byte("\xff\xff\x03api"), 1) },
		"nan slope":   func(body []byte) []byte { return append(body[:len(body)-4], 0, 0, 0xc0, 0x7f) },
		"heard never": func(body []byte) []byte { copy(body[len(magic)+1+3+5+11+4+5:], make([]byte, 8)); return body },
	} {
		if _, _, _, err := decode(sealed(change(bytes.Clone(value[:len(value)-4]))), set); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestPlaces: what changed is written once, to a place of its own, and what was forgotten is deleted.
func TestPlaces(t *testing.T) {
	storage := map[int][]byte{}
	write := func(s *Store, now time.Time) (n int) {
		for place := 0; ; n++ {
			var value []byte
			if place, value = s.Next(place, now); place < 0 {
				return n
			}
			if value == nil {
				delete(storage, place)
			} else {
				storage[place] = value
			}
			place++
		}
	}
	s := NewStore(oneKind(6), 4, 10)
	for n := range 4 {
		grow(s, named(n), 3, monday)
	}
	if n := write(s, monday); n != 4 || len(storage) != 4 {
		t.Fatalf("%d written, want 4", n)
	}
	if n := write(s, monday); n != 0 {
		t.Errorf("%d written though nothing changed", n)
	}
	if n := write(s, monday.Add(time.Hour)); n != 4 {
		t.Errorf("%d written after the hour has ended, want 4", n)
	}
	s.Hear(named(9), monday.Add(2*time.Hour)) // displaces one
	s.Mark(3)
	if n := write(s, monday.Add(2*time.Hour)); n != 2 || len(storage) != 4 {
		t.Errorf("%d written, want the displaced one and the one that failed", n)
	}
	again := NewStore(oneKind(6), 4, 10)
	for place, value := range storage {
		if err := again.Load(place, value, monday); err != nil {
			t.Fatal(err)
		}
	}
	if again.Workloads() != 4 || len(again.free) != 0 || again.Find(named(9)) == nil {
		t.Errorf("%d workloads in %d places", again.Workloads(), 4-len(again.free))
	}
	early := NewStore(oneKind(6), 4, 10)
	for place, value := range storage {
		if err := early.Load(place, value, monday.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		if h := early.places[place]; h.heard.After(monday.Add(-time.Hour)) {
			t.Errorf("heard %v, in the future", h.heard)
		}
	}
	if front := again.young.Front().Value.(*held); front.heard.After(monday) {
		t.Errorf("heard %v, want the order of hearing", front.heard)
	}
	// the same workload in two places: a crash between two writes
	twice := NewStore(oneKind(6), 4, 10)
	grow(s, named(1), 1, monday.Add(9*time.Hour))
	var later []byte
	for place := 0; later == nil; place++ {
		place, later = s.Next(place, monday.Add(9*time.Hour))
	}
	for place, value := range [][]byte{encode(&Key{Name: "w"}, monday, New(oneKind(6))), encode(&Key{Name: "w"}, monday.Add(-time.Hour), New(oneKind(6))), encode(&Key{Name: "w"}, monday.Add(time.Minute), New(oneKind(6)))} {
		if err := twice.Load(place, value, monday.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if h := twice.places[2]; twice.Workloads() != 1 || len(twice.free) != 3 || h == nil || !twice.dirty[0] || !twice.dirty[1] || twice.dirty[2] {
		t.Errorf("of a workload in three places the newest must stay: %+v", twice.places)
	}
	if err := twice.Load(3, []byte("what"), monday); err == nil || !twice.dirty[3] {
		t.Error("a damaged place must be deleted")
	}
}

func FuzzDecode(f *testing.F) {
	set := oneKind(3)
	f.Add(encode(&api, monday, learned(set, 400)))
	f.Add(encode(&Key{Name: "w"}, monday, New(set)))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, v := range [][]byte{value, sealed(value)} {
			key, heard, w, err := decode(v, set)
			if (err == nil) != (w != nil) {
				t.Fatalf("error %v and workload %v", err, w)
			}
			if err != nil {
				continue
			}
			again := encode(&key, heard, w)
			_, _, w2, err := decode(again, set)
			if err != nil {
				t.Fatalf("%v of what was written", err)
			}
			if !bytes.Equal(again, encode(&key, heard, w2)) {
				t.Fatal("decode(encode(x)) is not x")
			}
			e := w.Expect(0, HourOf(heard))
			if e.Basis != None && (!(e.Scale > 0) || !(e.Low <= e.High)) {
				t.Fatalf("%+v", e)
			}
			hearHour(w, HourOf(heard), 1, 0)
			w.Climb(7200)
		}
	})
}
