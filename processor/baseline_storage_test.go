// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/heapgate/heapgate/internal/signal"
)

// TestRestartKeepsBaselines learns for four weeks, stops, starts again with the file storage extension, and judges at once.
func TestRestartKeepsBaselines(t *testing.T) {
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = t.TempDir()
	run := func(use func(k *keeping)) {
		set := extensiontest.NewNopSettings(factory.Type())
		set.ID = baselineStorage
		extension, err := factory.Create(t.Context(), set, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := extension.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		k := newKeeping(t, nil)
		if err := k.start(t.Context(), storing{extension}); err != nil {
			t.Fatal(err)
		}
		use(k)
		if err := k.shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := extension.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k.logs.Len() > 0 {
			t.Errorf("log: %v", k.logs.All())
		}
	}
	// four weeks that end now: the time of the storage is the clock's
	now := time.Now().Truncate(time.Hour)
	share := func(k *keeping, now time.Time, value float64) *signal.Report {
		r := said(now, value)
		k.judge(now, aWorkload("api", "1"), aged(now), r)
		return r
	}
	run(func(k *keeping) {
		for at := now.Add(-4 * 7 * 24 * time.Hour); at.Before(now); at = at.Add(10 * time.Minute) {
			share(k, at, 0.05)
		}
	})
	run(func(k *keeping) {
		if n := k.store.Workloads(); n != 1 {
			t.Errorf("%d workloads after a restart, want 1", n)
		}
		r := share(k, now, 0.1)
		if d, n := about(r, signal.BaselineDeviation, signal.GCCPUShare), about(r, signal.BaselineSamples, signal.GCCPUShare); !(d > 6) || n != 4 {
			t.Errorf("after a restart a doubling deviates by %v on %v weeks, want more than 6 on 4", d, n)
		}
	})
}

// TestDamagedBaselines: what cannot be used is counted and said once, learned afresh and overwritten; the rest is kept.
func TestDamagedBaselines(t *testing.T) {
	kept := &memoryStorage{values: map[string][]byte{}}
	first := newKeeping(t, nil)
	if err := first.start(t.Context(), storing{kept}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		for hour := range 3 {
			for minute := range 5 {
				now := time.Now().Truncate(time.Hour).Add(time.Duration(hour-3)*time.Hour + time.Duration(minute)*time.Minute)
				first.judge(now, aWorkload(name, "1"), aged(now), said(now, 0.05))
			}
		}
	}
	if err := first.shutdown(t.Context()); err != nil || kept.closed != 1 || len(kept.values) != 3 {
		t.Fatalf("%v, closed %d times, %d values", err, kept.closed, len(kept.values))
	}
	kept.values["baseline.0"][40] ^= 1
	kept.values["baseline.2"] = []byte("HGBL\x02\x00\x00\x00\x00\x00\x00")
	second := newKeeping(t, nil)
	if err := second.start(t.Context(), storing{kept}); err != nil {
		t.Fatal(err)
	}
	if n := second.store.Workloads(); n != 1 {
		t.Errorf("%d workloads, want the one that is whole", n)
	}
	if second.failures(t, "damaged") != 2 || second.logs.Len() != 1 {
		t.Errorf("%d counted, %d lines; want 2 and 1", second.failures(t, "damaged"), second.logs.Len())
	}
	if err := second.shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(kept.values) != 1 {
		t.Errorf("%d values, want the damaged ones deleted", len(kept.values))
	}
}

// TestSavingDoesNotBlock: while the storage hangs, batches are judged; the end waits no longer than the storage may take.
func TestSavingDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &memoryStorage{values: map[string][]byte{}, hang: make(chan struct{})}
		k := newKeeping(t, nil)
		if err := k.start(t.Context(), storing{kept}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 5 * 60 {
			now := time.Now()
			k.judge(now, aWorkload("api", "1"), aged(now), said(now, 0.05)) // a lock that is held would deadlock the bubble
			time.Sleep(time.Minute)
		}
		if took := time.Since(began); took != 5*time.Hour {
			t.Errorf("five hours took %v", took)
		}
		if calls, sets := kept.counts(); calls < 2 || sets != 0 {
			t.Errorf("%d calls of the storage, %d set; want some that hang", calls, sets)
		}
		if n := k.logs.Len(); n != 1 || !strings.Contains(k.logs.All()[0].Message, "cannot be stored") {
			t.Errorf("%d lines of a storage that fails for hours, want 1", n)
		}
		if k.failures(t, "write") < 2 {
			t.Error("failed writes are not counted")
		}
		time.Sleep(time.Hour) // the last hour too has failed to be written, and nothing is learned that would make another try needed
		close(kept.hang)
		time.Sleep(11 * time.Minute)
		if _, sets := kept.counts(); sets != 1 {
			t.Errorf("%d set after the storage came back, want 1", sets)
		}
		kept.mu.Lock()
		kept.hang = make(chan struct{})
		kept.mu.Unlock()
		now := time.Now().Add(time.Hour)
		k.judge(now, aWorkload("api", "1"), aged(now), said(now, 0.05))
		ended := time.Now()
		if err := k.shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(ended); took > 2*baselineTimeout || kept.closed != 1 {
			t.Errorf("the end took %v, closed %d times", took, kept.closed)
		}
	})
}

