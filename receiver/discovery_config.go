// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/dns"  // dns_sd_configs
	_ "github.com/prometheus/prometheus/discovery/file" // file_sd_configs
	_ "github.com/prometheus/prometheus/discovery/http" // http_sd_configs
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/model/relabel"
	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/internal/netguard"
)

// DiscoveryConfig finds processes to visit. Keys, defaults and messages of the *_configs are those of Prometheus.
type DiscoveryConfig struct {
	// StaticConfigs are lists of addresses with labels. They are the operator's word: any address may be visited.
	StaticConfigs []map[string]any `mapstructure:"static_configs"`
	// FileSDConfigs name files with such lists, which are read again when they change.
	FileSDConfigs []map[string]any `mapstructure:"file_sd_configs"`
	// HTTPSDConfigs name URLs that answer such lists, as a target allocator does.
	HTTPSDConfigs []map[string]any `mapstructure:"http_sd_configs"`
	// DNSSDConfigs name records to resolve: SRV, A, AAAA, MX, NS.
	DNSSDConfigs []map[string]any `mapstructure:"dns_sd_configs"`
	// KubernetesSDConfigs watch a Kubernetes API: role, namespaces, selectors, attach_metadata, kubeconfig_file, api_server ...
	// Roles whose targets are pods: pod, endpointslice, endpoints.
	KubernetesSDConfigs []map[string]any `mapstructure:"kubernetes_sd_configs"`
	// Cloud are ec2_sd_configs, gce_sd_configs and azure_sd_configs, in a collector that is built with them.
	Cloud map[string]any `mapstructure:",remain"`
	// RelabelConfigs choose and name targets. Absent: relabel_default.yaml for pods, and the like for machines of a cloud.
	RelabelConfigs []map[string]any `mapstructure:"relabel_configs"`
	// AllowNetworks are prefixes (10.0.0.0/8) that discovered targets may be in although they are denied otherwise: loopback,
	// link-local, metadata services of clouds and the like.
	AllowNetworks []string `mapstructure:"allow_networks"`
	// GCTrace says where the stderr of discovered pods stands.
	GCTrace PodLogsConfig `mapstructure:"gctrace"`
}

// podRoles are the roles whose targets carry the IP of their pod.
var podRoles = []kubernetes.Role{kubernetes.RolePod, kubernetes.RoleEndpointSlice, kubernetes.RoleEndpoint}

// Names in Prometheus' registry, by key. The cloud ones are there if receiver/cloud was imported.
var (
	listNames  = map[string]string{"static_configs": "static", "file_sd_configs": "file", "http_sd_configs": "http", "dns_sd_configs": "dns"}
	cloudNames = map[string]string{"ec2_sd_configs": "ec2", "gce_sd_configs": "gce", "azure_sd_configs": "azure"}
)

const kubernetesKey = "kubernetes_sd_configs"

// rules is a configuration as Prometheus' own types have it.
type rules struct {
	sd       []*kubernetes.SDConfig // in the order of kubernetes_sd_configs
	lists    []list                 // every other one
	relabel  []*relabel.Config      // of pods, if standard
	standard bool                   // relabel_configs are the defaults
	guard    *netguard.Guard
	logs     string
}

// list is a discovery that says all its targets anew when one of them changes.
type list struct {
	discovery.Config
	name    string // discovery::<key>[<index>]
	trusted bool
}

// parse lets Prometheus' types read what the user wrote.
func (c *DiscoveryConfig) parse() (rules, error) {
	var r rules
	var errs []error
	wrong := func(name string, err error) { errs = append(errs, fmt.Errorf("discovery::%s: %w", name, err)) }
	for i, text := range c.KubernetesSDConfigs {
		name := fmt.Sprintf("%s[%d]", kubernetesKey, i)
		var sd kubernetes.SDConfig
		if err := strictly(text, &sd); err != nil {
			wrong(name, err)
			continue
		}
		if !slices.Contains(podRoles, sd.Role) {
			wrong(name, fmt.Errorf("role must be one of %v, whose targets are pods (got %q)", podRoles, sd.Role))
		}
		r.sd = append(r.sd, &sd)
	}
	for _, key := range c.listKeys() {
		for i, text := range c.list(key) {
			name := fmt.Sprintf("%s[%d]", key, i)
			var all discovery.Configs
			if err := strictly(map[string]any{key: []any{text}}, &all); err != nil {
				wrong(name, err)
				continue
			}
			r.lists = append(r.lists, list{all[0], "discovery::" + name, key == "static_configs"})
		}
	}
	errs = append(errs, c.checkKeys())
	var err error
	if r.standard = c.RelabelConfigs == nil; r.standard {
		r.relabel = standardRules[fromPod]
	} else if r.relabel, err = relabelling(c.RelabelConfigs); err != nil {
		errs = append(errs, err)
	}
	if r.guard, err = c.guard(); err != nil {
		errs = append(errs, err)
	}
	r.logs, err = c.GCTrace.root()
	return r, errors.Join(append(errs, err)...)
}

