// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/signal"
)

func numbered(n int) (id identity) {
	binary.LittleEndian.PutUint64(id[:], uint64(n))
	return id
}

func heldBy(s *state) int {
	targets, _ := s.held()
	return targets
}

func heapAt(now time.Time) signal.Observation {
	return signal.Observation{Heap: &signal.Heap{At: uint64(now.UnixNano()), Cycles: signal.Of(1), Allocated: signal.Of(1)}}
}

// TestBrim fills the state to the brim: one target too many does not cost the others their windows, and silent targets make room.
func TestBrim(t *testing.T) {
	cfg := createDefaultConfig()
	cfg.MaxTargets = 1000
	s := newState(cfg)
	now := time.Unix(epoch, 0)
	for round := range 3 {
		for n := range 1001 {
			var r signal.Report
			_, displaced, why := s.observe(now, numbered(n), heapAt(now), &r)
			full := why == noRoom
			if wantFull := n == 1000; full != wantFull || displaced != 0 {
				t.Fatalf("round %d target %d: full %v displaced %d, want %v and none", round, n, full, displaced, wantFull)
			}
		}
		if held := heldBy(s); held != 1000 {
			t.Fatalf("%d targets held, want 1000", held)
		}
		now = now.Add(time.Minute)
	}
	now = now.Add(cfg.Window - time.Minute) // since the last round
	for n := 2000; n < 3000; n++ {
		if _, displaced, why := s.observe(now, numbered(n), heapAt(now), &signal.Report{}); displaced != 1 || why != "" {
			t.Fatalf("new target %d: displaced %d refused %q, want a silent one displaced", n, displaced, why)
		}
	}
	if len(s.targets) != 1000 || s.silent.Len() != 1000 {
		t.Fatalf("%d targets in the index and %d in the list, want 1000", len(s.targets), s.silent.Len())
	}
	if n := s.expire(now.Add(cfg.ExpireAfter - 1)); n != 0 {
		t.Errorf("%d expired too early", n)
	}
	if n := s.expire(now.Add(cfg.ExpireAfter)); n != 1000 || heldBy(s) != 0 || s.silent.Len() != 0 || s.size != 0 {
		t.Errorf("%d expired and %d left with %d bytes, want 1000 and none", n, heldBy(s), s.size)
	}
}

// TestExpiryFollowsTheLastObservation: a target that is heard stays, however old it is.
func TestExpiryFollowsTheLastObservation(t *testing.T) {
	s := newState(createDefaultConfig())
	now := time.Unix(epoch, 0)
	s.observe(now, numbered(0), heapAt(now), &signal.Report{})
	for range 100 {
		now = now.Add(10 * time.Minute)
		s.observe(now, numbered(1), heapAt(now), &signal.Report{})
		s.expire(now)
	}
	if _, ok := s.targets[numbered(1)]; !ok || heldBy(s) != 1 {
		t.Errorf("%d targets held, want only the one that is heard", heldBy(s))
	}
}

// TestLongestSilent: the target that makes room is the one that is silent for longest, not the one that came first.
func TestLongestSilent(t *testing.T) {
	cfg := createDefaultConfig()
	cfg.MaxTargets = 2
	s := newState(cfg)
	now := time.Unix(epoch, 0)
	for _, n := range []int{0, 1, 0} {
		now = now.Add(cfg.Window / 2)
		s.observe(now, numbered(n), heapAt(now), &signal.Report{})
	}
	now = now.Add(cfg.Window / 2)
	if _, displaced, _ := s.observe(now, numbered(2), heapAt(now), &signal.Report{}); displaced != 1 {
		t.Fatal("no target made room, want the second")
	}
	if _, ok := s.targets[numbered(0)]; !ok {
		t.Error("the first target is forgotten, want the second, which is silent for longer")
	}
}

// TestBrimOfBytes: targets that are new count for a full one, so that a fleet which is discovered at once is not let in whole;
// silent ones make room, and what is counted is what is there.
func TestBrimOfBytes(t *testing.T) {
	cfg := createDefaultConfig()
	cfg.StateSize = 10 * assumedSize
	s := newState(cfg)
	now := time.Unix(epoch, 0)
	for n := range 12 {
		_, displaced, why := s.observe(now, numbered(n), heapAt(now), &signal.Report{})
		if full := n >= 10; full != (why == noMemory) || displaced != 0 {
			t.Fatalf("target %d: refused %q displaced %d, want refused only from the eleventh on", n, why, displaced)
		}
	}
	for range 11 { // the ten are small: once they are measured, there is room for more
		now = now.Add(time.Minute)
		for n := range 10 {
			s.observe(now, numbered(n), heapAt(now), &signal.Report{})
		}
	}
	if _, size := s.held(); size >= 10*assumedSize/2 {
		t.Errorf("%d bytes for ten targets without sites, want less than half of %d", size, 10*assumedSize)
	}
	if _, displaced, why := s.observe(now, numbered(10), heapAt(now), &signal.Report{}); why != "" || displaced != 0 {
		t.Errorf("refused %q displaced %d, want room", why, displaced)
	}
	now = now.Add(cfg.Window)
	s.size = int64(cfg.StateSize)
	if _, displaced, why := s.observe(now, numbered(11), heapAt(now), &signal.Report{}); why != "" || displaced == 0 {
		t.Errorf("refused %q displaced %d, want silent ones displaced", why, displaced)
	}
}
