// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"sync"
)

// slots bound how many visits run at once: of all targets, of one host, and of suspects, that is targets that let the
// last visit wait for its whole timeout, or were never heard. Suspects have a quarter of the places, so that however many targets hang, the
// others find a free one.
type slots struct {
	all, suspects chan struct{}
	perHost       int

	mu    sync.Mutex
	hosts map[string]*hostSlots
}

// hostSlots are the places of one host while somebody uses or wants them.
type hostSlots struct {
	places chan struct{}
	users  int
}

const suspectShare = 4 // one place in so many

func newSlots(all, perHost int) *slots {
	return &slots{
		all: make(chan struct{}, all), suspects: make(chan struct{}, max(1, all/suspectShare)),
		perHost: perHost, hosts: map[string]*hostSlots{},
	}
}

// acquire waits for a place; it is false when the context ends first. Who waits for a host or among the suspects takes no
// place from the others.
func (s *slots) acquire(ctx context.Context, host string, suspect bool) (release func(), ok bool) {
	own := s.host(host)
	taken := make([]chan struct{}, 0, 3)
	release = func() {
		for _, places := range taken {
			<-places
		}
		s.leave(host, own)
	}
	wanted := []chan struct{}{own.places}
	if suspect {
		wanted = append(wanted, s.suspects)
	}
	for _, places := range append(wanted, s.all) {
		select {
		case places <- struct{}{}:
			taken = append(taken, places)
		case <-ctx.Done():
			release()
			return nil, false
		}
	}
	return release, true
}

func (s *slots) host(name string) *hostSlots {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[name]
	if h == nil {
		h = &hostSlots{places: make(chan struct{}, s.perHost)}
		s.hosts[name] = h
	}
	h.users++
	return h
}

func (s *slots) leave(name string, h *hostSlots) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(s.hosts, name)
	}
}

// busy is how many visits run now.
func (s *slots) busy() int { return len(s.all) }
