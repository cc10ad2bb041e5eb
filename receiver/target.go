// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"math"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/probe"
)

// target is one process and what the receiver must remember of it between two visits. Only its own loop touches it.
type target struct {
	id           string
	base         *url.URL
	resource     pcommon.Resource
	memoryLimit  int64
	gctraceGlobs []string
	podLogs      string // folder of the container's logs
	prober       *probe.Prober
	memory       probe.Memory

	process    *process         // nil until the process was first heard
	errors     map[string]int64 // failed visits by error.type
	firstError time.Time
	top        int
	lastResult string
}

// process is one life of the target: it starts afresh when the process does.
type process struct {
	firstHeard time.Time // start of every cumulative series
	started    time.Time // zero if not known
	exact      bool      // started comes from gctrace
	pauses     pauses
	sites      siteTable
}

// visit is what one tick brought.
type visit struct {
	at          time.Time
	took        time.Duration
	observation probe.Observation
	err         error // typed by probe; then there is no observation
	maxPause    time.Duration
	foldedSites int
	lostPauses  uint32
	sites       []emittedSite
}

func newTarget(s *spec, top int, prober *probe.Prober) *target {
	base, err := url.Parse(s.URL)
	if err != nil {
		base = &url.URL{} // Validate has refused it
	}
	return &target{
		id: s.identity(), base: base, resource: resourceOf(s), memoryLimit: int64(s.MemoryLimit),
		gctraceGlobs: s.GCTrace.Files, podLogs: s.logs, prober: prober, errors: map[string]int64{}, top: top,
	}
}

// visit asks the process and folds the answer into what is remembered of it.
func (t *target) visit(ctx context.Context) visit {
	began := time.Now()
	observation, err := t.prober.Visit(ctx, t.base, &t.memory)
	v := visit{at: time.Now(), took: time.Since(began), observation: observation, err: err}
	if err != nil {
		if len(t.errors) == 0 {
			t.firstError = v.at
		}
		t.errors[errorType(err)]++
		return v
	}
	v.at = observation.At
	if t.process == nil || observation.Restarted {
		t.process = &process{firstHeard: v.at, sites: newSiteTable(t.top)}
	}
	p := t.process
	v.maxPause, v.lostPauses = p.pauses.add(&observation.Heap.MemStats)
	v.sites, v.foldedSites = p.sites.add(observation.Heap.Sites)
	return v
}

// start is when the process started: from gctrace, where the same cycle stands in the heap text's ring, else about, from
// the end of the first cycle. It is kept, so that ages do not jitter.
func (p *process) start(m *heap.MemStats, files []heardFile) time.Time {
	if p.exact {
		return p.started
	}
	if p.started.IsZero() {
		p.started = firstCycleEnd(m)
	}
	if f, ok := latest(files); ok && f.cycles > 0 && f.cycles <= math.MaxUint32 && f.last.Has(timeFields) {
		if _, end, ok := m.Pause(uint32(f.cycles)); ok {
			took := f.last.Clock.SweepTerm + f.last.Clock.Mark + f.last.Clock.MarkTerm
			age := time.Duration(f.last.At*float64(time.Second)) + time.Duration(took*float64(time.Millisecond))
			p.started, p.exact = time.Unix(0, int64(end)).Add(-age), true
		}
	}
	return p.started
}
