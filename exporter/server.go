// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/zaplog"
)

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	writeSlack        = 30 * time.Second // for the answer, after the query had its time
	maxHeaderBytes    = 64 << 10         // a GET's query is in the first line
	drainTime         = 5 * time.Second
)

// server answers queries until stop.
type server struct {
	http      *http.Server
	admission *admission
	address   net.Addr
	drainTime time.Duration      // how long stop lets running requests end by themselves
	cancel    context.CancelFunc // of every request
	done      chan struct{}      // closed when Serve has returned
}

// startServer listens on the configured endpoint; when it returns the port answers.
func startServer(e *storeExporter, s *store, host component.Host) (*server, error) {
	listener, err := net.Listen("tcp", e.cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint must be an address of this machine with a free port: %w", err)
	}
	gate := newAdmission(e.cfg.Query, e.telemetry)
	logger := zaplog.New(e.set.Logger)
	ctx, cancel := context.WithCancel(context.Background())
	srv := &server{
		http: &http.Server{
			Handler:           routes(gate, newAPI(e.cfg.Query, s.db, logger)),
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      readTimeout + e.cfg.Query.Timeout + writeSlack,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
			BaseContext:       func(net.Listener) context.Context { return ctx },
		},
		admission: gate,
		address:   listener.Addr(),
		drainTime: drainTime,
		cancel:    cancel,
		done:      make(chan struct{}),
	}
	go srv.serve(listener, host)
	e.set.Logger.Info("the query API listens", zap.Stringer("address", srv.address))
	return srv, nil
}

func (s *server) serve(listener net.Listener, host component.Host) {
	defer close(s.done)
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(fmt.Errorf("the query API stopped: %w", err)))
	}
}

// stop refuses new requests, gives the running ones their drain time, then cancels them. It returns when the last one is over, so
// that the store can be closed.
func (s *server) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.drainTime)
	defer cancel()
	s.admission.close()
	err := s.http.Shutdown(ctx)
	s.cancel()
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = s.http.Close() // the queries were given their time; being cut off is not an error of the shutdown
	}
	s.admission.drain()
	<-s.done
	return err
}
