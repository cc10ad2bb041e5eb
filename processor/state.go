// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"container/list"
	"sync"
	"time"

	"github.com/heapgate/heapgate/internal/signal"
)

// state is everything the processor remembers: one memory a target. It is bounded in number by maxTargets, in age by
// expireAfter and per target by the signal.Settings. Nothing in it knows what time it is.
type state struct {
	settings    signal.Settings
	maxTargets  int
	expireAfter time.Duration

	mu      sync.Mutex
	targets map[identity]*list.Element // of *entry
	silent  *list.List                 // longest silent first
}

type entry struct {
	id     identity
	heard  time.Time
	target signal.Target
}

func newState(cfg *Config) *state {
	return &state{
		settings:    signal.Settings{Window: cfg.Window, MaxSnapshots: cfg.MaxSnapshots, MaxSites: cfg.MaxSites},
		maxTargets:  cfg.MaxTargets,
		expireAfter: cfg.ExpireAfter,
		targets:     map[identity]*list.Element{},
		silent:      list.New(),
	}
}

// observe lets the target learn from an observation, and adds what follows from it to the report. full is true if there was
// no room for a new target; displaced, if an old one made room.
func (s *state) observe(now time.Time, id identity, o signal.Observation, r *signal.Report) (displaced, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	element, ok := s.targets[id]
	if !ok {
		if len(s.targets) >= s.maxTargets {
			// A target that is still heard is not displaced: with one target too many, each would push out the next before
			// that is heard again, and none would ever have a window.
			if now.Sub(s.longestSilent().heard) < s.settings.Window {
				return false, true
			}
			s.forget(s.longestSilent())
			displaced = true
		}
		element = s.silent.PushBack(&entry{id: id})
		s.targets[id] = element
	}
	h := element.Value.(*entry)
	h.heard = now
	s.silent.MoveToBack(element)
	h.target.Observe(o, s.settings, r)
	return displaced, false
}

// expire forgets the targets that are silent for too long and returns how many these were.
func (s *state) expire(now time.Time) (expired int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.silent.Len() > 0 && now.Sub(s.longestSilent().heard) >= s.expireAfter {
		s.forget(s.longestSilent())
		expired++
	}
	return expired
}

func (s *state) held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.targets)
}

func (s *state) longestSilent() *entry { return s.silent.Front().Value.(*entry) }

func (s *state) forget(h *entry) {
	s.silent.Remove(s.targets[h.id])
	delete(s.targets, h.id)
}
