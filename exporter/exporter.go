// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/exporter/internal/metadata"
	"github.com/heapgate/heapgate/internal/zaplog"
)

const lossLogPeriod = 30 * time.Second

var errClosed = errors.New("the store must be open to take metrics (got a batch before Start or after Shutdown)")

// storeExporter owns the store and the server that answers from it.
type storeExporter struct {
	cfg       *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	losses    *lossLog
	now       func() time.Time

	// turn holds the writer while the store is open. Whoever takes it out writes, one batch at a time.
	turn   chan *writer
	closed chan struct{} // closed while there is no store
	store  *store
	server *server
}

func newStoreExporter(cfg *Config, set exporter.Settings) (*storeExporter, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	closed := make(chan struct{})
	close(closed)
	return &storeExporter{
		cfg:       cfg,
		set:       set,
		telemetry: telemetry,
		losses:    &lossLog{logger: set.Logger, period: lossLogPeriod},
		now:       time.Now,
		turn:      make(chan *writer, 1),
		closed:    closed,
	}, nil
}

// start opens the store, then the server: the port answers only once the write-ahead log is replayed.
func (e *storeExporter) start(_ context.Context, host component.Host) error {
	if !isLoopback(e.cfg.Endpoint) {
		e.set.Logger.Warn("the query API has no authentication and its endpoint can be reached from other machines", zap.String("endpoint", e.cfg.Endpoint))
	}
	s, err := openStore(e.cfg, zaplog.New(e.set.Logger))
	if err != nil {
		return err
	}
	if e.server, err = startServer(e, s, host); err != nil {
		return errors.Join(err, s.close())
	}
	e.store = s
	if err := e.observe(s); err != nil {
		return errors.Join(err, e.shutdown(context.Background()))
	}
	e.closed = make(chan struct{})
	e.turn <- newWriter(s, e.cfg)
	return nil
}

func (e *storeExporter) observe(s *store) error {
	return errors.Join(
		e.telemetry.RegisterExporterPrometheusTsdbSeriesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(s.db.Head().NumSeries()))
			return nil
		}),
		e.telemetry.RegisterExporterPrometheusTsdbSizeCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(s.bytes())
			return nil
		}))
}

// push writes one batch. Part of a batch being refused is no error, because a retry would not help and the rest is stored; a batch
// of which nothing could be stored is a permanent one.
func (e *storeExporter) push(ctx context.Context, md pmetric.Metrics) error {
	var w *writer
	select {
	case w = <-e.turn:
	case <-e.closed:
		return consumererror.NewPermanent(errClosed)
	case <-ctx.Done():
		return fmt.Errorf("another batch is still being written: %w", ctx.Err())
	}
	out, err := w.write(ctx, e.now(), md)
	e.turn <- w
	if err != nil {
		return err
	}
	e.report(ctx, out)
	if err := out.nothing(); err != nil {
		return consumererror.NewPermanent(err)
	}
	return nil
}

// report tells the collector's telemetry and log what became of a batch.
func (e *storeExporter) report(ctx context.Context, out outcome) {
	e.telemetry.ExporterPrometheusTsdbSamplesStored.Add(ctx, out.stored)
	for r, n := range out.refused {
		if n > 0 {
			e.telemetry.ExporterPrometheusTsdbSamplesRefused.Add(ctx, n, metric.WithAttributes(attribute.String("reason", reason(r).String())))
		}
	}
	e.telemetry.ExporterPrometheusTsdbTranslationErrors.Add(ctx, int64(len(out.untranslated)))
	e.losses.add(e.now(), out)
}

// shutdown ends the readers, then the writer, then closes the store. It does nothing on an exporter that did not start.
func (e *storeExporter) shutdown(ctx context.Context) error {
	var errs []error
	if e.server != nil {
		errs = append(errs, e.server.stop(ctx))
	}
	e.telemetry.Shutdown()
	if e.store != nil {
		select {
		case <-e.closed:
		default:
			<-e.turn // waits for the batch being written
			close(e.closed)
		}
		errs = append(errs, e.store.close())
	}
	e.server, e.store = nil, nil
	e.losses.flush(e.now())
	return errors.Join(errs...)
}
