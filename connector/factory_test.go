// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/connector/xconnector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/heapgate/heapgate/connector/internal/metadata"
)

func TestLifecycle(t *testing.T) {
	factory := NewFactory().(xconnector.Factory)
	for range 2 {
		c, err := factory.CreateProfilesToMetrics(t.Context(), connectortest.NewNopSettings(metadata.Type), factory.CreateDefaultConfig(), consumertest.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
		if err := c.ConsumeProfiles(t.Context(), pprofile.NewProfiles()); err != nil {
			t.Error(err)
		}
		if err := c.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestValidateJoinsEveryError(t *testing.T) {
	cfg := &Config{Temporality: "daily"}
	err := cfg.Validate()
	for _, want := range []string{`temporality must be auto, delta or cumulative (got "daily")`, "max_targets must be at least 1 (got 0)", "max_sites", "max_samples", "expire_after must be a positive duration"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if err := createDefaultConfig().(*Config).Validate(); err != nil {
		t.Errorf("the default configuration: %v", err)
	}
}
