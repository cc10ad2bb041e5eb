// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package zaplog lets libraries that log with slog, as Prometheus' do, write to a zap logger, as the collector's is. Exporter and receiver
// share it, because they must not import each other.
package zaplog

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type handler struct {
	logger *zap.Logger
	prefix string // of the open groups, with a dot at its end
}

// New returns a slog logger that writes to logger, with its level. A group becomes the prefix of its keys.
func New(logger *zap.Logger) *slog.Logger {
	return slog.New(handler{logger: logger.WithOptions(zap.AddCallerSkip(3))})
}

// Enabled implements slog.Handler.
func (h handler) Enabled(_ context.Context, level slog.Level) bool {
	return h.logger.Core().Enabled(zapLevel(level))
}

// Handle implements slog.Handler.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	fields := make([]zap.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, h.field(a))
		return true
	})
	h.logger.Log(zapLevel(r.Level), r.Message, fields...)
	return nil
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	fields := make([]zap.Field, 0, len(attrs))
	for _, a := range attrs {
		fields = append(fields, h.field(a))
	}
	h.logger = h.logger.With(fields...)
	return h
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	h.prefix += name + "."
	return h
}

func (h handler) field(a slog.Attr) zap.Field {
	return zap.Any(h.prefix+a.Key, a.Value.Resolve().Any())
}

func zapLevel(level slog.Level) zapcore.Level {
	switch {
	case level >= slog.LevelError:
		return zapcore.ErrorLevel
	case level >= slog.LevelWarn:
		return zapcore.WarnLevel
	case level >= slog.LevelInfo:
		return zapcore.InfoLevel
	}
	return zapcore.DebugLevel
}
