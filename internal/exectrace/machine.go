// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"fmt"
	"time"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// doing is what a goroutine does.
type doing uint8

const (
	running doing = iota
	runnable
	waiting
	inSyscall
)

// goroutine is one that is alive. Times are ns of the trace; marked ones are ns of the mark clock.
type goroutine struct {
	doing    doing
	state    State   // while it is runnable or waiting
	since    int64   // mark clock when it entered state
	system   bool    // the runtime's own, or the observer's
	initial  bool    // it has been in state since before the window
	assisted bool    // it had to assist
	assist   *assist // open; nil
}

// assist is one that has begun.
type assist struct {
	begin        int64
	runningSince int64 // while the goroutine runs
	ran          int64
	stack        stackInfo
}

// machine adds up what the events say, in the order of their time. The same machine is fed by the reader of old traces
// and by that of new ones.
type machine struct {
	limits     Limits
	begin, now int64 // of the window, ns
	started    bool
	events     int
	goroutines map[uint64]*goroutine

	marking bool  // a cycle is between its begin and its end
	stopped bool  // the world is
	marked  int64 // mark clock: concurrent marking up to markFrom
	from    int64 // when the mark clock went on

	stw       stwNow
	cycles    int
	pauses    [len(Reasons)]STW
	waits     map[State]*Wait
	sites     map[gofunc.Place]Totals
	all       Totals // assists
	observer  Totals
	assisting int // goroutines that had to assist
	heap      Gauge
	goal      Gauge
	procs     Gauge
	odd       int
}

type stwNow struct {
	open   bool
	reason int
	begin  int64
}

func newMachine(l Limits) *machine {
	return &machine{limits: l, goroutines: map[uint64]*goroutine{}, waits: map[State]*Wait{}, sites: map[gofunc.Place]Totals{}}
}

// at moves the clock; it reports false when the trace has more events than the limit.
func (m *machine) at(t int64) bool {
	if m.events == m.limits.Events {
		return false
	}
	m.events++
	if !m.started {
		m.started, m.begin, m.now, m.from = true, t, t, t
	}
	m.now = max(m.now, t)
	return true
}

// markClock is the ns of concurrent marking since the window began.
func (m *machine) markClock() int64 {
	if m.marking && !m.stopped {
		return m.marked + m.now - m.from
	}
	return m.marked
}

// turn stops or starts the mark clock.
func (m *machine) turn(marking, stopped bool) {
	m.marked = m.markClock()
	m.from = m.now
	m.marking, m.stopped = marking, stopped
}

func (m *machine) gcBegin() { m.turn(true, m.stopped) }

func (m *machine) gcEnd() {
	m.turn(false, m.stopped)
	m.cycles++
}

func (m *machine) stwBegin(reason int) {
	m.stw = stwNow{true, reason, m.now}
	m.turn(m.marking, true)
}

func (m *machine) stwEnd() {
	m.turn(m.marking, false)
	if !m.stw.open { // it began before the window
		return
	}
	m.stw.open = false
	took := time.Duration(m.now - m.stw.begin)
	p := &m.pauses[m.stw.reason]
	p.Count++
	p.Time += took
	p.Max = max(p.Max, took)
}

// goroutine gives the state of a goroutine; nil when there are too many.
func (m *machine) goroutine(id uint64) *goroutine {
	g := m.goroutines[id]
	if g == nil {
		if len(m.goroutines) >= m.limits.Goroutines {
			return nil
		}
		g = &goroutine{doing: inSyscall}
		m.goroutines[id] = g
	}
	return g
}

// becomes changes what a goroutine does. initial: it is how the trace found it.
func (m *machine) becomes(g *goroutine, what doing, state State, stack stackInfo, initial bool) {
	m.leave(g, false)
	if g.assist != nil {
		m.assistTurn(g, what)
		if !g.assist.stack.known {
			g.assist.stack = stack
		}
	}
	if stack.known {
		g.system = stack.system
	}
	g.doing, g.state, g.since, g.initial = what, state, m.markClock(), initial
}

// leave adds the time that a goroutine was not running while the collector marked.
func (m *machine) leave(g *goroutine, end bool) {
	if g.doing != waiting && g.doing != runnable || g.system {
		return
	}
	took := time.Duration(m.markClock() - g.since)
	if took <= 0 {
		return
	}
	w := m.waits[g.state]
	if w == nil {
		w = &Wait{State: g.state}
		m.waits[g.state] = w
	}
	if end && g.initial && g.doing == waiting {
		w.Idle += took
	} else {
		w.Time += took
	}
}

func (m *machine) exits(id uint64) {
	if g := m.goroutines[id]; g != nil {
		m.leave(g, false)
		m.assistEnd(g)
		delete(m.goroutines, id)
	}
}

func (m *machine) assistBegin(g *goroutine, stack stackInfo) {
	if g.assist != nil {
		return
	}
	if !g.assisted {
		g.assisted = true
		m.assisting++
	}
	g.assist = &assist{begin: m.now, runningSince: m.now, stack: stack}
}

// assistTurn counts the running part of an assist.
func (m *machine) assistTurn(g *goroutine, what doing) {
	if g.doing == running && what != running {
		g.assist.ran += m.now - g.assist.runningSince
	}
	if g.doing != running && what == running {
		g.assist.runningSince = m.now
	}
}

func (m *machine) assistEnd(g *goroutine) {
	a := g.assist
	if a == nil {
		return
	}
	m.assistTurn(g, waiting)
	g.assist = nil
	t := Totals{1, time.Duration(m.now - a.begin), time.Duration(a.ran)}
	m.all.add(t)
	if a.stack.served {
		m.observer.add(t)
		return
	}
	place := a.stack.site
	if !a.stack.known {
		place.Function = "unknown"
	}
	sum := m.sites[place]
	sum.add(t)
	m.sites[place] = sum
}

func (t *Totals) add(u Totals) {
	t.Count += u.Count
	t.Time += u.Time
	t.Running += u.Running
}

// result ends the window at the last event.
func (m *machine) result() Result {
	for _, g := range m.goroutines {
		m.leave(g, true)
		m.assistEnd(g)
	}
	r := Result{
		Window: time.Duration(m.now - m.begin), Events: m.events, GC: GC{m.cycles, time.Duration(m.markClock())},
		Heap: m.heap, Goal: m.goal, Procs: m.procs,
	}
	for i, p := range m.pauses {
		if p.Count > 0 {
			p.Reason = Reasons[i]
			r.STW = append(r.STW, p)
		}
	}
	for _, state := range States {
		if w := m.waits[state]; w != nil {
			r.Waits = append(r.Waits, *w)
		}
	}
	r.Assist = m.assists()
	if m.odd > 0 {
		r.Warn = append(r.Warn, fmt.Sprintf("%d events were not understood", m.odd))
	}
	return r
}

func (m *machine) assists() Assist {
	a := Assist{Totals: m.all, Goroutines: m.assisting, Observer: m.observer}
	all := make([]Site, 0, len(m.sites))
	for place, t := range m.sites {
		all = append(all, Site{place, t})
	}
	kept, rest := gofunc.Top(all, m.limits.Sites, func(s Site) int64 { return int64(s.Time) }, func(s Site) gofunc.Place { return s.Place })
	a.Sites = kept
	for _, s := range rest {
		a.Other.add(s.Totals)
	}
	return a
}