// listKeys are the keys of lists that this build knows, sorted.
func (c *DiscoveryConfig) listKeys() (keys []string) {
	registered := discovery.RegisteredConfigNames()
	for _, names := range []map[string]string{listNames, cloudNames} {
		for key, name := range names {
			if slices.Contains(registered, name) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// list is what the user wrote under a key of listKeys.
func (c *DiscoveryConfig) list(key string) (all []any) {
	var written []map[string]any
	switch key {
	case "static_configs":
		written = c.StaticConfigs
	case "file_sd_configs":
		written = c.FileSDConfigs
	case "http_sd_configs":
		written = c.HTTPSDConfigs
	case "dns_sd_configs":
		written = c.DNSSDConfigs
	default:
		all, _ = c.Cloud[key].([]any)
	}
	for _, text := range written {
		all = append(all, text)
	}
	return all
}

// checkKeys tells of keys that this build does not know.
func (c *DiscoveryConfig) checkKeys() error {
	var errs []error
	lists := c.listKeys()
	known := append([]string{"allow_networks", "gctrace", kubernetesKey, "relabel_configs"}, lists...)
	slices.Sort(known)
	for key, value := range c.Cloud {
		_, cloud := cloudNames[key]
		switch _, isList := value.([]any); {
		case slices.Contains(lists, key) && !isList:
			errs = append(errs, fmt.Errorf("discovery::%s must be a list (got %T)", key, value))
		case slices.Contains(lists, key):
		case cloud:
			errs = append(errs, fmt.Errorf("discovery::%s needs the cloud build (builder-config-cloud.yaml)", key))
		default:
			errs = append(errs, fmt.Errorf("discovery::%s is not known; want one of %s", key, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

// guard is what keeps visits of discovered targets away from where only the collector can go.
func (c *DiscoveryConfig) guard() (*netguard.Guard, error) {
	var allowed []netip.Prefix
	for i, text := range c.AllowNetworks {
		prefix, err := netip.ParsePrefix(text)
		if err != nil || prefix != prefix.Masked() {
			return nil, fmt.Errorf("discovery::allow_networks[%d] must be a prefix like 10.0.0.0/8 without host bits (got %q)", i, text)
		}
		allowed = append(allowed, prefix)
	}
	return netguard.New(netguard.Settings{Allow: allowed}), nil
}

// relabelling reads relabel_configs.
func relabelling(written []map[string]any) (all []*relabel.Config, err error) {
	var errs []error
	for i, text := range written {
		var one relabel.Config
		err := strictly(text, &one)
		if err == nil {
			err = one.Validate(model.UTF8Validation) // an attribute may have dots
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("discovery::relabel_configs[%d]: %w", i, err))
		}
		all = append(all, &one)
	}
	return all, errors.Join(errs...)
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

// isSet tells whether something is to be discovered.
func (c *DiscoveryConfig) isSet() bool {
	n := len(c.KubernetesSDConfigs) + len(c.Cloud)
	for key := range listNames {
		n += len(c.list(key))
	}
	return n > 0
}

// validate says what is wrong, also with parts that have no effect without the others.
func (c *DiscoveryConfig) validate() error {
	_, err := c.parse()
	if !c.isSet() && (c.RelabelConfigs != nil || c.AllowNetworks != nil) {
		err = errors.Join(err, errors.New("discovery must have static_configs or one of *_sd_configs for relabel_configs and allow_networks to work on (got none)"))
	}
	if !c.isSet() && c.GCTrace.PodLogs != nil {
		err = errors.Join(err, errors.New("discovery::kubernetes_sd_configs must find something for gctrace to work on (got none)"))
	}
	return err
}
