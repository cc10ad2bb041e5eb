// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// nodePatience is how long a pod is not visited because its node is not known yet. A target that first was of no cloud and
// then of one would be two series.
const nodePatience = 10 * time.Second

// nodesOf watches the nodes of a discovery with attach_metadata: {node: true}. Prometheus attaches a node's labels to its
// pods, but not spec.providerID, which tells the cloud.
func nodesOf(pods *kubernetes.SDConfig) *kubernetes.SDConfig {
	nodes := *pods
	nodes.Role, nodes.AttachMetadata, nodes.NamespaceDiscovery = kubernetes.RoleNode, kubernetes.AttachMetadataConfig{}, kubernetes.NamespaceDiscovery{}
	nodes.Selectors = slices.DeleteFunc(slices.Clone(pods.Selectors), func(s kubernetes.SelectorConfig) bool { return s.Role != kubernetes.RoleNode })
	return &nodes
}

// nodeIDs are the provider ids of nodes by name, and the pods that came before their node.
type nodeIDs struct {
	byName map[string]string
	held   map[string]*targetgroup.Group // by source
}

// learn takes what a discovery of nodes says.
func (n *nodeIDs) learn(groups []*targetgroup.Group) {
	for _, group := range groups {
		if group == nil { // a node without an address
			continue
		}
		name := strings.TrimPrefix(group.Source, "node/")
		if len(group.Targets) == 0 {
			delete(n.byName, name)
		} else {
			n.byName[name] = string(group.Labels[metaProvider])
		}
	}
}

// attach puts the provider id of its node on each target, and tells whether all nodes are known.
func (n *nodeIDs) attach(group *targetgroup.Group) (known bool) {
	known = true
	for _, target := range group.Targets {
		name, ok := target[metaNode]
		if !ok {
			name = group.Labels[metaNode]
		}
		if name == "" { // not scheduled yet
			continue
		}
		id, ok := n.byName[string(name)]
		known = known && ok
		target[metaProvider] = model.LabelValue(id)
	}
	return known
}

// listenPods applies each change of a watch, until the context ends. Groups are single pods, or the pods of one service.
func (d *discoverer) listenPods(ctx context.Context, source string, pods, nodes <-chan []*targetgroup.Group) {
	n := nodeIDs{byName: map[string]string{}, held: map[string]*targetgroup.Group{}}
	apply := func(group *targetgroup.Group) {
		delete(n.held, group.Source)
		d.apply(ctx, source+group.Source, found{groups: []*targetgroup.Group{group}, watched: true})
	}
	patience := time.NewTimer(nodePatience)
	patience.Stop()
	defer patience.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case groups := <-nodes:
			n.learn(groups)
			for _, group := range n.held {
				if n.attach(group) {
					apply(group)
				}
			}
		case groups := <-pods:
			for _, group := range groups {
				switch {
				case group == nil:
				case nodes == nil, n.attach(group):
					apply(group)
				default:
					if len(n.held) == 0 {
						patience.Reset(nodePatience)
					}
					n.held[group.Source] = group
				}
			}
		case <-patience.C:
			for _, group := range slices.Collect(maps.Values(n.held)) {
				apply(group)
			}
		}
	}
}
