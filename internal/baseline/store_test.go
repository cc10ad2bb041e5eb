// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func named(n int) Key { return Key{Namespace: "shop", Kind: "Deployment", Name: fmt.Sprint("w", n)} }

// grow lets a workload learn for some hours up to a time.
func grow(s *Store, key Key, hours int, to time.Time) {
	for h := hours; h >= 0; h-- {
		now := to.Add(-time.Duration(h) * time.Hour)
		w, _ := s.Hear(key, now)
		for range fewest {
			w.Learn(0, HourOf(now), 1)
		}
	}
}

// TestBrim fills the store: who was heard for a day stays for a week, who was heard for less makes room after an hour.
func TestBrim(t *testing.T) {
	s := NewStore(oneKind(6), 10, 100)
	for n := range 5 {
		grow(s, named(n), 24, monday)
	}
	for n := 5; n < 10; n++ {
		grow(s, named(n), 2, monday)
	}
	hear := func(n int, after time.Duration) (held, displaced bool) {
		w, displaced := s.Hear(named(n), monday.Add(after))
		return w != nil, displaced
	}
	if held, displaced := hear(10, 59*time.Minute); held || displaced {
		t.Errorf("after 59 minutes: held %v displaced %v, want no room", held, displaced)
	}
	for n := 11; n < 16; n++ {
		if held, displaced := hear(n, time.Hour); !held || !displaced || s.Workloads() != 10 {
			t.Errorf("young workloads that are silent for an hour must make room: held %v displaced %v", held, displaced)
		}
	}
	for n := range 5 {
		if s.Find(named(n)) == nil {
			t.Errorf("workload %d was pushed out after a day of learning", n)
		}
	}
	for n := 11; n < 16; n++ {
		hear(n, 7*24*time.Hour-time.Minute)
	}
	if held, _ := hear(16, 7*24*time.Hour-time.Second); held {
		t.Error("a grown workload made room before a week of silence")
	}
	if held, displaced := hear(16, 7*24*time.Hour); !held || !displaced || s.Find(named(0)) != nil {
		t.Error("the grown workload that is silent for longest must make room after a week")
	}
	if n := s.Expire(monday.Add(7*7*24*time.Hour - 2*time.Minute)); n != 4 || s.Workloads() != 6 {
		t.Errorf("%d expired, want the four that were not heard for six weeks", n)
	}
	for n := range 1000 {
		s.Process(ProcessID(n))
	}
	if len(s.processes) != 100 || s.silent.Len() != 100 {
		t.Errorf("%d processes, want 100", len(s.processes))
	}
	if s.Process(999) != &s.silent.Back().Value.(*heldProcess).p {
		t.Error("the process heard last was forgotten")
	}
}

func TestKey(t *testing.T) {
	for _, c := range []struct {
		key  Key
		want bool
	}{{Key{Name: "a"}, true}, {Key{Cluster: "c"}, false}, {Key{Name: strings.Repeat("a", maxKey)}, true}, {Key{Name: strings.Repeat("a", maxKey), Kind: "k"}, false}} {
		if c.key.Valid() != c.want {
			t.Errorf("%.20q: %v", c.key, !c.want)
		}
	}
}
