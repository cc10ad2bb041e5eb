// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

func TestBurstOfLinesIsCutAndCounted(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	telemetry := componenttest.NewTelemetry()
	builder, err := metadata.NewTelemetryBuilder(telemetry.NewTelemetrySettings())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		log := newQuietLog(zap.New(core), builder)
		for range 10_000 {
			log.warn("target cannot be heard")
		}
		if got := len(lines.TakeAll()); got != logBurst {
			t.Errorf("%d of 10000 lines at once came through, want %d", got, logBurst)
		}
		time.Sleep(time.Second)
		for range 10 {
			log.info("target is heard again")
		}
		after := lines.TakeAll()
		if len(after) != logPerSec {
			t.Fatalf("%d lines came through a second later, want %d", len(after), logPerSec)
		}
		if got := after[0].ContextMap()["lines_left_out_before"]; got != int64(9900) {
			t.Errorf("the next line says %v were left out, want 9900", got)
		}
	})
	if got := counted(t, telemetry, "receiver_go_runtime_logs_suppressed", ""); got != 9905 {
		t.Errorf("%d lines counted as suppressed, want 9905", got)
	}
}
