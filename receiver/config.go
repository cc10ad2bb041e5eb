// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/heapgate/heapgate/internal/bytesize"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// Config is what a user writes below receivers::go_runtime.
type Config struct {
	metadata.MetricsBuilderConfig `mapstructure:",squash"`

	// CollectionInterval is the time between two visits of a source that has no interval of its own. Default 60s.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`
	// HTTP says how targets are visited.
	HTTP HTTPConfig `mapstructure:"http"`
	// Sources are the pages that a process is asked for.
	Sources SourcesConfig `mapstructure:"sources"`
	// Cost bounds what hearing costs a process.
	Cost CostConfig `mapstructure:"cost"`
	// Targets are the Go processes to visit.
	Targets []TargetConfig `mapstructure:"targets"`
	// Discovery finds pods to visit.
	Discovery DiscoveryConfig `mapstructure:"discovery"`
	// Cluster is the k8s.cluster.name of every target that says no other, e.g. ${env:CLUSTER}.
	Cluster string `mapstructure:"cluster"`
	// GCTrace names stderr files that belong to none of the targets. Each becomes a target of its own.
	GCTrace GCTraceConfig `mapstructure:"gctrace"`
	// Storage is an extension that keeps how far gctrace files were read, such as file_storage. Without it they are read
	// from their start when the collector starts.
	Storage *component.ID `mapstructure:"storage"`
	// Sites bounds the call sites that are emitted for a target.
	Sites SitesConfig `mapstructure:"sites"`
	// Limits bounds what the receiver may use.
	Limits LimitsConfig `mapstructure:"limits"`
}

// TargetConfig is one Go process.
type TargetConfig struct {
	// URL is where net/http/pprof listens, http or https. Without a path it means /debug/pprof.
	URL string `mapstructure:"url"`
	// ID tells the target from all others; default is the URL's host and path.
	ID string `mapstructure:"id"`
	// Workload is the deployed thing that the process belongs to.
	Workload WorkloadConfig `mapstructure:"workload"`
	// Labels become resource attributes as they are.
	Labels map[string]string `mapstructure:"labels"`
	// MemoryLimit is the limit that the process must live in: its GOMEMLIMIT, or that of its container if it has none, e.g. 512MiB.
	MemoryLimit bytesize.Size `mapstructure:"memory_limit"`
	// ContainerMemoryLimit is the limit at which the process is killed, e.g. 640MiB.
	ContainerMemoryLimit bytesize.Size `mapstructure:"container_memory_limit"`
	// GCTrace names the process's stderr, where GODEBUG=gctrace=1 writes.
	GCTrace GCTraceConfig `mapstructure:"gctrace"`
}

// WorkloadConfig names a workload: (cluster, namespace, owner kind, owner name, container, version/image digest).
type WorkloadConfig struct {
	Cluster     string `mapstructure:"cluster"`
	Namespace   string `mapstructure:"namespace"`
	Kind        string `mapstructure:"kind"`
	Name        string `mapstructure:"name"`
	Container   string `mapstructure:"container"`
	Version     string `mapstructure:"version"`
	ImageDigest string `mapstructure:"image_digest"`
}

// SitesConfig bounds call sites.
type SitesConfig struct {
	// Top is how many sites of a target are emitted under their own name; the rest is summed as "other". Default 20.
	Top int `mapstructure:"top"`
}

// LimitsConfig bounds what is used; crossing a limit is an error or is counted, never silent.
type LimitsConfig struct {
	// Targets that may be visited at once, configured and discovered. Default 10000.
	Targets int `mapstructure:"targets"`
	// ConcurrentScrapes that may run at once. Default 256.
	ConcurrentScrapes int `mapstructure:"concurrent_scrapes"`
	// ConcurrentScrapesPerHost that may run at once on one host name or address. Default 8.
	ConcurrentScrapesPerHost int `mapstructure:"concurrent_scrapes_per_host"`
	// BodySize of one answer, after decompression. Default 64MiB.
	BodySize bytesize.Size `mapstructure:"body_size"`
	// Records of one profile: buckets of a heap text, samples of a protobuf profile. Default 1000000.
	Records int `mapstructure:"records"`
	// Symbols that are kept of one build. Default 16384.
	Symbols int `mapstructure:"symbols"`
	// Builds whose symbols are kept. Default 1000.
	Builds int `mapstructure:"builds"`
	// LabelLength of a function or file name, bytes; longer ones are cut. Default 1KiB.
	LabelLength bytesize.Size `mapstructure:"label_length"`
	// StateSize of everything that is kept between visits. Default 1GiB.
	StateSize bytesize.Size `mapstructure:"state_size"`
	// GCTraceFiles that are followed at once. Default 1000.
	GCTraceFiles int `mapstructure:"gctrace_files"`
	// LogStreams that are followed at once through the Kubernetes API. Default 500.
	LogStreams int `mapstructure:"log_streams"`
	// RotatedSize of one compressed rotated file, inflated. Default 1GiB.
	RotatedSize bytesize.Size `mapstructure:"rotated_size"`
}

