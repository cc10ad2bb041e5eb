// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

// addressTable finds an index by an offset and a size. It is open addressing, at most half full: a read looks up each
// location and each sample.
type addressTable struct {
	slots []tableSlot
	used  int
}

type tableSlot struct {
	offset, size uint64
	index        int32 // 1 for the first; 0 for an empty slot
}

func tableHash(offset, size uint64) uint64 {
	h := (offset ^ size<<40 ^ size>>24) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

func (t *addressTable) find(offset, size uint64) (int32, bool) {
	mask := uint64(len(t.slots) - 1)
	if len(t.slots) == 0 {
		return 0, false
	}
	for i := tableHash(offset, size) & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.index == 0 {
			return 0, false
		}
		if s.offset == offset && s.size == size {
			return s.index - 1, true
		}
	}
}

// add puts in what is not there yet.
func (t *addressTable) add(offset, size uint64, index int32) {
	if 2*(t.used+1) > len(t.slots) {
		old := t.slots
		t.slots = make([]tableSlot, max(2*len(old), 64))
		for _, s := range old {
			if s.index > 0 {
				t.put(s)
			}
		}
	}
	t.used++
	t.put(tableSlot{offset, size, index + 1})
}

func (t *addressTable) put(s tableSlot) {
	mask := uint64(len(t.slots) - 1)
	i := tableHash(s.offset, s.size) & mask
	for t.slots[i].index > 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}
