// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import "fmt"

// ids gives messages that a profile numbers as it likes their dense indices.
type ids struct {
	small []int32          // index+1 by id, for the ids up to the number of messages: all, in what Go writes
	large map[uint64]int32 // index by id
}

func (s *ids) reset(n int) {
	s.small = resize(s.small, n+1)
	clear(s.small)
	clear(s.large)
}

func (s *ids) add(id uint64, index int) error {
	if id == 0 {
		return fmt.Errorf("got id 0, want a number from 1 on")
	}
	if s.find(id) >= 0 {
		return fmt.Errorf("id %d stands for two", id)
	}
	if id < uint64(len(s.small)) {
		s.small[id] = int32(index) + 1
		return nil
	}
	if s.large == nil {
		s.large = map[uint64]int32{}
	}
	s.large[id] = int32(index)
	return nil
}

// find gives the index of an id, or -1.
func (s *ids) find(id uint64) int32 {
	if id < uint64(len(s.small)) {
		return s.small[id] - 1
	}
	if index, ok := s.large[id]; ok {
		return index
	}
	return -1
}
