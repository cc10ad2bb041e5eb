// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cpu

import (
	"strings"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/profile"
)

// classOf are the functions of the runtime that start a class of work, the same from Go 1.19 to 1.26.
var classOf = map[string]Class{
	"gcAssistAlloc": Assist, "gcAssistAlloc1": Assist, "deductAssistCredit": Assist,
	"gcBgMarkWorker": MarkBG,
	"bgsweep":        Sweep, "sweepone": Sweep, "deductSweepCredit": Sweep, "(*sweepLocked).sweep": Sweep, "(*mcentral).uncacheSpan": Sweep,
	"bgscavenge": Scavenge, "(*scavengerState).run": Scavenge,
	"gcStart": Control, "gcMarkDone": Control, "gcMarkTermination": Control, "gcSweep": Control,
	"wbBufFlush": WriteBarrier, "wbBufFlush1": WriteBarrier,
	"gcmarknewobject": MarkAlloc,
}

// classBeginnings are for functions that come in several: by register, by what they are asked to do.
var classBeginnings = []struct {
	beginning string
	class     Class
}{
	{"(*pageAlloc).scavenge", Scavenge}, {"gcWriteBarrier", WriteBarrier}, {"bulkBarrierPreWrite", WriteBarrier},
}

// gcClass gives the class that a function's name stands for, or none. A closure is what the function around it is.
func gcClass(name string) Class {
	name, ok := strings.CutPrefix(name, "runtime.")
	if !ok {
		return ""
	}
	if class, ok := classOf[name]; ok {
		return class
	}
	for _, b := range classBeginnings {
		if strings.HasPrefix(name, b.beginning) {
			return b.class
		}
	}
	if outer, _, ok := strings.Cut(name, ".func"); ok {
		return classOf[outer]
	}
	return ""
}

// meaning is what the rules say of a function.
type meaning struct {
	class    Class
	grows    bool // a map
	observer bool
	site     bool // it may be a call site
}

// learn asks the rules once for each function.
func learn(functions []profile.Function) []meaning {
	all := make([]meaning, len(functions))
	for i := range functions {
		name := functions[i].Name
		all[i] = meaning{gcClass(name), gofunc.IsMapGrowth(name), gofunc.IsObserver(name), !gofunc.PassedOver(name)}
	}
	return all
}

// stack is what the frames of one sample say.
type stack struct {
	class    Class
	observer bool
	grows    bool
	site     profile.Line // of the growth; its Function is -1 when all frames are the runtime's
}

// walk goes from the leaf to the root.
func (o *of) walk(locations []int32) stack {
	s := stack{site: profile.Line{Function: -1}}
	for _, id := range locations {
		if id < 0 || int(id) >= len(o.profile.Locations) {
			continue
		}
		for _, line := range o.profile.Locations[id].Lines {
			if line.Function < 0 || int(line.Function) >= len(o.meanings) {
				continue
			}
			m := &o.meanings[line.Function]
			if s.class == "" {
				s.class = m.class
			}
			s.observer = s.observer || m.observer
			s.grows = s.grows || m.grows
			if s.grows && m.site && s.site.Function < 0 {
				s.site = line
			}
		}
	}
	return s
}