// TestStorageFails: a storage that cannot be read is no reason not to start; one that is not there is.
func TestStorageFails(t *testing.T) {
	k := newKeeping(t, nil)
	if err := k.start(t.Context(), storing{&memoryStorage{fail: errors.New("broken")}}); err != nil {
		t.Fatal(err)
	}
	if k.failures(t, "read") != 1 || k.logs.Len() != 1 {
		t.Errorf("%d counted, %d lines; want 1 and 1", k.failures(t, "read"), k.logs.Len())
	}
	if err := k.shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for want, host := range map[string]component.Host{
		"must be listed below service::extensions": componenttest.NewNopHost(),
		"must be a storage extension":              storing{struct{ component.Component }{}},
	} {
		if err := newKeeping(t, nil).start(t.Context(), host); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	var none *baselines
	off := newTestBaselines(t, nil)
	for _, b := range []*baselines{none, off} {
		if err := errors.Join(b.start(t.Context(), componenttest.NewNopHost()), b.shutdown(t.Context()), b.shutdown(t.Context())); err != nil {
			t.Error(err)
		}
	}
	none.peers(aMonday, aWorkload("a", "1"), &signal.Observation{})
	none.judge(aMonday, aWorkload("a", "1"), &signal.Observation{}, &signal.Report{})
}

// TestBaselineBrim: more workloads than there may be are judged by absolute limits only, and counted.
func TestBaselineBrim(t *testing.T) {
	k := newKeeping(t, func(c *BaselineConfig) { c.MaxWorkloads, c.Storage = 3, nil })
	for _, name := range []string{"a", "b", "c", "d", "d"} {
		k.judge(aMonday, aWorkload(name, "1"), aged(aMonday), said(aMonday, 0.05))
	}
	k.judge(aMonday.Add(time.Hour), aWorkload("e", "1"), aged(aMonday), said(aMonday.Add(time.Hour), 0.05))
	m, err := k.tel.GetMetric("otelcol_processor_go_signals_baselines_lost")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		reason, _ := p.Attributes.Value(attribute.Key("reason"))
		got[reason.AsString()] = p.Value
	}
	if got["full"] != 2 || got["limit"] != 1 || k.store.Workloads() != 3 {
		t.Errorf("%v with %d workloads, want 2 observations without room and 1 displaced of 3", got, k.store.Workloads())
	}
}

func TestBaselineConfig(t *testing.T) {
	cfg := defaultBaselineConfig()
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	broken := BaselineConfig{
		Enabled: true, SaveInterval: time.Millisecond, MaxWorkloads: 0, MaxTargets: -1, Weeks: 9, MinSamples: 10, WarmUp: -1, RaiseAfter: -2, ClearAfter: -3,
		Tiers: map[string]float64{"a": 0.5, "b": -1, "c": math.NaN(), "d": math.Inf(1), "e": 0, "f": 1}, DefaultTier: "g",
	}
	want := `save_interval must be at least 1s (got 1ms)
max_workloads must be at least 1 (got 0)
max_targets must be at least 1 (got -1)
weeks must be from 2 to 8 (got 9)
min_samples must be from 2 to weeks, 9 (got 10)
warm_up must not be negative (got -1ns)
raise_after must not be negative (got -2ns)
clear_after must not be negative (got -3ns)
tiers::a must be 0 (off) or at least 1 (got 0.5)
tiers::b must be 0 (off) or at least 1 (got -1)
tiers::c must be 0 (off) or at least 1 (got NaN)
tiers::d must be 0 (off) or at least 1 (got +Inf)
default_tier must be one of the tiers ["a" "b" "c" "d" "e" "f"] (got "g")`
	if err := broken.Validate(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	broken.Enabled = false
	if err := broken.Validate(); err != nil {
		t.Errorf("what is switched off is not validated: %v", err)
	}
	if len(learnable()) > 40 || len(baselineKinds) > len(heardKinds{}.value) {
		t.Error("too many kinds")
	}
}
