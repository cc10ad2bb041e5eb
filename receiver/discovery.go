// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/zaplog"
)

// discoverer hands what the API says of pods to the fleet.
type discoverer struct {
	translator  translator
	fleet       *fleet
	receiver    *runtimeReceiver
	discoveries []discovery.Discoverer
	registries  []*prometheus.Registry // of the discoveries, one each

	mu     sync.Mutex
	told   map[string]map[refusal]bool // by source: what was refused when it last changed
	logged int
}

const maxRefusalLogs = 100

// newDiscoverer reads the configuration and connects to nothing yet. It is nil where nothing is to be discovered.
func (r *runtimeReceiver) newDiscoverer() (*discoverer, error) {
	rules, err := r.cfg.Discovery.parse()
	if err != nil || len(rules.sd) == 0 {
		return nil, err
	}
	d := &discoverer{
		translator: translator{rules: rules, cluster: r.cfg.Cluster}, fleet: r.fleet, receiver: r, told: map[string]map[refusal]bool{},
	}
	for i, sd := range rules.sd {
		registry := prometheus.NewRegistry()
		metrics := sd.NewDiscovererMetrics(registry, nil)
		if err := metrics.Register(); err != nil {
			return nil, fmt.Errorf("discovery::kubernetes_sd_configs[%d]: %w", i, err)
		}
		one, err := sd.NewDiscoverer(discovery.DiscovererOptions{
			Logger: zaplog.New(r.set.Logger), Metrics: metrics, SetName: r.set.ID.String(),
		})
		if err != nil {
			return nil, fmt.Errorf("discovery::kubernetes_sd_configs[%d]: %w", i, err)
		}
		d.registries = append(d.registries, registry)
		d.discoveries = append(d.discoveries, one)
	}
	return d, d.watch()
}

// start lets the discoveries run until the context ends.
func (d *discoverer) start(ctx context.Context) {
	for i, one := range d.discoveries {
		groups := make(chan []*targetgroup.Group)
		d.receiver.loops.Go(func() { one.Run(ctx, groups) })
		d.receiver.loops.Go(func() { d.listen(ctx, i, groups) })
	}
}

// watch makes the collector's own telemetry ask how discovery does.
func (d *discoverer) watch() error {
	err := d.receiver.telemetry.RegisterReceiverGoRuntimeDiscoveryTargetsCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(d.fleet.discovered()))
		return nil
	})
	if err != nil {
		return err
	}
	return d.receiver.telemetry.RegisterReceiverGoRuntimeDiscoveryFailuresCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(d.failures())
		return nil
	})
}

// failures counts lists and watches that the API refused or broke off.
func (d *discoverer) failures() (n int64) {
	for _, registry := range d.registries {
		families, err := registry.Gather()
		if err != nil {
			continue // a registry of counters has none
		}
		for _, family := range families {
			if family.GetName() != "prometheus_sd_kubernetes_failures_total" {
				continue
			}
			for _, m := range family.GetMetric() {
				n += int64(m.GetCounter().GetValue())
			}
		}
	}
	return n
}

// listen applies each change of a discovery, until the context ends.
func (d *discoverer) listen(ctx context.Context, number int, changes <-chan []*targetgroup.Group) {
	for {
		select {
		case <-ctx.Done():
			return
		case groups := <-changes:
			for _, group := range groups {
				if group != nil {
					d.apply(ctx, fmt.Sprintf("%d/%s", number, group.Source), group)
				}
			}
		}
	}
}

func (d *discoverer) apply(ctx context.Context, source string, group *targetgroup.Group) {
	specs, refused := d.translator.targets(group)
	refused = append(refused, d.fleet.apply(ctx, source, specs)...)
	d.tell(ctx, source, refused)
}

// tell counts and logs what the source is refused now and was not before: a pod's every heartbeat is a change.
func (d *discoverer) tell(ctx context.Context, source string, refused []refusal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := map[refusal]bool{}
	for _, r := range refused {
		if now[r] {
			continue
		}
		now[r] = true
		if d.told[source][r] {
			continue
		}
		d.receiver.telemetry.ReceiverGoRuntimeDiscoveryRefused.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", r.reason)))
		if d.logged++; d.logged <= maxRefusalLogs {
			d.receiver.set.Logger.Warn("a discovered target is not taken as it is", zap.String("target", r.target),
				zap.String("reason", r.reason), zap.String("got", r.got), zap.Bool("last_of_these_lines", d.logged == maxRefusalLogs))
		}
	}
	delete(d.told, source)
	if len(now) > 0 {
		d.told[source] = now
	}
}
