// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package cloud is the receiver go_runtime with three more ways to find processes: ec2_sd_configs, gce_sd_configs and
// azure_sd_configs. They are a package of their own because of the size of the clouds' libraries; a collector imports
// either this package or receiver, as builder-config-cloud.yaml does.
package cloud

import (
	_ "github.com/prometheus/prometheus/discovery/aws"   // ec2_sd_configs
	_ "github.com/prometheus/prometheus/discovery/azure" // azure_sd_configs
	_ "github.com/prometheus/prometheus/discovery/gce"   // gce_sd_configs
	upstream "go.opentelemetry.io/collector/receiver"

	"github.com/heapgate/heapgate/receiver"
)

// NewFactory makes receivers of type go_runtime. The discoveries are in Prometheus' registry by the imports above.
func NewFactory() upstream.Factory { return receiver.NewFactory() }
