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
			displaced, full := s.observe(now, numbered(n), heapAt(now), &r)
			if wantFull := n == 1000; full != wantFull || displaced {
				t.Fatalf("round %d target %d: full %v displaced %v, want %v and none", round, n, full, displaced, wantFull)
			}
		}
		if s.held() != 1000 {
			t.Fatalf("%d targets held, want 1000", s.held())
		}
		now = now.Add(time.Minute)
	}
	now = now.Add(cfg.Window - time.Minute) // since the last round
	for n := 2000; n < 3000; n++ {
		if displaced, full := s.observe(now, numbered(n), heapAt(now), &signal.Report{}); !displaced || full {
			t.Fatalf("new target %d: displaced %v full %v, want a silent one displaced", n, displaced, full)
		}
	}
	if len(s.targets) != 1000 || s.silent.Len() != 1000 {
		t.Fatalf("%d targets in the index and %d in the list, want 1000", len(s.targets), s.silent.Len())
	}
	if n := s.expire(now.Add(cfg.ExpireAfter - 1)); n != 0 {
		t.Errorf("%d expired too early", n)
	}
	if n := s.expire(now.Add(cfg.ExpireAfter)); n != 1000 || s.held() != 0 || s.silent.Len() != 0 {
		t.Errorf("%d expired and %d left, want 1000 and 0", n, s.held())
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
	if _, ok := s.targets[numbered(1)]; !ok || s.held() != 1 {
		t.Errorf("%d targets held, want only the one that is heard", s.held())
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
	if displaced, _ := s.observe(now, numbered(2), heapAt(now), &signal.Report{}); !displaced {
		t.Fatal("no target made room, want the second")
	}
	if _, ok := s.targets[numbered(0)]; !ok {
		t.Error("the first target is forgotten, want the second, which is silent for longer")
	}
}
