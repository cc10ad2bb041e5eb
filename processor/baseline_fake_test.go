// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/heapgate/heapgate/processor/internal/metadata"
)

var baselineStorage = component.MustNewIDWithName("file_storage", "baselines")

// storing is a host with one extension.
type storing struct{ extension component.Component }

func (s storing) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{baselineStorage: s.extension}
}

// memoryStorage is a storage that fails or hangs when it is told to.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc
	mu     sync.Mutex
	values map[string][]byte
	sets   int
	fail   error
	hang   chan struct{} // writes wait for it
	calls  int
	closed int
}

func (m *memoryStorage) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return m, nil
}
func (m *memoryStorage) Get(context.Context, string) ([]byte, error) {
	return nil, errors.New("unused")
}
func (m *memoryStorage) Set(context.Context, string, []byte) error { return errors.New("unused") }
func (m *memoryStorage) Delete(context.Context, string) error      { return errors.New("unused") }
func (m *memoryStorage) Close(context.Context) error               { m.closed++; return nil }

func (m *memoryStorage) Batch(ctx context.Context, ops ...*storage.Operation) error {
	m.mu.Lock()
	hang, fail := m.hang, m.fail
	m.calls++
	m.mu.Unlock()
	if hang != nil && ops[0].Type != storage.Get {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fail != nil {
		return fail
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = m.values[op.Key]
		case storage.Set:
			m.values[op.Key] = op.Value
			m.sets++
		case storage.Delete:
			delete(m.values, op.Key)
		}
	}
	return nil
}

func (m *memoryStorage) counts() (calls, sets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls, m.sets
}

// keeping are baselines with a storage, and what they say of themselves.
type keeping struct {
	*baselines
	tel  *componenttest.Telemetry
	logs *observer.ObservedLogs
}

func newKeeping(t *testing.T, change func(*BaselineConfig)) *keeping {
	t.Helper()
	cfg := defaultBaselineConfig()
	cfg.Storage = &baselineStorage
	if change != nil {
		change(&cfg)
	}
	k := &keeping{tel: componenttest.NewTelemetry()}
	t.Cleanup(func() { k.tel.Shutdown(context.Background()) })
	set := processortest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type)
	set.TelemetrySettings = k.tel.NewTelemetrySettings()
	core, logs := observer.New(zap.WarnLevel)
	set.Logger, k.logs = zap.New(core), logs
	var err error
	if k.baselines, err = newBaselines(cfg, set); err != nil {
		t.Fatal(err)
	}
	return k
}

// failures is how often something failed for a reason.
func (k *keeping) failures(t *testing.T, reason string) int64 {
	t.Helper()
	m, err := k.tel.GetMetric("otelcol_processor_go_signals_baselines_failed")
	if err != nil {
		return 0
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		if v, _ := p.Attributes.Value(attribute.Key("reason")); v.AsString() == reason {
			return p.Value
		}
	}
	return 0
}
