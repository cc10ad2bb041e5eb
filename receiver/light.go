// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	lists "container/list"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/probe"
)

// A heap text costs the process up to ten times what the protobuf profile does, and is the only page that shows which
// memory is of growing maps. One text teaches a build (heap.Build), and from then on:
//
//  1. The protobuf profile is read between two /debug/vars. Where both have the same last GC cycle, the three are one
//     observation, as a heap text is.
//  2. Where it shows an allocation that no text has shown, it is no observation, and the next text is taken at once, as
//     far as the budget allows. What that text does not show either is of class unknown.
//
// This holds for builds with an id, which Go's linker writes since 1.24: there all classes were told right. Of older ones
// the text stays the only source.

// builds are what texts have taught, by who may share it. The one that was not used for longest is forgotten.
type builds struct {
	limit int

	mu    sync.Mutex
	all   map[buildKey]*lists.Element // of *knownBuild
	order lists.List                  // the one used last at the front
}

type buildKey struct{ trust, id string }

type knownBuild struct {
	key   buildKey
	build *heap.Build
}

func newBuilds(limit int) *builds { return &builds{limit: limit, all: map[buildKey]*lists.Element{}} }

// of finds a build or makes one.
func (b *builds) of(trust, id string) *heap.Build {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := buildKey{trust, id}
	if element, ok := b.all[key]; ok {
		b.order.MoveToFront(element)
		return element.Value.(*knownBuild).build
	}
	if len(b.all) >= b.limit {
		oldest := b.order.Back()
		delete(b.all, oldest.Value.(*knownBuild).key)
		b.order.Remove(oldest)
	}
	known := &knownBuild{key, heap.NewBuild(heap.BuildLimits{})}
	b.all[key] = b.order.PushFront(known)
	return known.build
}

// light is what is remembered of a process whose protobuf profiles are read by site.
type light struct {
	heap.ProtoTarget
	taught bool // a text of this process has named every pair that it had, without a doubt
}

// learn lets the build of the target take from a heap text what is of which class.
func (r *runtimeReceiver) learn(t *target, text *heap.Text, pairs *heap.Pairs, symbol func(uint64) (string, bool)) {
	l := &t.light
	if l.Build == nil || l.Base() == 0 {
		return // no protobuf profile was read yet
	}
	if t.process == nil || !t.process.isSame(&text.MemStats) {
		return // of another process the base is another one, and the build would learn it at the wrong addresses
	}
	learned, err := l.Build.Learn(text, pairs, symbol, l.Base())
	if l.taught = err == nil && learned.Ambiguous == 0 && learned.Unnamed == 0; l.taught {
		l.Settle()
	}
}

// askHeapProfile reads the protobuf profile: for the profiles pipeline, and for sites where the build is known.
func (r *runtimeReceiver) askHeapProfile(ctx context.Context, t *target, v *visit) error {
	id := t.memory.BuildID()
	bySite := id != "" && t.process != nil && r.cfg.Sources.Vars.Enabled
	before, err := r.varsFor(ctx, t, v, bySite)
	bySite = bySite && err == nil
	var sites *heap.Snapshot
	err = r.askProfileThrough(ctx, t, v, probe.HeapProfile(), func(body io.Reader) (io.Reader, error) {
		if !bySite {
			return body, nil
		}
		var wire bytes.Buffer
		if r.next.profiles != nil {
			body = io.TeeReader(body, &wire)
		}
		snapshot, err := r.readLight(t, id, body)
		sites = snapshot
		return &wire, err
	}, nil)
	if err != nil || sites == nil {
		return err
	}
	after, err := r.varsFor(ctx, t, v, true)
	if err != nil || after.NumGC != before.NumGC || t.process.isAnother(&after) {
		return nil // a cycle has ended in between, or another process answers: the next one will do
	}
	sites.MemStats = after
	v.heap, v.memStats = sites, &sites.MemStats
	v.maxPause, v.lostPauses = t.process.heard(v.memStats)
	v.sites, v.foldedSites = t.process.sites.add(sites.Sites)
	return nil
}

// varsFor reads MemStats, if they are wanted.
func (r *runtimeReceiver) varsFor(ctx context.Context, t *target, v *visit, wanted bool) (heap.MemStats, error) {
	if !wanted {
		return heap.MemStats{}, nil
	}
	answer, cost, err := t.prober.Vars(ctx, t.base)
	v.cost.CPU += cost.CPU
	v.cost.Bytes += cost.Bytes
	return answer.MemStats, err
}

// readLight reads the sites of a protobuf profile, nil where it is no observation.
func (r *runtimeReceiver) readLight(t *target, id string, body io.Reader) (*heap.Snapshot, error) {
	l := &t.light
	if build := r.builds.of(t.memory.Trust, id); l.Build != build {
		*l = light{ProtoTarget: heap.ProtoTarget{Build: build}}
	}
	reader := r.profiling.readers.Get().(*heap.ProtoReader)
	defer r.profiling.readers.Put(reader)
	read, err := reader.Read(body, &l.ProtoTarget)
	switch {
	case errors.Is(err, heap.ErrOtherBuild):
		*l = light{} // it lies, or the id is not of the whole program
		return nil, nil
	case err != nil:
		return nil, err
	}
	if !l.taught || read.Unseen > 0 {
		t.plan.soon(sourceHeapText, time.Now())
		return nil, nil
	}
	snapshot := read.Snapshot()
	return &snapshot, nil
}
