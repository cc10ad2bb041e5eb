// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "time"

// Next gives the next place from one on whose value in the storage is not what is remembered; a nil value is to be deleted. From
// then on it counts as written, see Mark. place is -1 behind the last one.
func (s *Store) Next(from int, now time.Time) (place int, value []byte) {
	for place := from; place < len(s.places); place++ {
		h := s.places[place]
		if h != nil && h.w.Elapse(HourOf(now)) {
			s.dirty[place] = true
		}
		if !s.dirty[place] {
			continue
		}
		s.dirty[place] = false
		if h == nil {
			return place, nil
		}
		return place, encode(&h.key, h.heard, h.w)
	}
	return -1, nil
}

// Mark says that a place could not be written.
func (s *Store) Mark(place int) { s.dirty[place] = true }

// Load takes the value of a place, before anything is heard. Of a workload that was stored twice the one heard later is kept. What
// was heard in the future is of a clock that was wrong, and counts as heard now.
func (s *Store) Load(place int, value []byte, now time.Time) error {
	key, heard, w, err := decode(value, s.set)
	if err != nil {
		s.Mark(place) // deleted, unless it is used
		return err
	}
	if heard.After(now) {
		heard = now
	}
	if other, ok := s.workloads[key]; ok {
		if !heard.After(other.Value.(*held).heard) {
			s.Mark(place)
			return nil
		}
		s.forget(other)
	}
	in := s.young
	if w.ended >= grownHours {
		in = s.grown
	}
	for i, free := range s.free {
		if free == place {
			s.free = append(s.free[:i], s.free[i+1:]...)
			break
		}
	}
	s.put(key, heard, w, in, place)
	return nil
}
