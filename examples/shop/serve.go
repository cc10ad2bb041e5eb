// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

const shutdownGrace = 5 * time.Second

// serve runs the shop and its pprof port until ctx ends or one of them breaks, then lets open requests finish.
func serve(ctx context.Context, s settings, log *slog.Logger) error {
	shopListener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	pprofListener, err := net.Listen("tcp", s.pprof)
	if err != nil {
		return errors.Join(fmt.Errorf("--pprof: %w", err), shopListener.Close())
	}
	shopServer := newServer(s.newShop(log).handler(), log)
	pprofServer := newServer(pprofHandler(), log)
	log.Info("shop is open", "version", s.version, "addr", shopListener.Addr(), "pprof", pprofListener.Addr())

	ended := make(chan error, 2)
	go func() { ended <- shopServer.Serve(shopListener) }()
	go func() { ended <- pprofServer.Serve(pprofListener) }()
	running := 2
	var broken error
	select {
	case broken = <-ended:
		running--
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	stopped := errors.Join(shopServer.Shutdown(grace), pprofServer.Shutdown(grace))
	for range running {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			broken = errors.Join(broken, err)
		}
	}
	log.Info("shop is closed", "version", s.version)
	return errors.Join(broken, stopped)
}

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// pprofHandler has the routes of net/http/pprof and expvar and nothing else, so that they never show up on the customers' port.
func pprofHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/vars", expvar.Handler())
	return mux
}
