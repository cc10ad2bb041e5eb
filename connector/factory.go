// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/xconnector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/heapgate/heapgate/connector/internal/metadata"
)

// NewFactory makes connectors of type go_profiles.
func NewFactory() connector.Factory {
	return xconnector.NewFactory(metadata.Type, createDefaultConfig,
		xconnector.WithProfilesToMetrics(createProfilesToMetrics, metadata.ProfilesToMetricsStability))
}

func createProfilesToMetrics(_ context.Context, set connector.Settings, cfg component.Config, next consumer.Metrics) (xconnector.Profiles, error) {
	return newConnector(set, cfg.(*Config), next)
}
