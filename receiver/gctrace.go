// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

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

	mu      sync.Mutex
	files   map[fileKey]*gcSums
	refused bool
	reading sync.WaitGroup
}

// fileKey lets two targets name one file without sharing what was heard.
type fileKey struct{ owner, path string }

func newFollowers(limit int, log *zap.Logger, telemetry *metadata.TelemetryBuilder) *followers {
	return &followers{limit: limit, log: log, telemetry: telemetry, files: map[fileKey]*gcSums{}}
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
	f.files[key] = sums
	f.reading.Go(func() {
		err := f.read(ctx, sums)
		if err != nil {
			f.log.Warn("gctrace file cannot be read", zap.String("file", key.path), zap.Error(err))
		}
		f.mu.Lock()
		delete(f.files, key) // found again by the next tick if it is still there
		f.mu.Unlock()
	})
}

func (f *followers) read(ctx context.Context, sums *gcSums) error {
	source := newTail(ctx, sums.path)
	defer source.Close()
	lines, err := gctrace.Unwrap(source, gctrace.Auto)
	if err != nil {
		return err
	}
	scanner := gctrace.NewScanner(lines, gctrace.Settings{})
	for scanner.Scan() {
		if lost := sums.add(scanner.Record()); lost != "" {
			f.telemetry.ReceiverGoRuntimeGctraceLost.Add(ctx, 1)
			if sums.complain() {
				f.log.Warn("gctrace cycles cannot be summed", zap.String("file", sums.path), zap.String("reason", lost))
			}
		}
	}
	return scanner.Err()
}

// heard is what each file of the owner has said so far, sorted by path.
func (f *followers) heard(owner string) []heardFile {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []heardFile
	for key, sums := range f.files {
		if key.owner == owner {
			all = append(all, sums.heard())
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