func createDefaultConfig() *Config {
	return &Config{
		MetricsBuilderConfig: metadata.NewDefaultMetricsBuilderConfig(),
		CollectionInterval:   time.Minute,
		HTTP:                 HTTPConfig{Timeout: 10 * time.Second},
		Sources:              defaultSources(),
		Cost:                 CostConfig{MaxCPUShare: 0.001},
		Sites:                SitesConfig{Top: 20},
		Limits: LimitsConfig{
			Targets: 10_000, ConcurrentScrapes: 256, ConcurrentScrapesPerHost: 8, BodySize: 64 << 20, Records: 1_000_000,
			Symbols: 16_384, Builds: 1000, LabelLength: 1 << 10, StateSize: 1 << 30, GCTraceFiles: 1000, LogStreams: 500, RotatedSize: 1 << 30,
		},
	}
}

// Validate joins everything that is wrong, so that one run shows all of it.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.CollectionInterval < minInterval {
		wrong("collection_interval must be at least %s (got %s)", minInterval, c.CollectionInterval)
	}
	errs = append(errs, c.HTTP.validate(), c.Sources.validate(c.CollectionInterval), c.Cost.validate())
	if len(c.Targets) == 0 && !c.Discovery.isSet() && !c.GCTrace.configured() {
		wrong("targets, discovery or gctrace must name at least one thing to hear (got none)")
	}
	if c.Sites.Top < 1 || c.Sites.Top > 1000 {
		wrong("sites::top must be from 1 to 1000 (got %d)", c.Sites.Top)
	}
	for name, n := range map[string]int64{
		"targets": int64(c.Limits.Targets), "concurrent_scrapes": int64(c.Limits.ConcurrentScrapes),
		"concurrent_scrapes_per_host": int64(c.Limits.ConcurrentScrapesPerHost), "records": int64(c.Limits.Records), "symbols": int64(c.Limits.Symbols),
		"builds": int64(c.Limits.Builds), "label_length": int64(c.Limits.LabelLength), "state_size": int64(c.Limits.StateSize),
		"body_size": int64(c.Limits.BodySize), "gctrace_files": int64(c.Limits.GCTraceFiles),
		"log_streams": int64(c.Limits.LogStreams), "rotated_size": int64(c.Limits.RotatedSize),
	} {
		if n < 1 {
			wrong("limits::%s must be positive (got %d)", name, n)
		}
	}
	if len(c.Targets) > c.Limits.Targets {
		wrong("targets must be at most limits::targets, %d (got %d)", c.Limits.Targets, len(c.Targets))
	}
	errs = append(errs, checkGlobs("gctrace::files", c.GCTrace.Files)...)
	readers := []GCTraceConfig{c.GCTrace}
	for _, t := range c.Targets {
		readers = append(readers, t.GCTrace)
	}
	errs = append(errs, checkStdin(readers...))
	errs = append(errs, c.Discovery.validate())
	seen := map[string]int{}
	for i, t := range c.Targets {
		errs = append(errs, t.validate(i)...)
		if first, again := seen[t.identity()]; again {
			wrong("targets[%d] is the same as targets[%d]: %q; give one of them another id", i, first, t.identity())
		}
		seen[t.identity()] = i
	}
	return errors.Join(errs...)
}

// specs are the configured targets.
func (c *Config) specs() []spec {
	specs := make([]spec, 0, len(c.Targets))
	for _, t := range c.Targets {
		t.ID = t.identity()
		t.Workload.Cluster = cmp.Or(t.Workload.Cluster, c.Cluster)
		specs = append(specs, spec{TargetConfig: t, trusted: true})
	}
	return specs
}

func (t *TargetConfig) validate(i int) []error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("targets[%d]: "+format, append([]any{i}, args...)...))
	}
	u, err := url.Parse(t.URL)
	switch {
	case err != nil:
		wrong("url must be a URL like http://10.1.2.3:6060 (got one that does not parse)")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		wrong("url must be http://host:port or https://host:port (got %q)", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		wrong("url must have neither query nor fragment (got %q)", u.Redacted())
	}
	if t.Workload.Name == "" {
		wrong("workload::name must be set: verdicts are about workloads (got none)")
	}
	if t.MemoryLimit < 0 {
		wrong("memory_limit must not be negative (got %d)", t.MemoryLimit)
	}
	if t.ContainerMemoryLimit < 0 {
		wrong("container_memory_limit must not be negative (got %d)", t.ContainerMemoryLimit)
	}
	for _, name := range reservedAttributes {
		if _, set := t.Labels[name]; set {
			wrong("labels must not set %q: workload and id do", name)
		}
	}
	return append(errs, checkGlobs(fmt.Sprintf("targets[%d]: gctrace::files", i), t.GCTrace.Files)...)
}

// identity is the target's id: what is configured, else host and path of the URL without credentials.
func (t *TargetConfig) identity() string {
	if t.ID != "" {
		return t.ID
	}
	u, err := url.Parse(t.URL)
	if err != nil || u.Path == "/" {
		return hostOf(t.URL)
	}
	return u.Host + u.Path
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "unparsable"
	}
	return u.Host
}

func checkGlobs(name string, globs []string) (errs []error) {
	for _, g := range globs {
		if _, err := filepath.Match(g, ""); err != nil {
			errs = append(errs, fmt.Errorf("%s must be globs like /var/log/api/*.log (got %q: %w)", name, g, err))
		}
	}
	return errs
}
