// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
)

// fleet is the set of targets that are visited now. Each source (the configuration, or a group of discovery) says what it
// wants; the difference to what runs is started and stopped.
type fleet struct {
	limit int
	begin func(ctx context.Context, s spec) // starts a loop that ends with the context

	mu      sync.Mutex
	visited map[string]*visited // by id
	waiting map[string][]spec   // by source: what it wants, while it cannot have all of it
	found   int                 // visited targets that were discovered
}

// visited is a target whose loop runs.
type visited struct {
	source string
	spec   spec
	end    context.CancelFunc
}

const configured = "" // the source of targets in the configuration

func newFleet(limit int, begin func(context.Context, spec)) *fleet {
	return &fleet{limit: limit, begin: begin, visited: map[string]*visited{}, waiting: map[string][]spec{}}
}

// apply makes the source's targets those that are wanted. A target whose address, resource or log changed starts afresh.
// What the limit or a taken id keeps out waits for a place.
func (f *fleet) apply(ctx context.Context, source string, wanted []spec) (refused []refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := map[string]*spec{}
	for i := range wanted {
		left[wanted[i].ID] = &wanted[i]
	}
	freed := false
	for id, v := range f.visited {
		if v.source != source {
			continue
		}
		if again, ok := left[id]; ok && reflect.DeepEqual(*again, v.spec) {
			continue
		}
		v.end()
		delete(f.visited, id)
		f.count(source, -1)
		freed = true
	}
	refused = f.fill(ctx, source, wanted)
	if freed {
		for _, other := range slices.Sorted(maps.Keys(f.waiting)) {
			if other != source {
				f.fill(ctx, other, f.waiting[other])
			}
		}
	}
	return refused
}

// fill starts what is wanted and does not run, as far as there is place.
func (f *fleet) fill(ctx context.Context, source string, wanted []spec) (refused []refusal) {
	for _, s := range wanted {
		v, taken := f.visited[s.ID]
		switch {
		case taken && v.source == source:
		case taken:
			refused = append(refused, refusal{refusedDuplicate, s.ID, s.URL})
		case len(f.visited) >= f.limit:
			refused = append(refused, refusal{refusedLimit, s.ID, s.URL})
		default:
			loop, end := context.WithCancel(ctx)
			f.visited[s.ID] = &visited{source, s, end}
			f.count(source, +1)
			f.begin(loop, s)
		}
	}
	delete(f.waiting, source)
	if len(refused) > 0 {
		f.waiting[source] = wanted
	}
	return refused
}

func (f *fleet) count(source string, by int) {
	if source != configured {
		f.found += by
	}
}

// discovered is how many of the visited targets were discovered.
func (f *fleet) discovered() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.found
}
