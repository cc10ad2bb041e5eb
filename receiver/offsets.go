// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

const (
	offsetsKey     = "gctrace"
	offsetsVersion = 1
	offsetsEvery   = 5 * time.Second
	offsetsIdle    = time.Hour // how long a file that nobody follows is remembered
	offsetsBytes   = 16 << 20  // of the value: 1000 files take about 1 MB
)

// offsets keeps, in a storage extension, how far each gctrace file was read together with the sums up to there. Both are
// written as one value: sums of one moment and an offset of another would lose cycles or count them twice. All files are
// in one value too, which is bounded by limits::gctrace_files. A nil *offsets remembers nothing.
type offsets struct {
	client    storage.Client
	limit     int
	maxBytes  int
	every     time.Duration
	log       *zap.Logger
	telemetry *metadata.TelemetryBuilder

	mu      sync.Mutex
	files   map[fileKey]*savedFile
	owners  map[string]*ownerCrashes
	written []byte
	failing bool
}

// savedFile is what is kept of one followed file.
type savedFile struct {
	Owner string    `json:"owner"`
	Path  string    `json:"path"`
	Place place     `json:"place"`
	Sums  savedSums `json:"sums"`
	Told  int64     `json:"told,omitempty"` // crashes in it that were told, also behind the place

	idle time.Time // since when nobody has followed it; zero: somebody does
}

type savedOffsets struct {
	Version int             `json:"version"`
	Files   []*savedFile    `json:"files"`
	Owners  []*ownerCrashes `json:"owners,omitempty"`
}

// openOffsets reads what the run before has left. Without an id there is no storage.
func openOffsets(ctx context.Context, id *component.ID, host component.Host, set receiver.Settings, limit int, telemetry *metadata.TelemetryBuilder) (*offsets, error) {
	if id == nil {
		return nil, nil
	}
	extension, ok := host.GetExtensions()[*id]
	if !ok {
		return nil, fmt.Errorf("storage: extension %q must be listed below service::extensions (got none of that name)", id)
	}
	store, ok := extension.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: extension %q must be a storage extension such as file_storage (got %T)", id, extension)
	}
	client, err := store.GetClient(ctx, component.KindReceiver, set.ID, "")
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	o := &offsets{
		client: client, limit: limit, maxBytes: offsetsBytes, every: offsetsEvery, log: set.Logger, telemetry: telemetry,
		files: map[fileKey]*savedFile{}, owners: map[string]*ownerCrashes{},
	}
	text, err := client.Get(ctx, offsetsKey)
	if err == nil && text != nil {
		err = o.decode(text, time.Now())
	}
	if err != nil {
		o.telemetry.ReceiverGoRuntimeOffsetsFailed.Add(ctx, 1)
		o.log.Warn("stored offsets cannot be read; every gctrace file is read from its start", zap.Error(err))
	}
	return o, nil
}

func (o *offsets) decode(text []byte, now time.Time) error {
	var saved savedOffsets
	if err := json.Unmarshal(text, &saved); err != nil {
		return err
	}
	if saved.Version != offsetsVersion {
		return fmt.Errorf("version must be %d (got %d)", offsetsVersion, saved.Version)
	}
	for _, f := range saved.Files[:min(len(saved.Files), o.limit)] {
		if f != nil && f.Told >= 0 && f.Sums.valid() && f.Place.valid() {
			f.idle = now
			o.files[fileKey{f.Owner, f.Path}] = f
		}
	}
	for _, of := range saved.Owners[:min(len(saved.Owners), o.limit)] {
		if of != nil && of.Crashes.valid() && !of.Since.IsZero() {
			of.idle = now
			o.owners[of.Owner] = of
		}
	}
	return nil
}

