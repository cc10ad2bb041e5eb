// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package contention

import (
	"math"
	"strings"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/profile"
)

// Wait is what a goroutine waited for.
type Wait string

const (
	ChanReceive Wait = "chan receive"
	ChanSend    Wait = "chan send"
	Select      Wait = "select"
	Cond        Wait = "cond"
	MutexLock   Wait = "mutex"
	RWMutex     Wait = "rwmutex"
	WaitGroup   Wait = "waitgroup"
	RuntimeLock Wait = "runtime lock" // a lock of the runtime's own: a channel's, the heap's ...
	OtherWait   Wait = "other"
)

// waits are the beginnings of the functions that wait; where a stack has several, the one nearest to the site counts,
// because that is what the user called.
var waits = []struct {
	beginning string
	wait      Wait
}{
	{"runtime.chanrecv", ChanReceive}, {"runtime.chansend", ChanSend}, {"runtime.selectgo", Select}, {"reflect.rselect", Select},
	{"sync.(*Cond).", Cond}, {"sync.(*Mutex).", MutexLock}, {"sync.(*RWMutex).", RWMutex}, {"sync.(*rlocker).", RWMutex},
	{"sync.(*WaitGroup).", WaitGroup}, {"runtime._LostContendedRuntimeLock", RuntimeLock},
}

// isRuntimeLock is a frame under which the runtime waited for itself: then the user's call is not what was waited for.
func isRuntimeLock(name string) bool {
	return strings.HasPrefix(name, "runtime.unlock") || strings.HasPrefix(name, "runtime.lock") && !strings.HasPrefix(name, "runtime.locke")
}

// passedOver reports whether a frame is no site: the runtime, and the library that waits for its caller.
func passedOver(name string) bool {
	return gofunc.PassedOver(name) || strings.HasPrefix(name, "sync.") || strings.HasPrefix(name, "internal/")
}

// walk finds the site of a stack, what it waited for, and whether it served the profile.
func walk(p *profile.Profile, locations []int32) (place gofunc.Place, wait Wait, observer bool) {
	place, wait = gofunc.Place{Function: "unknown"}, OtherWait
	sited, named, runtimeLock := false, false, false
	for _, id := range locations {
		if id < 0 || int(id) >= len(p.Locations) {
			continue
		}
		for _, line := range p.Locations[id].Lines {
			if line.Function < 0 || int(line.Function) >= len(p.Functions) {
				continue
			}
			f := &p.Functions[line.Function]
			observer = observer || gofunc.IsObserver(f.Name)
			if sited {
				continue
			}
			sited = !passedOver(f.Name)
			lock := isRuntimeLock(f.Name)
			runtimeLock = runtimeLock || lock
			if sited || !named && !lock {
				place, named = placeOf(f, line), true
			}
			if w, ok := waitOf(f.Name); ok {
				wait = w
			}
		}
	}
	if runtimeLock {
		wait = RuntimeLock
	}
	return place, wait, observer
}

func waitOf(name string) (Wait, bool) {
	for _, w := range waits {
		if strings.HasPrefix(name, w.beginning) {
			return w.wait, true
		}
	}
	return "", false
}

func placeOf(f *profile.Function, line profile.Line) gofunc.Place {
	place := gofunc.Place{Function: f.Name, File: f.File}
	if line.Line > 0 && line.Line <= math.MaxInt32 {
		place.Line = int(line.Line)
	}
	return place
}
