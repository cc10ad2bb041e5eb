// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"container/list"
	"sync"
	"time"

	"github.com/heapgate/heapgate/internal/signal"
)

// state is everything the processor remembers: one memory a target. It is bounded in number by maxTargets, in bytes by
// maxSize, in age by expireAfter and per target by the signal.Settings. Nothing in it knows what time it is.
type state struct {
	settings    signal.Settings
	maxTargets  int
	maxSize     int64
	expireAfter time.Duration

	mu      sync.Mutex
	targets map[identity]*list.Element // of *entry
	silent  *list.List                 // longest silent first
	size    int64                      // bytes, of all entries
	changes limiter
}

type entry struct {
	id           identity
	first, heard time.Time
	observations uint
	size         int64 // bytes that it counts for
	measured     bool
	changes      bucket
	target       signal.Target
}

// assumedSize in bytes is what a target counts for until its histories are full: a fleet that is discovered at once would
// else be let in whole and grow beyond the limit later.
const assumedSize = 40 << 10

// measureEvery so many observations a target is measured again.
const measureEvery = 64

func newState(cfg *Config) *state {
	return &state{
		settings:    signal.Settings{Window: cfg.Window, MaxSnapshots: cfg.MaxSnapshots, MaxSites: cfg.MaxSites},
		maxTargets:  cfg.MaxTargets,
		maxSize:     int64(cfg.StateSize),
		expireAfter: cfg.ExpireAfter,
		targets:     map[identity]*list.Element{},
		silent:      list.New(),
		changes:     newLimiter(cfg.MaxChanges),
	}
}

// observe lets the target learn from an observation, and adds what follows from it to the report, in which only those changes
// stay that are told. refused says why there was no room for a new target; displaced is how many old ones made room.
func (s *state) observe(now time.Time, id identity, o signal.Observation, r *signal.Report) (told outcomes, displaced int, refused signal.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	element, ok := s.targets[id]
	if !ok {
		displaced, refused = s.makeRoom(now)
		if refused != "" {
			return told, displaced, refused
		}
		element = s.silent.PushBack(&entry{id: id, first: now, size: assumedSize})
		s.targets[id] = element
		s.size += assumedSize
	}
	e := element.Value.(*entry)
	e.heard = now
	s.silent.MoveToBack(element)
	e.target.Observe(o, s.settings, r)
	s.measure(now, e)
	r.Changes, told = s.changes.admit(now, &e.changes, r.Changes)
	return told, displaced, ""
}

// makeRoom for a new target. One that is still heard is not displaced: with one target too many, each would push out the
// next before that is heard again, and none would ever have a window.
func (s *state) makeRoom(now time.Time) (displaced int, refused signal.Reason) {
	for {
		switch {
		case len(s.targets) >= s.maxTargets:
			refused = noRoom
		case s.size+assumedSize > s.maxSize && len(s.targets) > 0:
			refused = noMemory
		default:
			return displaced, ""
		}
		if now.Sub(s.longestSilent().heard) < s.settings.Window {
			return displaced, refused
		}
		s.forget(s.longestSilent())
		displaced++
	}
}

// measure a target when its histories are full for the first time, and from then on now and again, not all in one minute.
func (s *state) measure(now time.Time, e *entry) {
	e.observations++
	if e.measured && (e.observations+uint(e.id[0]))%measureEvery != 0 || now.Sub(e.first) < s.settings.Window {
		return
	}
	size := sizeOf(e)
	s.size += size - e.size
	e.size, e.measured = size, true
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

// held is how many targets are remembered, and in how many bytes.
func (s *state) held() (targets int, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.targets), s.size
}

func (s *state) longestSilent() *entry { return s.silent.Front().Value.(*entry) }

func (s *state) forget(e *entry) {
	s.silent.Remove(s.targets[e.id])
	delete(s.targets, e.id)
	s.size -= e.size
}