// take says where to go on with a file that is now followed.
func (o *offsets) take(key fileKey) (savedFile, bool) {
	if o == nil {
		return savedFile{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	f, ok := o.files[key]
	if !ok {
		return savedFile{}, false
	}
	f.idle = time.Time{}
	return *f, true
}

// put notes how far a file was read. idle: since when nobody follows it any more.
func (o *offsets) put(key fileKey, sums *gcSums, idle time.Time) {
	if o == nil {
		return
	}
	where, saved, certain := sums.save()
	o.mu.Lock()
	defer o.mu.Unlock()
	f, ok := o.files[key]
	switch {
	case ok && certain:
		f.Place, f.Sums, f.Told = where, saved, sums.toldCrashes()
	case ok:
		f.Told = sums.toldCrashes()
	case certain:
		o.room()
		f = &savedFile{Owner: key.owner, Path: key.path, Place: where, Sums: saved, Told: sums.toldCrashes()}
		o.files[key] = f
	case !ok:
		return // no record was heard yet
	}
	f.idle = idle
}

// room forgets the file that nobody has followed for the longest time, where the limit is reached.
func (o *offsets) room() {
	if len(o.files) < o.limit {
		return
	}
	var oldest fileKey
	var since time.Time
	for key, f := range o.files {
		if !f.idle.IsZero() && (since.IsZero() || f.idle.Before(since)) {
			oldest, since = key, f.idle
		}
	}
	delete(o.files, oldest)
}

// drop forgets a file that is gone.
func (o *offsets) drop(key fileKey) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.files, key)
}

// write writes what has changed since it was last written.
func (o *offsets) write(ctx context.Context, now time.Time) {
	text, err := o.encode(now)
	if err == nil && text == nil {
		return
	}
	if err == nil {
		err = o.client.Set(ctx, offsetsKey, text)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.telemetry.ReceiverGoRuntimeOffsetsFailed.Add(ctx, 1)
		if !o.failing {
			o.log.Warn("offsets cannot be stored; after a restart some gctrace is read again", zap.Error(err))
		}
		o.failing = true
		return
	}
	o.failing, o.written = false, text
}

// encode is the value to write, or nil if it is the one that was written last.
func (o *offsets) encode(now time.Time) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	saved := savedOffsets{Version: offsetsVersion}
	for key, f := range o.files {
		if !f.idle.IsZero() && now.Sub(f.idle) > offsetsIdle {
			delete(o.files, key)
			continue
		}
		saved.Files = append(saved.Files, f)
	}
	slices.SortFunc(saved.Files, func(a, b *savedFile) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Path, b.Path))
	})
	for owner, of := range o.owners {
		if !of.idle.IsZero() && now.Sub(of.idle) > offsetsIdle {
			delete(o.owners, owner)
			continue
		}
		saved.Owners = append(saved.Owners, of)
	}
	slices.SortFunc(saved.Owners, func(a, b *ownerCrashes) int { return cmp.Compare(a.Owner, b.Owner) })
	text, err := json.Marshal(saved)
	if err != nil || bytes.Equal(text, o.written) {
		return nil, err
	}
	if len(text) > o.maxBytes {
		return nil, fmt.Errorf("offsets of %d files must take at most %d bytes (got %d)", len(saved.Files), o.maxBytes, len(text))
	}
	return text, nil
}

// takeOwner says which crashes the owner has had in files that are gone.
func (o *offsets) takeOwner(owner string) *ownerCrashes {
	fresh := &ownerCrashes{Owner: owner, Since: time.Now()}
	if o == nil {
		return fresh
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	of, ok := o.owners[owner]
	if !ok {
		if len(o.owners) < o.limit {
			kept := *fresh
			o.owners[owner] = &kept
		}
		return fresh
	}
	of.idle = time.Time{}
	taken := *of
	return &taken
}

// putOwner notes them, where there is place.
func (o *offsets) putOwner(of ownerCrashes) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.owners[of.Owner]; ok || len(o.owners) < o.limit {
		o.owners[of.Owner] = &of
	}
}

// close writes a last time and gives the storage back.
func (o *offsets) close(ctx context.Context) error {
	if o == nil {
		return nil
	}
	o.write(ctx, time.Now())
	if err := o.client.Close(ctx); err != nil {
		return errors.Join(errors.New("storage does not close"), err)
	}
	return nil
}
