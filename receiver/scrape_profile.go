// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/probe"
	"github.com/heapgate/heapgate/internal/profile"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
	"github.com/heapgate/heapgate/receiver/internal/otlpprofile"
)

// profiling is what all visits for protobuf profiles share.
type profiling struct {
	decoders sync.Pool // of *profile.Decoder
	readers  sync.Pool // of *heap.ProtoReader
	budget   *otlpprofile.Budget
}

func (r *runtimeReceiver) newProfiling() *profiling {
	l := profile.Limits{
		WireBytes: int64(r.cfg.Limits.BodySize), Bytes: int64(r.cfg.Limits.BodySize),
		Samples: r.cfg.Limits.Records, Locations: r.cfg.Limits.Records, NameBytes: int(r.cfg.Limits.LabelLength),
	}
	return &profiling{
		decoders: sync.Pool{New: func() any { return profile.NewDecoder(l) }},
		readers: sync.Pool{New: func() any {
			return heap.NewProtoReader(heap.ProtoLimits{WireBytes: l.WireBytes, Bytes: l.Bytes, Samples: l.Samples, Locations: l.Locations})
		}},
		budget: otlpprofile.NewBudget(int64(r.cfg.Limits.StateSize)),
	}
}

// askProfile reads a protobuf profile, lets use make something of it, and converts it where the receiver stands in a
// pipeline of profiles.
func (r *runtimeReceiver) askProfile(ctx context.Context, t *target, v *visit, page probe.Page, use func(*profile.Profile) error) error {
	return r.askProfileThrough(ctx, t, v, page, func(body io.Reader) (io.Reader, error) { return body, nil }, use)
}

// askProfileThrough is askProfile of what first leaves of the body. Without a pipeline of profiles and a use nothing more
// than that is read.
func (r *runtimeReceiver) askProfileThrough(ctx context.Context, t *target, v *visit, page probe.Page, first func(io.Reader) (io.Reader, error), use func(*profile.Profile) error) error {
	cost, err := t.prober.Get(ctx, t.base, page, func(body io.Reader) error {
		body, err := first(body)
		if err != nil || use == nil && r.next.profiles == nil {
			return err
		}
		decoder := r.profiling.decoders.Get().(*profile.Decoder)
		defer r.profiling.decoders.Put(decoder)
		p, err := decoder.Decode(body)
		if err == nil && use != nil {
			err = use(p)
		}
		if err != nil || r.next.profiles == nil {
			return err
		}
		return r.convert(t, v, p)
	})
	v.cost.CPU += cost.CPU
	v.cost.Bytes += cost.Bytes
	return err
}

// convert makes a message of a profile. What it cannot is left out of the message and does not make the visit fail.
func (r *runtimeReceiver) convert(t *target, v *visit, p *profile.Profile) error {
	options := otlpprofile.Options{
		Resource: t.resource, ScopeName: metadata.ScopeName, ScopeVersion: r.set.BuildInfo.Version, Kind: profileKind[v.source],
		Delta: t.delta(v.source, r.profiling.budget),
	}
	if t.process != nil {
		options.Started = t.process.started
		options.Restarted = t.process.isNewFor(v.source)
	}
	message, stats, err := otlpprofile.Convert(p, options)
	var limit *profile.LimitError
	switch {
	case errors.As(err, &limit):
		v.cross("profile")
		v.partial = append(v.partial, err)
		return nil
	case err != nil:
		return err
	}
	if stats.DroppedLabels > 0 {
		v.cross("profile_labels")
	}
	if stats.Delta == otlpprofile.OutcomeOverLimit {
		v.cross("profile_state")
	}
	if stats.Samples > 0 {
		v.profiles = &message
	}
	return nil
}

// profileKind is the attribute heapgate.profile.kind.
var profileKind = map[source]string{sourceHeapProfile: "heap", sourceCPUProfile: "cpu", sourceMutexProfile: "mutex", sourceBlockProfile: "block"}

// delta is what is remembered of the target's profiles of a source.
func (t *target) delta(s source, budget *otlpprofile.Budget) *otlpprofile.Delta {
	d := t.deltas[s]
	if d == nil {
		d = otlpprofile.NewDelta(otlpprofile.DeltaLimits{}, budget)
		t.deltas[s] = d
	}
	return d
}
