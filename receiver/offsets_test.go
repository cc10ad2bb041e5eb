// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap/zaptest"

	"github.com/heapgate/heapgate/internal/gctrace"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// memory is a storage that lives as long as the test: what a crash leaves is what was set last.
type memory struct {
	component.StartFunc
	component.ShutdownFunc
	mu    sync.Mutex
	value map[string][]byte
	sets  int
	fail  error
	open  int
}

func (m *memory) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	m.open++
	return m, nil
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.value[key], m.fail
}

func (m *memory) Set(_ context.Context, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.value[key] = value
		m.sets++
	}
	return m.fail
}

func (m *memory) Delete(context.Context, string) error               { return errors.New("unused") }
func (m *memory) Batch(context.Context, ...*storage.Operation) error { return errors.New("unused") }
func (m *memory) Close(context.Context) error                        { m.open--; return nil }

// host has one extension.
type host struct {
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

var storageID = component.MustNewIDWithName("file_storage", "offsets")

// reader follows one file as a receiver does that is started, stopped and killed.
type reader struct {
	*followers
	ctx    context.Context
	cancel context.CancelFunc
	kept   *memory
	path   string
	tel    *componenttest.Telemetry // nil: nobody looks
	set    func(*followers)         // before it starts
}

func newMemory() *memory { return &memory{value: map[string][]byte{}} }

func (r *reader) start(t *testing.T) {
	t.Helper()
	set := receivertest.NewNopSettings(NewFactory().Type())
	if r.tel != nil {
		set.TelemetrySettings = r.tel.NewTelemetrySettings()
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := openOffsets(t.Context(), &storageID, host{map[component.ID]component.Component{storageID: r.kept}}, set, 10, telemetry)
	if err != nil {
		t.Fatal(err)
	}
	r.followers = newFollowers(10, zaptest.NewLogger(t), telemetry, kept)
	if r.set != nil {
		r.set(r.followers)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.ctx, r.cancel = ctx, cancel
	r.reading.Go(func() { r.keep(ctx) })
	r.followers.start(ctx, fileKey{"p", r.path}, false)
}

// stop ends the reader; a killed one does not write its offsets.
func (r *reader) stop(t *testing.T, killed bool) {
	t.Helper()
	r.cancel()
	r.wait()
	if killed {
		return
	}
	if err := r.offsets.close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (r *reader) sums(t *testing.T) heardFile {
	t.Helper()
	heard := r.heard("p")
	if len(heard) != 1 {
		t.Fatalf("%d files are heard", len(heard))
	}
	return heard[0]
}

// waitFor waits until the reader has summed as many cycles.
func (r *reader) waitFor(t *testing.T, summed int64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if heard := r.heard("p"); len(heard) == 1 && heard[0].summed == summed {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never were %d cycles summed: %+v", summed, r.heard("p"))
		}
	}
}

func TestOffsetsInFileStorage(t *testing.T) {
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = t.TempDir()
	log := filepath.Join(t.TempDir(), "stderr.log")
	write(t, log, cycleLines(1, 10), 0)
	run := func() (out *sink, stop func()) {
		id := component.NewIDWithName(factory.Type(), "offsets")
		set := extensiontest.NewNopSettings(factory.Type())
		set.ID = id
		extension, err := factory.Create(t.Context(), set, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := extension.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		out = &sink{}
		settings := receivertest.NewNopSettings(NewFactory().Type())
		settings.ID = component.NewID(NewFactory().Type()) // else another one each time
		p := targetAt("p", "http://127.0.0.1:1")
		p.GCTrace.Files = []string{log}
		receiver := createDefaultConfig()
		receiver.CollectionInterval = 100 * time.Millisecond
		receiver.Targets = []TargetConfig{p}
		receiver.Storage = &id
		end := startWith(t, out, receiver, settings, host{map[component.ID]component.Component{id: extension}})
		return out, func() {
			end()
			if err := extension.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
	out, stop := run()
	out.wait(t, "p", "heapgate.gctrace.summed", is(10))
	began := out.startOf("p", "heapgate.gctrace.cycles")
	stop()

	// What was read is gone; only who goes on with the stored sums has ten cycles and the same start.
	if err := os.Rename(log, log+".old"); err != nil {
		t.Fatal(err)
	}
	write(t, log+".old", cycleLines(11, 12), os.O_APPEND)
	write(t, log, cycleLines(13, 14), 0)
	out, stop = run()
	out.wait(t, "p", "heapgate.gctrace.summed", is(14))
	if out.startOf("p", "heapgate.gctrace.cycles") != began {
		t.Error("the start of the sums moved although the process is the same")
	}
	stop()
	write(t, log, cycleLines(1, 3), os.O_TRUNC) // the process was started again meanwhile
	out, stop = run()
	out.wait(t, "p", "heapgate.gctrace.cycles", is(3))
	out.wait(t, "p", "heapgate.gctrace.summed", is(3))
	stop()
}

func TestStorageThatFailsStopsNothing(t *testing.T) {
	for name, kept := range map[string]*memory{
		"broken":  {value: map[string][]byte{}, fail: errors.New("disk full")},
		"garbage": {value: map[string][]byte{offsetsKey: []byte(`{"version":1,"files":[null,{"owner":"p"}]}`)}},
		"place":   {value: map[string][]byte{offsetsKey: []byte(`{"version":1,"files":[{"owner":"p","path":"PATH","place":{"head_bytes":1099511627776,"offset":1},"sums":{"first_heard":"2026-11-21T06:00:00Z","last_heard":"2026-11-21T06:00:00Z","records":{"intact":7,"mended":0,"ambiguous":0,"bad":0},"clock":{},"cpu":{},"streams":{}}}]}`)}},
		"future":  {value: map[string][]byte{offsetsKey: []byte(`{"version":9}`)}},
		"no json": {value: map[string][]byte{offsetsKey: []byte(`gc 1`)}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &reader{kept: kept, path: filepath.Join(t.TempDir(), "0.log")}
				write(t, r.path, cycleLines(1, 5), 0)
				kept.value[offsetsKey] = bytes.ReplaceAll(kept.value[offsetsKey], []byte("PATH"), []byte(r.path))
				r.start(t)
				time.Sleep(12 * time.Second)
				if got := r.sums(t); got.summed != 5 || got.records[intact] != 5 {
					t.Errorf("%d cycles are summed, %v records", got.summed, got.records)
				}
				r.stop(t, false)
				if kept.open != 0 {
					t.Error("the storage was not given back")
				}
			})
		})
	}
}

// files is how many files the stored value has, and how often it was written.
func (m *memory) files(t *testing.T) (n, sets int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var saved savedOffsets
	if err := json.Unmarshal(m.value[offsetsKey], &saved); err != nil {
		t.Fatal(err)
	}
	return len(saved.Files), m.sets
}

func TestOffsetsAreBoundedAndWrittenOnlyWhenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{kept: newMemory(), path: filepath.Join(t.TempDir(), "0.log")}
		write(t, r.path, cycleLines(1, 5), 0)
		r.start(t)
		time.Sleep(time.Minute)
		if _, sets := r.kept.files(t); sets != 1 {
			t.Errorf("%d writes in a minute without news", sets)
		}
		gone := newGCSums("x")
		gone.add(gctrace.Record{Cycle: &gctrace.Cycle{GC: 1}}, place{}, true)
		for n := range 100 { // targets that came and went
			r.offsets.put(fileKey{fmt.Sprint(n), "x"}, gone, time.Now())
		}
		time.Sleep(time.Minute)
		if files, _ := r.kept.files(t); files != 10 {
			t.Errorf("%d files are kept; want the limit, 10", files)
		}
		if _, ok := r.offsets.take(fileKey{"p", r.path}); !ok {
			t.Error("the file that is followed was forgotten for ones that are not")
		}
		time.Sleep(2 * time.Hour)
		if files, _ := r.kept.files(t); files != 1 {
			t.Errorf("%d files are kept two hours later; want the one that is followed", files)
		}
		if err := os.Remove(r.path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if files, _ := r.kept.files(t); files != 0 {
			t.Errorf("%d files are kept after the last one is gone", files)
		}
		r.stop(t, false)
	})
}

func TestStorageMustBeOne(t *testing.T) {
	cfg := createDefaultConfig()
	cfg.Targets = []TargetConfig{targetAt("p", "http://127.0.0.1:1")}
	cfg.Storage = &storageID
	for want, extensions := range map[string]map[component.ID]component.Component{
		`storage: extension "file_storage/offsets" must be listed below service::extensions`: {},
		`must be a storage extension such as file_storage`:                                   {storageID: nil},
	} {
		r, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, &sink{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Start(t.Context(), host{extensions}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if err := r.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// While a file is read for the first time its sums grow: they are not told, or they would look like a process that restarted.
func TestHalfReadFilesAreNotHeard(t *testing.T) {
	sums := newGCSums("x")
	cycle := gctrace.Cycle{GC: 1}
	sums.add(gctrace.Record{Cycle: &cycle}, place{}, true)
	f := &followers{files: map[fileKey]*gcSums{{"p", "x"}: sums}}
	if len(f.heard("p")) != 0 {
		t.Error("a half read file is heard")
	}
	if sums.reach(); len(f.heard("p")) != 1 {
		t.Error("a file that was read is not heard")
	}
}
