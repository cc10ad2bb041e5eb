// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package topsites chooses which of many call sites get a line of their own, so that a process has few time series and
// yet none of them comes and goes.
//
//  1. A site enters when it is among the first `top` by weight, and stays while there is room for twice as many, so that
//     two sites of nearly equal weight do not take turns.
//  2. When the room is full, the lightest named site that is not among the first `top` makes place.
//  3. A site that is no longer there takes no room.
package topsites

// Names are the sites of one process that have a name of their own. K is what a site is known by.
type Names[K comparable] struct {
	top   int
	named map[K]struct{}
}

// New has room for twice as many names as are chosen: top of them at most by their own weight.
func New[K comparable](top int) Names[K] { return Names[K]{top: top, named: map[K]struct{}{}} }

// Has reports whether a site is named.
func (n *Names[K]) Has(site K) bool {
	_, ok := n.named[site]
	return ok
}

// Len is the number of named sites.
func (n *Names[K]) Len() int { return len(n.named) }

// Choose takes the sites that are there now, the heaviest first and each once. It gives those that are named from now on,
// and those that are there and no longer named.
func (n *Names[K]) Choose(ranked []K) (entered, left []K) {
	n.forget(ranked)
	for i, site := range ranked {
		if i == n.top {
			break
		}
		if !n.Has(site) {
			n.named[site] = struct{}{}
			entered = append(entered, site)
		}
	}
	for i := len(ranked) - 1; i >= n.top && len(n.named) > 2*n.top; i-- {
		if n.Has(ranked[i]) {
			delete(n.named, ranked[i])
			left = append(left, ranked[i])
		}
	}
	return entered, left
}

// forget drops the names of the sites that are not there.
func (n *Names[K]) forget(present []K) {
	there := 0
	for _, site := range present {
		if n.Has(site) {
			there++
		}
	}
	if there == len(n.named) { // nearly always
		return
	}
	kept := make(map[K]struct{}, len(n.named))
	for _, site := range present {
		if n.Has(site) {
			kept[site] = struct{}{}
		}
	}
	n.named = kept
}
