// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// NewFactory makes processors of type go_signals. One that stands in a pipeline of logs tells there what it finds in
// those of metrics.
func NewFactory() processor.Factory {
	all := newComponents()
	return processor.NewFactory(
		metadata.Type,
		func() component.Config { return createDefaultConfig() },
		processor.WithMetrics(all.createMetrics, metadata.MetricsStability),
		processor.WithLogs(all.createLogs, metadata.LogsStability),
	)
}

func (c *components) createMetrics(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
	common, err := c.join(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	p, err := newProcessor(set, cfg.(*Config), common)
	if err != nil {
		return nil, err
	}
	return processorhelper.NewMetrics(ctx, set, cfg, next, p.process, processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
		processorhelper.WithStart(common.start), processorhelper.WithShutdown(p.shutdown))
}

func (c *components) createLogs(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
	common, err := c.join(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	o := &outlet{common, next}
	return processorhelper.NewLogs(ctx, set, cfg, next, o.forward, processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		processorhelper.WithStart(o.start), processorhelper.WithShutdown(o.shutdown))
}
