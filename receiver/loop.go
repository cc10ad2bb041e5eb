// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"time"
)

// loop visits one target for as long as the receiver runs, one source after another as the plan has them due. A hanging
// target holds one of the places for one timeout at most and delays no other loop.
func (r *runtimeReceiver) loop(ctx context.Context, t *target) {
	defer r.leave(t)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s := t.plan.next()
		if !sleep(ctx, timer, time.Until(s.due)) {
			return
		}
		switch {
		case s.source == sourceGctraceLines:
			r.deliver(ctx, r.emitter.emitLines(t, time.Now(), r.followLogs(ctx, t)))
			t.plan.postpone(s, time.Now())
		case s != t.plan.lead() && t.census.state != stateUp:
			t.plan.postpone(s, time.Now()) // a target that is down is asked for one thing only
		default:
			if !r.visit(ctx, t, s) {
				return
			}
		}
	}
}

// visit asks for one source and hands on what it brought. It is false when the receiver ends.
func (r *runtimeReceiver) visit(ctx context.Context, t *target, s *planned) bool {
	wanted := time.Now()
	release, ok := r.slots.acquire(ctx, t.base.Hostname(), t.suspect)
	if !ok {
		return false
	}
	waited := time.Since(wanted)
	heard := r.scrape(ctx, t, s)
	release()
	if ctx.Err() != nil {
		return false
	}
	t.plan.done(s, time.Now(), heard.cost.CPU, heard.vain())
	r.report(ctx, t, s, &heard, waited)
	var lines []heardFile
	if s.source == sourceHeapText {
		lines = r.followLogs(ctx, t)
		t.linesEmitted(time.Now())
	}
	r.deliver(ctx, r.emitter.emit(t, s, &heard, lines))
	if heard.profiles != nil {
		r.deliverProfiles(ctx, t.id, *heard.profiles)
	}
	return true
}

// followLogs starts readers for the logs of the target that have none yet, and gives what they have heard.
func (r *runtimeReceiver) followLogs(ctx context.Context, t *target) []heardFile {
	r.files.follow(ctx, t.id, t.gctraceGlobs)
	r.files.followPod(ctx, t.id, t.podLogs)
	if counts, since, ok := r.files.crashesOf(t.id); ok {
		t.crashes, t.crashesSince = counts, since
	}
	return r.files.heard(t.id)
}

// loopFiles emits the gctrace files that belong to no configured target.
func (r *runtimeReceiver) loopFiles(ctx context.Context) {
	const owner = "gctrace files"
	for range ticks(ctx, owner, r.cfg.CollectionInterval) {
		r.files.follow(ctx, owner, r.cfg.GCTrace.globs())
		for _, f := range r.files.heard(owner) {
			if ctx.Err() != nil {
				return
			}
			r.deliver(ctx, r.emitter.emitFile(f))
		}
	}
}

// ticks yields at hash(id) mod interval and then every interval, until the context ends. A tick that comes while the
// last one is still at work is dropped, as time.Ticker does.
func ticks(ctx context.Context, id string, interval time.Duration) func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		timer := time.NewTimer(0)
		defer timer.Stop()
		if !sleep(ctx, timer, phase(id, interval)) || !yield(time.Now()) {
			return
		}
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				if !yield(now) {
					return
				}
			}
		}
	}
}

// sleep is false when the context ended first.
func sleep(ctx context.Context, timer *time.Timer, d time.Duration) bool {
	timer.Reset(d)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
