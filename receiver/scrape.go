// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"io"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/heapgate/heapgate/internal/contention"
	"github.com/heapgate/heapgate/internal/cpu"
	"github.com/heapgate/heapgate/internal/exectrace"
	"github.com/heapgate/heapgate/internal/goroutine"
	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/probe"
	"github.com/heapgate/heapgate/internal/profile"
)

// visit is what asking one source brought. Of the fields behind crossed, those of its source are set.
type visit struct {
	source  source
	at      time.Time
	took    time.Duration
	cost    probe.Cost
	err     error   // then nothing was heard
	partial []error // what is missing of what was heard
	crossed map[string]int64

	memStats    *heap.MemStats // of a heap text or of vars
	load        *int64         // of vars
	heap        *heap.Snapshot
	maxPause    time.Duration
	lostPauses  uint32
	sites       []emittedSite
	families    []emittedSite // of a heap text
	foldedSites int
	goroutines  *goroutine.Snapshot
	cpu         *cpu.Result

	goroutineSites []goroutine.EmittedSite
	contention     *contention.Result
	trace          *exectrace.Result
	profiles       *pprofile.Profiles
}

// scrape asks for one source and folds the answer into what is remembered of the process.
func (r *runtimeReceiver) scrape(ctx context.Context, t *target, s *planned) visit {
	began := time.Now()
	v := visit{source: s.source, at: began}
	v.err = r.ask(ctx, t, s, &v)
	v.took = time.Since(began)
	if v.tooLong() {
		s.shorten()
	}
	if v.err != nil {
		v.at = time.Now()
		if !v.vain() {
			if len(t.errors) == 0 {
				t.firstError = v.at
			}
			t.errors[failure{s.source, errorType(v.err)}]++
		}
	}
	return v
}

func (r *runtimeReceiver) ask(ctx context.Context, t *target, s *planned, v *visit) error {
	switch s.source {
	case sourceHeapText:
		return r.askHeapText(ctx, t, v)
	case sourceVars:
		return r.askVars(ctx, t, v)
	case sourceGoroutines:
		return t.askGoroutines(ctx, v, t.prober.Goroutines)
	case sourceGoroutineLeak:
		return t.askGoroutines(ctx, v, t.prober.GoroutineLeaks)
	case sourceHeapProfile:
		return r.askHeapProfile(ctx, t, v)
	case sourceCPUProfile:
		return r.askProfile(ctx, t, v, probe.CPU(s.lasts), func(p *profile.Profile) error {
			result, err := cpu.Of(p, cpu.Limits{Sites: t.top})
			v.cpu = &result
			return err
		})
	case sourceMutexProfile:
		return r.askContention(ctx, t, v, probe.Mutex(), contention.Mutex)
	case sourceBlockProfile:
		return r.askContention(ctx, t, v, probe.Block(), contention.Block)
	default:
		return r.askTrace(ctx, t, v, s.lasts)
	}
}

func (r *runtimeReceiver) askHeapText(ctx context.Context, t *target, v *visit) error {
	visit := t.prober.Visit
	if r.cfg.Sources.HeapProfile.Enabled && r.cfg.Sources.Vars.Enabled {
		visit = func(ctx context.Context, base *url.URL, m *probe.Memory) (probe.Observation, error) {
			return t.prober.VisitToLearn(ctx, base, m, func(text *heap.Text, pairs *heap.Pairs, symbol func(uint64) (string, bool)) {
				r.learn(t, text, pairs, symbol)
			})
		}
	}
	o, err := visit(ctx, t.base, &t.memory)
	v.cost = o.Cost
	if err != nil {
		return err
	}
	v.at, v.heap, v.memStats, v.partial = o.At, &o.Heap, &o.Heap.MemStats, o.Partial
	// o.Restarted is since the last text: vars may have told of that restart already.
	if p := t.process; p == nil || p.isAnother(v.memStats) || o.Restarted && p.texted {
		if err := r.begin(t, v.at); err != nil {
			return err
		}
	}
	t.process.texted = true
	v.maxPause, v.lostPauses = t.process.heard(v.memStats)
	v.sites, v.foldedSites = t.process.sites.add(o.Heap.Sites)
	v.families = t.process.familiesOf(&o.Heap, len(o.Partial) == 0)
	return nil
}

// askVars reads the MemStats alone. They tell a restart, where they are heard first.
func (r *runtimeReceiver) askVars(ctx context.Context, t *target, v *visit) error {
	answer, cost, err := t.prober.Vars(ctx, t.base)
	v.cost = cost
	if err != nil {
		return err
	}
	v.memStats = &answer.MemStats
	if answer.Load >= 0 {
		v.load = &answer.Load
	}
	if t.process == nil || t.process.isAnother(v.memStats) {
		if err := r.begin(t, v.at); err != nil {
			return err
		}
	}
	v.maxPause, v.lostPauses = t.process.heard(v.memStats)
	return nil
}

func (t *target) askGoroutines(ctx context.Context, v *visit, ask asker) error {
	snapshot, cost, err := ask(ctx, t.base, &t.memory)
	v.cost = cost
	if err != nil {
		return err
	}
	v.goroutines = &snapshot
	if t.process != nil && !snapshot.Leak {
		v.goroutineSites = t.process.goroutines.Add(snapshot)
	}
	return nil
}

func (r *runtimeReceiver) askContention(ctx context.Context, t *target, v *visit, page probe.Page, kind contention.Kind) error {
	return r.askProfile(ctx, t, v, page, func(p *profile.Profile) error {
		result, err := contention.Of(p, kind, contention.Limits{})
		v.contention = &result
		return err
	})
}

// askTrace takes an execution trace. It is read while it comes, and no longer than a visit may take.
func (r *runtimeReceiver) askTrace(ctx context.Context, t *target, v *visit, lasts time.Duration) (err error) {
	v.cost, err = t.prober.Get(ctx, t.base, probe.Trace(lasts), func(body io.Reader) error {
		ctx, cancel := context.WithTimeout(ctx, lasts+r.cfg.HTTP.Timeout)
		defer cancel()
		result, err := exectrace.Read(ctx, body, exectrace.Limits{Bytes: int64(r.cfg.Sources.Trace.MaxSize), Sites: t.top})
		if err == nil && result.Truncated {
			v.cross("trace_size")
		}
		var limit *exectrace.LimitError
		switch {
		case errors.As(err, &limit):
			return &probe.Error{Kind: probe.KindTooLarge, Err: err}
		case errors.Is(err, exectrace.ErrTruncated):
			return &probe.Error{Kind: probe.KindTruncated, Err: err}
		}
		v.trace = &result
		return err
	})
	return err
}

// cross counts that a limit cut something off.
func (v *visit) cross(limit string) {
	if v.crossed == nil {
		v.crossed = map[string]int64{}
	}
	v.crossed[limit]++
}

// tooLong reports that what the process gathers for so long does not come through: the server's WriteTimeout ends before,
// or a trace crosses its size. A trace names things at its end, so less of it is more.
func (v *visit) tooLong() bool {
	var failed *probe.Error
	return v.trace != nil && v.trace.Truncated || errors.Is(v.err, exectrace.ErrTruncated) || errors.As(v.err, &failed) && failed.Kind == probe.KindWriteTimeout
}

// vain reports that the process has no such page, or that somebody else uses it now.
func (v *visit) vain() bool {
	var failed *probe.Error
	if !errors.As(v.err, &failed) || v.source == sourceHeapText {
		return false
	}
	switch failed.Kind {
	case probe.KindAbsent, probe.KindBusy, probe.KindWriteTimeout, probe.KindMethod:
		return true
	}
	return false
}
