// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import "github.com/heapgate/heapgate/internal/heap"

// Memory is what one target's visits know of its process: the names of the runtime's frames, and by what to tell the
// process again. The zero value knows nothing. It is not for concurrent use, and bounded by Settings.MaxSymbols.
type Memory struct {
	names map[uint64]string // "" where the process has no name
	known bool              // there was a visit
	last  marks
}

// marks are what the next visit is held to.
type marks struct {
	numGC                       uint32
	lastEnd                     uint64 // PauseEnd of cycle numGC, unix ns; 0 before the first
	totalAlloc, mallocs, forced uint64
	functions                   map[uint64]string // some of the user's functions
}

// functionsKept is how many functions a rebuilt program is told by.
const functionsKept = 32

// meet takes over a new text. It reports whether that is provably another process than before; then, and also when it
// cannot be proved to be the same, the names are forgotten.
func (m *Memory) meet(text *heap.Text) (restarted bool) {
	same, other := true, false
	if m.known {
		same, other = m.last.compare(text)
	}
	if !same {
		m.names = nil
	}
	stats := &text.MemStats
	_, end, _ := stats.Pause(stats.NumGC)
	m.known = true
	m.last = marks{
		numGC: stats.NumGC, lastEnd: end, totalAlloc: stats.TotalAlloc, mallocs: stats.Mallocs, forced: uint64(stats.NumForcedGC),
		functions: text.Functions(functionsKept),
	}
	return other
}

// compare tells whether a text is provably of the same process (the last cycle of before is in its ring), provably of
// another one (a counter went back, that cycle ended at another time, an address is another function), or neither: no
// cycle before, or more than 256 since.
func (l *marks) compare(text *heap.Text) (same, other bool) {
	now := &text.MemStats
	if now.NumGC < l.numGC || now.TotalAlloc < l.totalAlloc || now.Mallocs < l.mallocs || uint64(now.NumForcedGC) < l.forced {
		return false, true
	}
	if text.Contradicts(l.functions) {
		return false, true
	}
	_, end, ok := now.Pause(l.numGC)
	if !ok || l.lastEnd == 0 {
		return false, false
	}
	return end == l.lastEnd, end != l.lastEnd
}

func (m *Memory) knows(address uint64) bool { _, ok := m.names[address]; return ok }

func (m *Memory) symbol(address uint64) (string, bool) {
	name := m.names[address]
	return name, name != ""
}

// learn keeps the names of what was asked; what the process left out has none, and is not asked again.
func (m *Memory) learn(asked []uint64, names map[uint64]string) {
	if m.names == nil {
		m.names = map[uint64]string{}
	}
	for _, address := range asked {
		m.names[address] = names[address]
	}
}
