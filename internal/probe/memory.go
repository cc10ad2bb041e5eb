// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"unique"

	"github.com/heapgate/heapgate/internal/heap"
)

// Memory is what one target's visits know of its process: the names of the runtime's frames, and by what to tell the
// process again. The zero value knows nothing. It is not for concurrent use, and bounded by Settings.MaxSymbols.
type Memory struct {
	// Trust names those whose processes may name each other's frames: processes of the same key that prove to be of one
	// build share their names in Settings.Cache. It must come from discovery and not from the process; best the workload
	// with its container and image digest. Empty: the process shares with nobody.
	Trust string

	names map[uint64]string // that no cache has; "" where the process has no name
	view  *view             // of the names of the process's build; nil: it takes no part
	asked bool              // the process was asked for its build
	place place             // of its build, if it said one
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
	same, other := false, false
	if m.known {
		same, other = m.last.compare(text)
	}
	if !same {
		m.forget()
	}
	stats := &text.MemStats
	_, end, _ := stats.Pause(stats.NumGC)
	m.known = true
	m.last = marks{
		numGC: stats.NumGC, lastEnd: end, totalAlloc: stats.TotalAlloc, mallocs: stats.Mallocs, forced: uint64(stats.NumForcedGC),
		functions: shared(text.Functions(functionsKept)),
	}
	return other
}

// shared gives names that all targets share: many run the same code.
func shared(names map[uint64]string) map[uint64]string {
	for address, name := range names {
		names[address] = unique.Make(name).Value()
	}
	return names
}

// BuildID is the GNU build id of the process's program, in hex, as far as it was asked for: only where names are shared.
func (m *Memory) BuildID() string { return m.place.buildID() }

func (m *Memory) forget() { m.names, m.view, m.asked, m.place = nil, nil, false, nil }

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

func (m *Memory) knows(address uint64) bool {
	if _, ok := m.names[address]; ok {
		return true
	}
	_, ok := m.view.symbol(address)
	return ok
}

func (m *Memory) symbol(address uint64) (string, bool) {
	if name, ok := m.names[address]; ok {
		return name, name != ""
	}
	return m.view.symbol(address)
}

// learn keeps the names of what was asked; what the process left out has none, and is not asked again. Names go to those
// of the build, if there is room, and else are the process's own.
func (m *Memory) learn(asked []uint64, names map[uint64]string) {
	if m.names == nil {
		m.names = map[uint64]string{}
	}
	for _, address := range asked {
		if name := names[address]; !isRuntime(name) || !m.view.keep(address, name) {
			m.names[address] = name
		}
	}
}
