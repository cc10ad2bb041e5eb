// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/crash"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// followers reads gctrace files, one goroutine a file. A glob is looked at again on every tick, so a file that comes
// later is found; a file that is gone for a minute is forgotten.
type followers struct {
	limit      int   // files
	streams    int   // of the Kubernetes API
	maxRotated int64 // bytes of one compressed file, inflated
	log        *zap.Logger
	telemetry  *metadata.TelemetryBuilder
	offsets    *offsets
	pods       *podLogClient                                                 // nil: pod_logs is not api
	crashed    func(ctx context.Context, owner, path string, c *crash.Crash) // by the reader of the log, once it is counted; nil: nobody wants to know

	mu      sync.Mutex
	files   map[fileKey]*gcSums
	owners  map[string]*ownerCrashes
	piped   map[string]fileKey // who reads a pipe, of which each reader would get a part
	remote  int                // streams of the Kubernetes API
	told    map[fileKey]string // why a file cannot be read
	refused map[string]bool    // limits that were told of
	reading sync.WaitGroup
	urgent  chan struct{} // the offsets are to be written now
}

// fileKey lets two targets name one file without sharing what was heard.
type fileKey struct{ owner, path string }

const defaultLogStreams = 500

func newFollowers(limit int, log *zap.Logger, telemetry *metadata.TelemetryBuilder, kept *offsets) *followers {
	return &followers{
		limit: limit, streams: defaultLogStreams, maxRotated: maxRotatedBytes, log: log, telemetry: telemetry, offsets: kept,
		files: map[fileKey]*gcSums{}, owners: map[string]*ownerCrashes{}, piped: map[string]fileKey{}, told: map[fileKey]string{},
		refused: map[string]bool{}, urgent: make(chan struct{}, 1),
	}
}

// follow starts a reader for each file of the owner that has none yet.
func (f *followers) follow(ctx context.Context, owner string, globs []string) {
	for _, glob := range globs {
		if glob == stdinPath {
			f.start(ctx, fileKey{owner, stdinPath}, false)
			continue
		}
		paths, err := filepath.Glob(glob) // only ErrBadPattern, which Validate has refused
		if err != nil {
			continue
		}
		for _, path := range paths {
			if !isRotation(path) {
				f.start(ctx, fileKey{owner, path}, false)
			}
		}
	}
}

// followPod starts readers for the logs of a container that have none yet: of its newest instance, and of the one before,
// which may have died with a dump that nobody has read.
func (f *followers) followPod(ctx context.Context, owner, where string) {
	if where == "" {
		return
	}
	if _, ok := parsePodLog(where); ok {
		f.start(ctx, fileKey{owner, where}, false)
		return
	}
	for i, path := range newestLogs(where) {
		f.start(ctx, fileKey{owner, path}, i > 0)
	}
}

// start begins to read a file, unless somebody does. Of a past one only the crashes count: the process that wrote it is no
// more.
func (f *followers) start(ctx context.Context, key fileKey, past bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.files[key]; known || ctx.Err() != nil || !f.room(ctx, key) {
		return
	}
	if _, known := f.owners[key.owner]; !known {
		of := f.ownerOf(key.owner)
		context.AfterFunc(ctx, func() { f.forget(of) })
	}
	sums := newGCSums(key.path)
	sums.past = past
	saved, known := f.offsets.take(key)
	if known {
		sums.restore(saved)
	}
	f.files[key] = sums
	f.reading.Go(func() {
		err := f.read(ctx, key, sums, saved.Place)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.tellOnce(key, err)
		if err == nil && ctx.Err() == nil { // the file is gone
			f.retire(key, sums)
			f.offsets.drop(key)
		} else {
			f.offsets.put(key, sums, time.Now())
		}
		f.leave(key) // found again by the next tick if it is still there
	})
}

// room is false where a limit keeps the file out, or another reader of the same pipe.
func (f *followers) room(ctx context.Context, key fileKey) bool {
	_, remote := parsePodLog(key.path)
	switch {
	case remote && f.remote >= f.streams:
		f.refuse(ctx, "log_streams", key, "more pod logs than limits::log_streams; the rest is not read", f.streams)
		return false
	case !remote && len(f.files)-f.remote >= f.limit:
		f.refuse(ctx, "gctrace_files", key, "more gctrace files than limits::gctrace_files; the rest is not read", f.limit)
		return false
	case remote:
		f.remote++
	case isPipe(key.path):
		if by, taken := f.piped[key.path]; taken {
			f.refuse(ctx, "one_reader_of_a_pipe", key, "a pipe is named twice; it is read for "+by.owner+" alone", 1)
			return false
		}
		f.piped[key.path] = key
	}
	return true
}

// leave is the end of what start began. It is called with the lock held.
func (f *followers) leave(key fileKey) {
	delete(f.files, key)
	if _, remote := parsePodLog(key.path); remote {
		f.remote--
	}
	if f.piped[key.path] == key {
		delete(f.piped, key.path)
	}
}

// refuse counts each file that a limit keeps out, once while it is there, and logs the first one.
func (f *followers) refuse(ctx context.Context, limit string, key fileKey, message string, n int) {
	if f.told[key] != limit {
		f.remember(key, limit)
		f.crossed(ctx, limit)
	}
	if !f.refused[limit] {
		f.log.Warn(message, zap.Int("limit", n), zap.String("first", key.path))
	}
	f.refused[limit] = true
}

func (f *followers) crossed(ctx context.Context, limit string) {
	f.telemetry.ReceiverGoRuntimeLimitsCrossed.Add(ctx, 1, metric.WithAttributes(attribute.String("limit", limit)))
}

// tellOnce logs why a file cannot be read, when that changes: it is tried again on every tick.
func (f *followers) tellOnce(key fileKey, err error) {
	if err == nil {
		delete(f.told, key)
		return
	}
	if f.told[key] != err.Error() {
		f.log.Warn("gctrace file cannot be read", zap.String("file", key.path), zap.Error(err))
	}
	f.remember(key, err.Error())
}

const maxTold = 10_000

func (f *followers) remember(key fileKey, why string) {
	if len(f.told) >= maxTold {
		clear(f.told) // so that it is bounded; some is told again
	}
	f.told[key] = why
}

// forget lets go of an owner that is no more.
func (f *followers) forget(of *ownerCrashes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.owners[of.Owner] == of {
		delete(f.owners, of.Owner)
	}
	gone := *of
	gone.idle = time.Now()
	f.offsets.putOwner(gone)
}

// keep writes the offsets now and then, until the context ends.
func (f *followers) keep(ctx context.Context) {
	ticker := time.NewTicker(f.offsets.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-f.urgent:
			select { // the reader that has met a crash goes on to where that is certain
			case <-ctx.Done():
				return
			case <-time.After(f.offsets.every / 10):
			}
		}
		f.mu.Lock()
		for key, sums := range f.files {
			f.offsets.put(key, sums, time.Time{})
		}
		f.mu.Unlock()
		f.offsets.write(ctx, time.Now())
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
		if heard, ok := sums.heard(); ok && !sums.past {
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
