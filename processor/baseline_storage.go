// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/baseline"
)

const (
	// baselinesAtOnce are read or written in one go, about 1 MB.
	baselinesAtOnce = 32
	// baselineTimeout bounds one such go: a storage that hangs must not hold up the end of the collector.
	baselineTimeout = 30 * time.Second
)

// baselineSaver keeps the baselines in a storage, one value for each workload under the number of its place: the storage cannot
// list its keys. A value is written as a whole or not at all.
type baselineSaver struct {
	of  *baselines
	id  component.ID
	log *zap.Logger

	client  storage.Client // nil: memory only
	cancel  context.CancelFunc
	running sync.WaitGroup
	failing bool // it was said that it cannot be written
}

// start reads what the run before has left, and writes from then on what changes. That there is nothing to read, or nothing that
// can be read, is no error: learning begins afresh.
func (b *baselines) start(ctx context.Context, host component.Host) error {
	if b == nil || b.cfg.Storage == nil {
		return nil
	}
	s := b.saver
	extension, ok := host.GetExtensions()[*b.cfg.Storage]
	if !ok {
		return fmt.Errorf("baseline::storage: extension %q must be listed below service::extensions (got none of that name)", b.cfg.Storage)
	}
	store, ok := extension.(storage.Extension)
	if !ok {
		return fmt.Errorf("baseline::storage: extension %q must be a storage extension such as file_storage (got %T)", b.cfg.Storage, extension)
	}
	client, err := store.GetClient(ctx, component.KindProcessor, s.id, "baselines")
	if err != nil {
		return fmt.Errorf("baseline::storage: %w", err)
	}
	s.client = client
	s.load(ctx, time.Now())
	saving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.running.Go(func() { s.keep(saving) })
	return nil
}

// shutdown writes a last time and gives the storage back.
func (b *baselines) shutdown(ctx context.Context) error {
	if b == nil || b.saver.client == nil {
		return nil
	}
	s := b.saver
	s.cancel()
	s.running.Wait()
	s.save(ctx, time.Now())
	client := s.client
	s.client = nil
	if err := client.Close(ctx); err != nil {
		return errors.Join(errors.New("baseline::storage does not close"), err)
	}
	return nil
}

func (s *baselineSaver) keep(ctx context.Context) {
	tick := time.NewTicker(s.of.cfg.SaveInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.save(ctx, time.Now())
		}
	}
}

func baselineKey(place int) string { return fmt.Sprintf("baseline.%d", place) }

func (s *baselineSaver) load(ctx context.Context, now time.Time) {
	var useless error
	for place := 0; place < s.of.cfg.MaxWorkloads; place += baselinesAtOnce {
		var read []*storage.Operation
		for n := place; n < min(place+baselinesAtOnce, s.of.cfg.MaxWorkloads); n++ {
			read = append(read, storage.GetOperation(baselineKey(n)))
		}
		if err := s.batch(ctx, read); err != nil {
			s.of.telemetry.fail(ctx, "read")
			s.log.Warn("stored baselines cannot be read; what is usual is learned afresh", zap.Error(err), zap.Int("from_place", place))
			return
		}
		if err := s.take(ctx, place, read, now); useless == nil {
			useless = err
		}
	}
	if useless != nil {
		s.log.Warn("some stored baselines are of no use; what is usual for their workloads is learned afresh", zap.Error(useless))
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.telemetry.held(ctx, s.of.store.Workloads())
}

// take gives the first error of several: two thousand of one kind say no more.
func (s *baselineSaver) take(ctx context.Context, place int, read []*storage.Operation, now time.Time) (useless error) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	for i, op := range read {
		if op.Value == nil {
			continue
		}
		if err := s.of.store.Load(place+i, op.Value, now); err != nil {
			reason := "damaged"
			if errors.Is(err, baseline.ErrVersion) {
				reason = "version"
			}
			s.of.telemetry.fail(ctx, reason)
			if useless == nil {
				useless = fmt.Errorf("%s: %w", op.Key, err)
			}
		}
	}
	return useless
}

// save writes what has changed. The lock is held for one workload at a time, some 20 microseconds, and never during a write.
func (s *baselineSaver) save(ctx context.Context, now time.Time) {
	s.expire(ctx, now)
	for place := 0; place >= 0 && ctx.Err() == nil; {
		var write []*storage.Operation
		var places []int
		for len(write) < baselinesAtOnce {
			var value []byte
			if place, value = s.next(place, now); place < 0 {
				break
			}
			op := storage.SetOperation(baselineKey(place), value)
			if value == nil {
				op = storage.DeleteOperation(baselineKey(place))
			}
			write, places = append(write, op), append(places, place)
			place++
		}
		if len(write) == 0 {
			return
		}
		if err := s.batch(ctx, write); err != nil {
			s.failed(ctx, places, err)
			return // the next time is soon enough
		}
		s.failing = false
	}
}

func (s *baselineSaver) expire(ctx context.Context, now time.Time) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.telemetry.lose(ctx, s.of.store.Expire(now), "age")
	s.of.telemetry.held(ctx, s.of.store.Workloads())
}

func (s *baselineSaver) next(from int, now time.Time) (place int, value []byte) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	return s.of.store.Next(from, now)
}

func (s *baselineSaver) failed(ctx context.Context, places []int, err error) {
	s.of.mu.Lock()
	for _, place := range places {
		s.of.store.Mark(place)
	}
	s.of.mu.Unlock()
	s.of.telemetry.fail(ctx, "write")
	if !s.failing {
		s.log.Warn("baselines cannot be stored; a restart forgets what was learned since", zap.Error(err))
	}
	s.failing = true
}

func (s *baselineSaver) batch(ctx context.Context, ops []*storage.Operation) error {
	ctx, cancel := context.WithTimeout(ctx, baselineTimeout)
	defer cancel()
	return s.client.Batch(ctx, ops...)
}
