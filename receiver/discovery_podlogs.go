// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"path/filepath"
)

// PodLogsConfig finds the log files of discovered pods.
type PodLogsConfig struct {
	// PodLogs is the folder in which kubelet keeps the logs of the node's pods; true means /var/log/pods;
	// api asks the Kubernetes API for the logs.
	PodLogs any `mapstructure:"pod_logs"`
}

const kubeletLogs = "/var/log/pods"

// root is the folder of pod logs, podLogsAPI, or empty.
func (c *PodLogsConfig) root() (string, error) {
	switch logs := c.PodLogs.(type) {
	case nil:
		return "", nil
	case bool:
		if logs {
			return kubeletLogs, nil
		}
		return "", nil
	case string:
		if logs == podLogsAPI {
			return podLogsAPI, nil
		}
		if filepath.IsAbs(logs) {
			return filepath.Clean(logs), nil
		}
	}
	return "", fmt.Errorf("discovery::gctrace::pod_logs must be true, false, %s or an absolute path like %s (got %v)", podLogsAPI, kubeletLogs, c.PodLogs)
}
