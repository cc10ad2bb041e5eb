// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// quietLog lets a burst of lines pass and then some a second: when a network breaks, ten thousand targets change their
// state at once. What is left out is counted, and the next line that passes says how many there were.
type quietLog struct {
	log       *zap.Logger
	telemetry *metadata.TelemetryBuilder

	mu      sync.Mutex
	left    float64
	last    time.Time
	dropped int64
}

const (
	logBurst  = 100
	logPerSec = 5
)

func newQuietLog(log *zap.Logger, telemetry *metadata.TelemetryBuilder) *quietLog {
	return &quietLog{log: log, telemetry: telemetry, left: logBurst}
}

func (q *quietLog) info(message string, fields ...zap.Field) {
	if fields, ok := q.pass(fields); ok {
		q.log.Info(message, fields...)
	}
}

func (q *quietLog) warn(message string, fields ...zap.Field) {
	if fields, ok := q.pass(fields); ok {
		q.log.Warn(message, fields...)
	}
}

// pass is a token bucket.
func (q *quietLog) pass(fields []zap.Field) ([]zap.Field, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if !q.last.IsZero() {
		q.left = min(logBurst, q.left+now.Sub(q.last).Seconds()*logPerSec)
	}
	q.last = now
	if q.left < 1 {
		q.dropped++
		q.telemetry.ReceiverGoRuntimeLogsSuppressed.Add(context.Background(), 1)
		return nil, false
	}
	q.left--
	if q.dropped > 0 {
		fields = append(fields, zap.Int64("lines_left_out_before", q.dropped))
		q.dropped = 0
	}
	return fields, true
}
