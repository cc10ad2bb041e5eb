// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// deliver hands a batch on. A consumer that refuses is told to the log and to the collector's own telemetry; cumulative
// series carry what was refused into the next batch.
func (r *runtimeReceiver) deliver(ctx context.Context, batch batch) {
	points := batch.metrics.DataPointCount()
	if points == 0 || r.next.metrics == nil {
		return
	}
	ctx = r.obs.StartMetricsOp(ctx)
	err := r.next.metrics.ConsumeMetrics(ctx, batch.metrics)
	r.obs.EndMetricsOp(ctx, metadata.Type.String(), points, err)
	r.refused(ctx, batch.target, err)
}

// deliverLogs hands log records on. One that is refused is lost; its counter is not.
func (r *runtimeReceiver) deliverLogs(ctx context.Context, target string, logs plog.Logs) {
	if r.next.logs == nil {
		return
	}
	ctx = r.obs.StartLogsOp(ctx)
	err := r.next.logs.ConsumeLogs(ctx, logs)
	r.obs.EndLogsOp(ctx, metadata.Type.String(), logs.LogRecordCount(), err)
	r.refused(ctx, target, err)
}

// deliverProfiles hands a profile on. One that is refused is lost.
func (r *runtimeReceiver) deliverProfiles(ctx context.Context, target string, profiles pprofile.Profiles) {
	if r.next.profiles == nil {
		return
	}
	samples := profiles.SampleCount()
	ctx = r.obs.StartProfilesOp(ctx)
	err := r.next.profiles.ConsumeProfiles(ctx, profiles)
	r.obs.EndProfilesOp(ctx, metadata.Type.String(), samples, err)
	r.refused(ctx, target, err)
}

func (r *runtimeReceiver) refused(ctx context.Context, target string, err error) {
	if err != nil && ctx.Err() == nil {
		r.log.warn("the next component refused a batch", zap.String("target", target), zap.Error(err))
	}
}
