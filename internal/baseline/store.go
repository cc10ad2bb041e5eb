// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"container/list"
	"time"
)

// Key names a workload. Its version and its processes are no part of it: what is usual outlives both.
type Key struct{ Cluster, Namespace, Kind, Name, Container string }

// maxKey bounds the bytes of a key.
const maxKey = 1024

func (k *Key) parts() []*string {
	return []*string{&k.Cluster, &k.Namespace, &k.Kind, &k.Name, &k.Container}
}

// Valid is false of a workload without a name, or with one that nobody gave it in good faith.
func (k *Key) Valid() bool {
	return k.Name != "" && len(k.Cluster)+len(k.Namespace)+len(k.Kind)+len(k.Name)+len(k.Container) <= maxKey
}

// ProcessID tells processes apart, well enough for an alarm.
type ProcessID uint64

const (
	// grownHours are a day: what was heard for less gives way to a new workload when it is silent for youngSilent,
	// so that jobs with names of their own do not push out what was learned in weeks; the rest after grownSilent.
	grownHours  = 24
	youngSilent = time.Hour
	grownSilent = 7 * 24 * time.Hour
)

// Store is all that is remembered, bounded in number. It is not safe for concurrent use. Each workload has a place of its own in the
// storage, a number below the limit.
type Store struct {
	set                        *Settings
	maxWorkloads, maxProcesses int

	workloads    map[Key]*list.Element // of *held
	young, grown *list.List            // longest silent first
	places       []*held
	free         []int // places; the last one is taken first
	dirty        []bool

	processes map[ProcessID]*list.Element // of *heldProcess
	silent    *list.List                  // longest silent first
}

type held struct {
	key   Key
	heard time.Time
	place int
	in    *list.List
	w     *Workload
}

type heldProcess struct {
	id ProcessID
	p  Process
}

// NewStore is empty.
func NewStore(set *Settings, maxWorkloads, maxProcesses int) *Store {
	s := &Store{
		set: set, maxWorkloads: maxWorkloads, maxProcesses: maxProcesses,
		workloads: map[Key]*list.Element{}, young: list.New(), grown: list.New(),
		places: make([]*held, maxWorkloads), dirty: make([]bool, maxWorkloads),
		processes: map[ProcessID]*list.Element{}, silent: list.New(),
	}
	for place := maxWorkloads - 1; place >= 0; place-- {
		s.free = append(s.free, place)
	}
	return s
}

// Workloads is how many are held.
func (s *Store) Workloads() int { return len(s.workloads) }

// Hear is the workload at an hour, a new one if it is not held; nil if there is no room for it. displaced tells that another
// one made room.
func (s *Store) Hear(key Key, now time.Time) (w *Workload, displaced bool) {
	element, ok := s.workloads[key]
	if !ok {
		if len(s.free) == 0 {
			if displaced = s.displace(now); !displaced {
				return nil, false
			}
		}
		element = s.insert(key, now, New(s.set), s.young)
	}
	h := element.Value.(*held)
	h.heard = now
	h.in.MoveToBack(element)
	if h.w.Begin(HourOf(now)) {
		s.dirty[h.place] = true
		if h.in == s.young && h.w.ended >= grownHours {
			s.young.Remove(element)
			h.in = s.grown
			s.workloads[key] = s.grown.PushBack(h)
		}
	}
	return h.w, displaced
}

// Find is the workload if it is held.
func (s *Store) Find(key Key) *Workload {
	if element, ok := s.workloads[key]; ok {
		return element.Value.(*held).w
	}
	return nil
}

// Taught marks what has changed aside from the hours.
func (s *Store) Taught(key Key) {
	if element, ok := s.workloads[key]; ok {
		s.dirty[element.Value.(*held).place] = true
	}
}

// HourOf is the hour of a time.
func HourOf(t time.Time) int64 {
	seconds := t.Unix()
	if seconds < 0 {
		return -1
	}
	return seconds / 3600
}

func (s *Store) insert(key Key, heard time.Time, w *Workload, in *list.List) *list.Element {
	place := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return s.put(key, heard, w, in, place)
}

func (s *Store) put(key Key, heard time.Time, w *Workload, in *list.List, place int) *list.Element {
	h := &held{key, heard, place, in, w}
	s.places[place] = h
	after := in.Back() // in the order of hearing; a new one is the last
	for after != nil && after.Value.(*held).heard.After(heard) {
		after = after.Prev()
	}
	var element *list.Element
	if after == nil {
		element = in.PushFront(h)
	} else {
		element = in.InsertAfter(h, after)
	}
	s.workloads[key] = element
	return element
}

func (s *Store) displace(now time.Time) bool {
	for _, of := range []struct {
		in     *list.List
		silent time.Duration
	}{{s.young, youngSilent}, {s.grown, grownSilent}} {
		if front := of.in.Front(); front != nil && now.Sub(front.Value.(*held).heard) >= of.silent {
			s.forget(front)
			return true
		}
	}
	return false
}

func (s *Store) forget(element *list.Element) {
	h := element.Value.(*held)
	h.in.Remove(element)
	delete(s.workloads, h.key)
	s.places[h.place], s.dirty[h.place] = nil, true
	s.free = append(s.free, h.place)
}

// Expire forgets the workloads that were silent for so long that none of their hours counts, and returns how many.
func (s *Store) Expire(now time.Time) (expired int) {
	oldest := time.Duration(s.set.Weeks) * 7 * 24 * time.Hour
	for _, in := range []*list.List{s.young, s.grown} {
		for in.Len() > 0 && now.Sub(in.Front().Value.(*held).heard) > oldest {
			s.forget(in.Front())
			expired++
		}
	}
	return expired
}

// Process is what is remembered of one, a new one if nothing is.
func (s *Store) Process(id ProcessID) *Process {
	element, ok := s.processes[id]
	if ok {
		s.silent.MoveToBack(element)
		return &element.Value.(*heldProcess).p
	}
	if len(s.processes) >= s.maxProcesses {
		front := s.silent.Front()
		delete(s.processes, front.Value.(*heldProcess).id)
		s.silent.Remove(front)
	}
	h := &heldProcess{id: id}
	s.processes[id] = s.silent.PushBack(h)
	return &h.p
}
