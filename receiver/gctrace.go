// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/gctrace"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// followers reads gctrace files, one goroutine a file. A glob is looked at again on every tick, so a file that comes
// later is found; a file that is gone for a minute is forgotten.
type followers struct {
	limit     int
	log       *zap.Logger
	telemetry *metadata.TelemetryBuilder
	offsets   *offsets

	mu      sync.Mutex
	files   map[fileKey]*gcSums
	refused bool
	reading sync.WaitGroup
}

// fileKey lets two targets name one file without sharing what was heard.
type fileKey struct{ owner, path string }

func newFollowers(limit int, log *zap.Logger, telemetry *metadata.TelemetryBuilder, kept *offsets) *followers {
	return &followers{limit: limit, log: log, telemetry: telemetry, offsets: kept, files: map[fileKey]*gcSums{}}
}

// follow starts a reader for each file of the owner that has none yet.
func (f *followers) follow(ctx context.Context, owner string, globs []string) {
	for _, glob := range globs {
		paths, err := filepath.Glob(glob) // only ErrBadPattern, which Validate has refused
		if err != nil {
			continue
		}
		for _, path := range paths {
			f.start(ctx, fileKey{owner, path})
		}
	}
}

// followPod starts a reader for the newest log of a container, if it has none yet.
func (f *followers) followPod(ctx context.Context, owner, folder string) {
	if folder == "" {
		return
	}
	if path, ok := newestLog(folder); ok {
		f.start(ctx, fileKey{owner, path})
	}
}

func (f *followers) start(ctx context.Context, key fileKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.files[key]; known || ctx.Err() != nil {
		return
	}
	if len(f.files) >= f.limit {
		if !f.refused {
			f.log.Warn("more gctrace files than limits::gctrace_files; the rest is not read", zap.Int("limit", f.limit), zap.String("first", key.path))
		}
		f.refused = true
		return
	}
	sums := newGCSums(key.path)
	saved, known := f.offsets.take(key)
	if known {
		sums.restore(saved)
	}
	f.files[key] = sums
	f.reading.Go(func() {
		err := f.read(ctx, sums, saved.Place)
		if err != nil {
			f.log.Warn("gctrace file cannot be read", zap.String("file", key.path), zap.Error(err))
		}
		if err == nil && ctx.Err() == nil {
			f.offsets.drop(key) // the file is gone
		} else {
			f.offsets.put(key, sums, time.Now())
		}
		f.mu.Lock()
		delete(f.files, key) // found again by the next tick if it is still there
		f.mu.Unlock()
	})
}

// read sums the file behind the place where the run before stopped, if that is still there, else all of it. What was
// summed before stays summed: whether the rest is of the same process is told by its cycle numbers.
func (f *followers) read(ctx context.Context, sums *gcSums, stopped place) error {
	source := newTail(ctx, sums.path, sums.reach)
	defer source.Close()
	resumed, err := source.resume(stopped)
	if err != nil {
		return err
	}
	if !resumed {
		stopped.Checkpoint = gctrace.Checkpoint{}
	}
	scanner, err := gctrace.Resume(source, stopped.Checkpoint, gctrace.Settings{})
	if err != nil {
		return err
	}
	for scanner.Scan() {
		if ctx.Err() != nil {
			return nil // the record may be cut off where reading stopped
		}
		at, certain := scanner.Checkpoint()
		where, known := source.trail.place(at)
		if lost := sums.add(scanner.Record(), where, certain && known); lost != "" {
			f.telemetry.ReceiverGoRuntimeGctraceLost.Add(ctx, 1)
			if sums.complain() {
				f.log.Warn("gctrace cycles cannot be summed", zap.String("file", sums.path), zap.String("reason", lost))
			}
		}
	}
	return scanner.Err()
}

// keep writes the offsets now and then, until the context ends.
func (f *followers) keep(ctx context.Context) {
	ticker := time.NewTicker(offsetsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			f.mu.Lock()
			for key, sums := range f.files {
				f.offsets.put(key, sums, time.Time{})
			}
			f.mu.Unlock()
			f.offsets.write(ctx, now)
		}
	}
}

// heard is what each file of the owner has said so far, sorted by path.
func (f *followers) heard(owner string) []heardFile {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []heardFile
	for key, sums := range f.files {
		if key.owner != owner {
			continue
		}
		if heard, ok := sums.heard(); ok {
			all = append(all, heard)
		}
	}
	slices.SortFunc(all, func(a, b heardFile) int {
		if a.path < b.path {
			return -1
		}
		return 1
	})
	return all
}

func (f *followers) wait() { f.reading.Wait() }
