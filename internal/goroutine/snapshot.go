// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// Site is how many goroutines of one call site are in one state.
type Site struct {
	Function, File string
	Line           int // 0 when the text has none
	State          State
	Count          int64
	InMap          int64 // of Count, those that stand in an operation on a map
}

// Stack is one of the most frequent stacks.
type Stack struct {
	Text  string // names of the functions, the leaf first, joined by " < "; cut with "..." where it is long
	State State
	Count int64
}

// Snapshot is one goroutine profile by call site. The sites and the observer add up to Total, and so do the states and
// the observer.
type Snapshot struct {
	Leak       bool  // all these goroutines are leaked: nothing can ever wake them
	Total      int64 // goroutines
	Observer   int64 // what serves and writes profiles; in no site and no state
	Labelled   int64 // with pprof labels
	ByState    map[State]int64
	Sites      []Site  // by Count from the largest, then by name
	InMap      int64   // goroutines that stand in an operation on a map; by site in Site.InMap
	Stacks     []Stack // the most frequent ones, at most ten, without the observer's
	Unresolved int     // hidden addresses without a name
	Warnings   []string
}

type siteKey struct {
	stacktext.Place
	state State
}

// Snapshot gives each chain its state. symbol gives the name of a hidden frame's address; where it has none, the state may
// be Unknown, and an operation on a map not be seen.
func (t *Text) Snapshot(symbol func(address uint64) (string, bool)) Snapshot {
	s := Snapshot{Leak: t.Leak, Total: t.Total, Observer: t.Observer, Labelled: t.Labelled, ByState: map[State]int64{}}
	k := t.resolve(symbol)
	s.Unresolved = k.unresolved
	sites := map[siteKey]*Site{}
	states := make([]State, t.table.Len())
	for i, count := range t.counts {
		chain := t.table.Chain(i)
		frames := k.frames(t, chain)
		at := t.site(chain)
		state := stateOf(frames)
		if t.isUnstarted(chain) {
			state = Runnable
		}
		states[i] = state
		if count == 0 {
			continue
		}
		site := sites[siteKey{at, state}]
		if site == nil {
			site = &Site{Function: at.Function, File: at.File, Line: at.Line, State: state}
			sites[siteKey{at, state}] = site
		}
		site.Count += count
		s.ByState[state] += count
		if inMap(frames) {
			site.InMap += count
			s.InMap += count
		}
	}
	s.Sites = make([]Site, 0, len(sites))
	for _, site := range sites {
		s.Sites = append(s.Sites, *site)
	}
	slices.SortFunc(s.Sites, byCount)
	for i := range t.stacks {
		stack := &t.stacks[i]
		s.Stacks = append(s.Stacks, Stack{Text: t.show(stack, k), State: states[stack.chain], Count: stack.count})
	}
	t.warn(&s)
	return s
}

// known is what is known of the frames of one text, each looked at once.
type known struct {
	names      map[uint64]string // of hidden frames
	hidden     map[uint64]trait
	visible    []trait // by the table's frames
	unresolved int     // hidden frames without a name
	path       []trait // memory of frames
}

// resolve asks for the name of every hidden address once.
func (t *Text) resolve(symbol func(address uint64) (string, bool)) *known {
	all := t.table.Hidden()
	k := &known{
		names: make(map[uint64]string, len(all)), hidden: make(map[uint64]trait, len(all)), visible: make([]trait, len(t.table.Frames)),
	}
	for _, address := range all {
		name, _ := symbol(address)
		k.names[address], k.hidden[address] = name, traitOf(name)
		if name == "" {
			k.unresolved++
		}
	}
	for i := range t.table.Frames {
		k.visible[i] = traitOf(t.table.Frames[i].Function)
	}
	return k
}

// frames gives the traits of a chain's frames, the leaf first, until the next call. Where the hidden ones are not known, one
// without a name stands for them.
func (k *known) frames(t *Text, c stacktext.Chain) []trait {
	k.path = k.path[:0]
	if !c.Matched {
		k.path = append(k.path, trait{})
	}
	for _, address := range c.Hidden {
		k.path = append(k.path, k.hidden[address])
	}
	for _, id := range c.Path {
		k.path = append(k.path, k.visible[id])
	}
	return k.path
}

const unstarted = "unstarted"

// isUnstarted tells the chain of goroutines that have not run yet: of these the text shows nothing, for it never shows
// runtime.goexit, to which they will return, and everything else where there is nothing to show but the runtime.
func (t *Text) isUnstarted(c stacktext.Chain) bool { return len(c.Path) == 0 && t.table.Odd == 0 }

// site is the place that a chain belongs to.
func (t *Text) site(c stacktext.Chain) stacktext.Place {
	switch {
	case t.isUnstarted(c):
		return stacktext.Place{Function: unstarted}
	case len(c.Path) == 0:
		return stacktext.Place{Function: "unknown"}
	}
	return t.table.Frames[c.Path[len(c.Path)-1]].Place
}

const (
	maxShownFrames = 40
	maxShownBytes  = 2000
)

// show writes a stack in one line.
func (t *Text) show(whole *stack, k *known) string {
	chain := t.table.Chain(whole.chain)
	if t.isUnstarted(chain) {
		return unstarted
	}
	var names []string
	if !chain.Matched {
		names = append(names, "?")
	}
	for _, address := range chain.Hidden {
		names = append(names, cmp.Or(k.names[address], "0x"+strconv.FormatUint(address, 16)))
	}
	for _, id := range slices.Concat(chain.Path, whole.callers) {
		names = append(names, t.table.Frames[id].Function)
	}
	var b strings.Builder
	for i, name := range names {
		if i == maxShownFrames || b.Len()+len(name) > maxShownBytes {
			b.WriteString(" < ...")
			break
		}
		if i > 0 {
			b.WriteString(" < ")
		}
		b.WriteString(name)
	}
	return b.String()
}

func byCount(a, b Site) int {
	return cmp.Or(
		cmp.Compare(b.Count, a.Count), cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.State, b.State),
	)
}

// warn says what is not as it should be.
func (t *Text) warn(s *Snapshot) {
	warn := func(is bool, format string, args ...any) {
		if is {
			s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
		}
	}
	warn(s.Unresolved > 0, "%d runtime frames have no name", s.Unresolved)
	warn(s.ByState[Unknown] > 0, "%d goroutines are in state unknown", s.ByState[Unknown])
	warn(t.table.Odd > 0, "%d lines of stacks were not understood", t.table.Odd)
	warn(t.table.CutNames > 0, "%d names were longer than the limit and are cut", t.table.CutNames)
}
