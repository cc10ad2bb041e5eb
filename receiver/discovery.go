// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/zaplog"
)

// discoverer hands what discoveries say to the fleet.
type discoverer struct {
	translator translator
	fleet      *fleet
	receiver   *runtimeReceiver
	watches    []watch
	lists      []listing
	registries []*prometheus.Registry // of the discoveries, one each

	mu     sync.Mutex
	told   map[string]map[refusal]bool // by source: what was refused when it last changed
	logged int
}

// watch is a discovery of pods, and of their nodes where they are wanted.
type watch struct{ pods, nodes discovery.Discoverer }

// listing is a discovery whose groups are told apart by a number only, which may change.
type listing struct {
	discovery.Discoverer
	trusted bool
}

const maxRefusalLogs = 100

// newDiscoverer reads the configuration and connects to nothing yet. It is nil where nothing is to be discovered.
func (r *runtimeReceiver) newDiscoverer() (*discoverer, error) {
	rules, err := r.cfg.Discovery.parse()
	if err != nil || len(rules.sd)+len(rules.lists) == 0 {
		return nil, err
	}
	d := &discoverer{
		translator: translator{rules: rules, cluster: r.cfg.Cluster}, fleet: r.fleet, receiver: r, told: map[string]map[refusal]bool{},
	}
	for i, sd := range rules.sd {
		name := fmt.Sprintf("discovery::%s[%d]", kubernetesKey, i)
		var w watch
		if w.pods, err = d.open(name, sd); err != nil {
			return nil, err
		}
		if sd.AttachMetadata.Node {
			if w.nodes, err = d.open(name, nodesOf(sd)); err != nil {
				return nil, err
			}
		}
		d.watches = append(d.watches, w)
	}
	for _, l := range rules.lists {
		one, err := d.open(l.name, bounded(l.Config))
		if err != nil {
			return nil, err
		}
		d.lists = append(d.lists, listing{one, l.trusted})
	}
	return d, d.observe()
}

// open makes a discovery with metrics of its own.
func (d *discoverer) open(name string, config discovery.Config) (discovery.Discoverer, error) {
	registry := prometheus.NewRegistry()
	refreshes := discovery.NewRefreshMetrics(registry)
	metrics := config.NewDiscovererMetrics(registry, refreshes)
	for _, m := range []discovery.DiscovererMetrics{refreshes, metrics} {
		if err := m.Register(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	one, err := config.NewDiscoverer(discovery.DiscovererOptions{
		Logger: zaplog.New(d.receiver.set.Logger), Metrics: metrics, SetName: d.receiver.set.ID.String(), HTTPClientOptions: listClient,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d.registries = append(d.registries, registry)
	return one, nil
}

// start lets the discoveries run until the context ends.
func (d *discoverer) start(ctx context.Context) {
	run := func(one discovery.Discoverer) <-chan []*targetgroup.Group {
		if one == nil {
			return nil
		}
		groups := make(chan []*targetgroup.Group)
		d.receiver.loops.Go(func() { one.Run(ctx, groups) })
		return groups
	}
	for i, w := range d.watches {
		pods, nodes := run(w.pods), run(w.nodes)
		d.receiver.loops.Go(func() { d.listenPods(ctx, fmt.Sprintf("watch %d/", i), pods, nodes) })
	}
	for i, l := range d.lists {
		groups := run(l)
		d.receiver.loops.Go(func() { d.listenList(ctx, fmt.Sprintf("list %d", i), l.trusted, groups) })
	}
}

// listenList applies each change of a list, until the context ends. A list is one source as a whole: a target that moves
// up because another one left is the same target.
func (d *discoverer) listenList(ctx context.Context, source string, trusted bool, changes <-chan []*targetgroup.Group) {
	bySource := map[string]*targetgroup.Group{}
	for {
		select {
		case <-ctx.Done():
			return
		case groups, more := <-changes:
			if !more { // static_configs say all they have to say at once
				return
			}
			for _, group := range groups {
				switch {
				case group == nil:
				case len(group.Targets) == 0:
					delete(bySource, group.Source)
				default:
					bySource[group.Source] = group
				}
			}
			f := found{trusted: trusted}
			for _, name := range slices.Sorted(maps.Keys(bySource)) {
				f.groups = append(f.groups, bySource[name])
			}
			d.apply(ctx, source, f)
		}
	}
}

func (d *discoverer) apply(ctx context.Context, source string, f found) {
	specs, refused := d.translator.targets(f)
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
