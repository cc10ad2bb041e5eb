// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heapgate/heapgate/internal/goroutine"
	"github.com/heapgate/heapgate/internal/probe"
	"github.com/heapgate/heapgate/receiver/internal/otlpprofile"
)

// target is one process and what the receiver must remember of it between two visits. Only its own loop touches it.
type target struct {
	id           string
	base         *url.URL
	resource     pcommon.Resource
	memoryLimit  int64
	killedAt     int64 // container's memory limit
	gctraceGlobs []string
	podLogs      string // folder of the container's logs
	prober       *probe.Prober
	memory       probe.Memory
	light        light
	plan         *plan
	lines        *planned // when its gctrace is due on its own; nil without

	process      *process // nil until the process was first heard
	errors       map[failure]int64
	firstError   time.Time
	top          int
	suspect      bool              // the last visit waited for its whole timeout, or there was none
	results      map[source]string // of the last visits
	deltas       map[source]*otlpprofile.Delta
	crashes      crashCounts // found in its logs
	crashesSince time.Time
	census       censusEntry // its part in the census
}

// asker is one of the Prober's ways to ask for stacks.
type asker func(context.Context, *url.URL, *probe.Memory) (goroutine.Snapshot, probe.Cost, error)

// failure is what failed visits are counted by.
type failure struct {
	source source
	kind   string
}

func (r *runtimeReceiver) newTarget(s *spec) *target {
	base, err := url.Parse(s.URL)
	if err != nil {
		base = &url.URL{} // Validate has refused it
	}
	t := &target{
		id: s.identity(), base: base, resource: resourceOf(s), memoryLimit: int64(s.MemoryLimit), killedAt: int64(s.ContainerMemoryLimit),
		gctraceGlobs: s.GCTrace.globs(), podLogs: s.logs, prober: r.probers.of(s),
		suspect: true, errors: map[failure]int64{}, results: map[source]string{}, deltas: map[source]*otlpprofile.Delta{}, top: r.cfg.Sites.Top, census: censusEntry{state: stateNew},
	}
	t.memory.Trust = trust(s)
	sources := r.cfg.Sources.enabled(r.cfg.CollectionInterval)
	if len(t.gctraceGlobs) > 0 || t.podLogs != "" {
		sources = append(sources, configuredSource{source: sourceGctraceLines, every: r.cfg.CollectionInterval})
	}
	t.plan = newPlan(t.id, time.Now(), sources, r.cfg.Cost.MaxCPUShare)
	if last := t.plan.sources[len(t.plan.sources)-1]; last.source == sourceGctraceLines {
		t.lines = last
	}
	r.census.count(censusEntry{}, t.census)
	r.resources.Store(t.id, t.resource)
	return t
}

// leave forgets a target.
func (r *runtimeReceiver) leave(t *target) {
	r.census.count(t.census, censusEntry{})
	r.resources.CompareAndDelete(t.id, t.resource)
	for _, d := range t.deltas {
		d.Forget() // gives its bytes back
	}
}

// trust names the processes that may share the names of their frames: those of one container of one workload in one
// version, as discovery or the operator says.
func trust(s *spec) string {
	w := s.Workload
	return strings.Join([]string{w.Cluster, w.Namespace, w.Kind, w.Name, w.Container, w.Version, w.ImageDigest}, "\x00")
}

// linesEmitted puts off the gctrace that was emitted together with a heap text. It is due on its own only where heap texts
// are seldom.
func (t *target) linesEmitted(now time.Time) {
	if t.lines != nil {
		t.lines.due = now.Add(t.lines.every + t.lines.every/2)
	}
}

// kept is about how many bytes are remembered of the target.
func (t *target) kept() int64 {
	if t.process == nil {
		return leastKept
	}
	kept := int64(leastKept + keptPerSite*(len(t.process.sites.last)+len(t.process.families.last)))
	for _, d := range t.deltas {
		kept += int64(d.Bytes())
	}
	return kept
}

// Measured with 10,000 targets: what a target's loop, stack and tables take, and what a named site does.
const (
	leastKept   = 12 << 10
	keptPerSite = 300
)
