// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"golang.org/x/exp/trace"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// readV2 feeds the machine from a trace of Go 1.22 or later.
func readV2(ctx context.Context, m *machine, body []byte, version int, cut bool) (truncated bool, err error) {
	whole, truncated, err := vetV2(body, version, cut, m.limits)
	if err != nil {
		return false, err
	}
	ended, err := drain(ctx, m, body[:whole])
	if err != nil {
		return false, err
	}
	return truncated || ended, nil
}

// drain feeds the machine with what golang.org/x/exp/trace reads. ended: a limit or the deadline came before the end.
func drain(ctx context.Context, m *machine, body []byte) (ended bool, err error) {
	defer func() {
		if p := recover(); p != nil { // of the reader, which trusts what it validated
			ended, err = false, &SyntaxError{-1, excerpt(fmt.Sprint(p))}
		}
	}()
	reader, err := trace.NewReader(bytes.NewReader(body))
	if err != nil {
		return false, &SyntaxError{-1, excerpt(err.Error())}
	}
	f := feeder{m: m, stacks: map[trace.Stack]stackInfo{}}
	for n := 0; ; n++ {
		if n%checkEvery == 0 {
			if ended, err := stop(ctx); ended {
				return true, err
			}
		}
		e, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, &SyntaxError{-1, excerpt(err.Error())}
		}
		if e.Kind() == trace.EventSync {
			clear(f.stacks) // a stack is of one generation
			continue
		}
		if !m.at(int64(e.Time())) || !f.feed(&e) {
			return true, nil
		}
	}
}

// excerpt makes an error of the reader's fit for one line: it may quote all of its state.
func excerpt(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return gofunc.Clean(s, 200)
}

// feeder translates the events of golang.org/x/exp/trace.
type feeder struct {
	m      *machine
	stacks map[trace.Stack]stackInfo
}

// feed reports false when a limit is crossed.
func (f *feeder) feed(e *trace.Event) bool {
	switch e.Kind() {
	case trace.EventMetric:
		f.metric(e.Metric())
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		return f.rangeEvent(e)
	case trace.EventStateTransition:
		return f.transition(e)
	}
	return true
}

func (f *feeder) metric(metric trace.Metric) {
	if metric.Value.Kind() != trace.ValueUint64 {
		return
	}
	value := metric.Value.Uint64()
	switch metric.Name {
	case "/gc/heap/goal:bytes":
		f.m.goal.set(value)
	case "/memory/classes/heap/objects:bytes":
		f.m.heap.set(value)
	case "/sched/gomaxprocs:threads":
		f.m.procs.set(value)
	}
}

func (f *feeder) rangeEvent(e *trace.Event) bool {
	m, r, ends := f.m, e.Range(), e.Kind() == trace.EventRangeEnd
	if name, ok := strings.CutPrefix(r.Name, "stop-the-world ("); ok {
		if ends {
			m.stwEnd()
		} else {
			m.stwBegin(reason(strings.TrimSuffix(name, ")")))
		}
		return true
	}
	switch r.Name {
	case "GC concurrent mark phase":
		switch {
		case ends:
			m.gcEnd()
		case !m.marking:
			m.gcBegin()
		}
	case "GC mark assist":
		g := m.goroutine(uint64(r.Scope.Goroutine()))
		if g == nil {
			return false
		}
		switch e.Kind() {
		case trace.EventRangeEnd:
			m.assistEnd(g)
		case trace.EventRangeActive:
			m.assistBegin(g, stackInfo{}) // its next stack says where
		default:
			m.assistBegin(g, f.stack(e.Stack()))
		}
	}
	return true
}

func (f *feeder) transition(e *trace.Event) bool {
	t := e.StateTransition()
	if t.Resource.Kind != trace.ResourceGoroutine {
		return true
	}
	from, to := t.Goroutine()
	id := uint64(t.Resource.Goroutine())
	if to == trace.GoNotExist {
		f.m.exits(id)
		return true
	}
	g := f.m.goroutine(id)
	if g == nil {
		return false
	}
	stack := f.stack(t.Stack)
	switch from {
	case to: // the status at the begin of a later generation
		if g.doing == waiting && g.state == Unknown && stack.known {
			g.state, g.system = waitState("", stack), stack.system
		}
		return true
	case trace.GoNotExist:
		stack.wait = "" // of the function that it will run
	}
	switch to {
	case trace.GoRunning:
		f.m.becomes(g, running, "", stack, from == trace.GoUndetermined)
	case trace.GoRunnable:
		f.m.becomes(g, runnable, Runnable, stack, from == trace.GoUndetermined)
	case trace.GoWaiting:
		f.m.becomes(g, waiting, waitState(t.Reason, stack), stack, from == trace.GoUndetermined)
	default:
		f.m.becomes(g, inSyscall, "", stack, from == trace.GoUndetermined)
	}
	return true
}

// stack tells once of each stack what it says.
func (f *feeder) stack(s trace.Stack) stackInfo {
	if s == trace.NoStack {
		return stackInfo{}
	}
	info, ok := f.stacks[s]
	if !ok {
		for frame := range s.Frames() {
			info.add(frame.Func, func() gofunc.Place { return f.place(frame) })
		}
		info.end()
		f.stacks[s] = info
	}
	return info
}

func (f *feeder) place(frame trace.StackFrame) gofunc.Place {
	limit := f.m.limits.NameBytes
	place := gofunc.Place{Function: gofunc.Clean(frame.Func, limit), File: gofunc.Clean(frame.File, limit)}
	if frame.Line <= math.MaxInt32 {
		place.Line = int(frame.Line)
	}
	return place
}
