// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/model/relabel"
	"gopkg.in/yaml.v3"
)

// DiscoveryConfig finds pods to visit through the Kubernetes API.
type DiscoveryConfig struct {
	// KubernetesSDConfigs are what Prometheus has under this name: role, namespaces, selectors, attach_metadata,
	// kubeconfig_file, api_server ... Roles whose targets are pods: pod, endpointslice, endpoints.
	KubernetesSDConfigs []map[string]any `mapstructure:"kubernetes_sd_configs"`
	// RelabelConfigs are what Prometheus has under this name. Absent: relabel_default.yaml.
	RelabelConfigs []map[string]any `mapstructure:"relabel_configs"`
	// GCTrace says where the stderr of discovered pods stands.
	GCTrace PodLogsConfig `mapstructure:"gctrace"`
}

// PodLogsConfig finds the log files of discovered pods.
type PodLogsConfig struct {
	// PodLogs is the folder in which kubelet keeps the logs of the node's pods; true means /var/log/pods.
	PodLogs any `mapstructure:"pod_logs"`
}

const kubeletLogs = "/var/log/pods"

// root is the folder of pod logs, or empty.
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
		if filepath.IsAbs(logs) {
			return filepath.Clean(logs), nil
		}
	}
	return "", fmt.Errorf("discovery::gctrace::pod_logs must be true, false or an absolute path like %s (got %v)", kubeletLogs, c.PodLogs)
}

// podRoles are the roles whose targets carry the IP of their pod.
var podRoles = []kubernetes.Role{kubernetes.RolePod, kubernetes.RoleEndpointSlice, kubernetes.RoleEndpoint}

//go:embed relabel_default.yaml
var defaultRelabel []byte

// rules is a configuration as Prometheus' own types have it.
type rules struct {
	sd       []*kubernetes.SDConfig
	relabel  []*relabel.Config
	standard bool // relabel is the default
	logs     string
}

// parse lets Prometheus' types read what the user wrote, so that keys, defaults and messages are theirs.
func (c *DiscoveryConfig) parse() (rules, error) {
	var r rules
	var errs []error
	for i, text := range c.KubernetesSDConfigs {
		var sd kubernetes.SDConfig
		if err := strictly(text, &sd); err != nil {
			errs = append(errs, fmt.Errorf("discovery::kubernetes_sd_configs[%d]: %w", i, err))
			continue
		}
		if !slices.Contains(podRoles, sd.Role) {
			errs = append(errs, fmt.Errorf("discovery::kubernetes_sd_configs[%d]: role must be one of %v, whose targets are pods (got %q)", i, podRoles, sd.Role))
		}
		r.sd = append(r.sd, &sd)
	}
	written := c.RelabelConfigs
	if written == nil {
		r.standard = true
		if err := yaml.Unmarshal(defaultRelabel, &written); err != nil {
			return r, err
		}
	}
	for i, text := range written {
		var one relabel.Config
		err := strictly(text, &one)
		if err == nil {
			err = one.Validate(model.UTF8Validation) // an attribute may have dots
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("discovery::relabel_configs[%d]: %w", i, err))
		}
		r.relabel = append(r.relabel, &one)
	}
	var err error
	r.logs, err = c.GCTrace.root()
	return r, errors.Join(append(errs, err)...)
}

// strictly reads YAML keys that confmap has already taken apart; an unknown one is an error.
func strictly(from map[string]any, to any) error {
	text, err := yaml.Marshal(from)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(to)
}

// validate says what is wrong, also with parts that have no effect without the others.
func (c *DiscoveryConfig) validate() error {
	_, err := c.parse()
	if len(c.KubernetesSDConfigs) == 0 && (c.RelabelConfigs != nil || c.GCTrace.PodLogs != nil) {
		err = errors.Join(err, errors.New("discovery::kubernetes_sd_configs must find something for relabel_configs and gctrace to work on (got none)"))
	}
	return err
}
