// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/heapgate/heapgate/internal/bytesize"
)

// Why a discovered target, or a part of it, is not taken as it is: attribute reason of
// otelcol_receiver_go_runtime_discovery_refused.
const (
	refusedAddress   = "address"     // the host is neither what discovery gave nor the machine's own
	refusedDenied    = "denied"      // the host is the collector's own, or a metadata service, and not in allow_networks
	refusedPort      = "port"        // no port from 1 to 65535
	refusedScheme    = "scheme"      // neither http nor https
	refusedPath      = "path"        // not a plain absolute path
	refusedNoPort    = "no_port"     // the pod asks to be visited, and neither annotation nor port name says where
	refusedWorkload  = "no_workload" // nothing says what the process belongs to
	refusedDuplicate = "duplicate"   // the id is taken
	refusedLimit     = "limit"       // limits::targets are visited already
	refusedAttribute = "attribute"   // the attribute is left out, the target is visited
	refusedMemory    = "memory_limit"
)

// refusal is one thing that relabelling or a pod asked for and does not get.
type refusal struct{ reason, target, got string }

// spec is a target to visit: as a configured one, and of which pod and machine it is.
type spec struct {
	TargetConfig
	pod, uid, node string
	machine        machine
	logs           string // folder of the container's log files; empty: they are not followed
	// trusted means that the operator wrote the address, in targets or static_configs. Any other one is visited through the
	// guard of DiscoveryConfig, which looks at what a name resolves to when it is dialled.
	trusted bool
}

// origin is what a target says it is. A pod is a pod by whatever list it came, so that a target allocator's list of pods
// gets no more than Kubernetes' own.
type origin int

const (
	fromList origin = iota
	fromPod
	fromEC2
	fromGCE
	fromAzure
)

// originOf reads the labels that discovery gave, before relabelling.
func originOf(b *labels.Builder, watched bool) origin {
	pod := watched
	b.Range(func(l labels.Label) { pod = pod || strings.HasPrefix(l.Name, metaKubernetes) })
	switch {
	case pod:
		return fromPod
	case b.Get(metaEC2+"instance_id") != "":
		return fromEC2
	case b.Get(metaGCE+"instance_id") != "":
		return fromGCE
	case b.Get(metaAzure+"machine_id") != "":
		return fromAzure
	}
	return fromList
}

// translator turns what was discovered into targets.
type translator struct {
	rules   rules
	cluster string // of targets that say no other
}

// candidate is a target that relabelling has kept.
type candidate struct {
	spec
	from origin
	rank int // by which container a port belongs to, if several stand for it
}

// found is what a discovery says.
type found struct {
	groups  []*targetgroup.Group
	watched bool // pods of a Kubernetes API: each group is one pod, or the pods behind one service
	trusted bool
}

// targets are those of a discovery.
//
//  1. Relabel each target as Prometheus would, by the user's rules or by those of its origin.
//  2. The host must be one that discovery gave; host, port and path are checked.
//  3. One target for each address and for each id. Of a pod's containers that one stands for an address which
//     heapgate.dev/container names, else the one that declares the port, else the first.
func (t *translator) targets(f found) (specs []spec, refused []refusal) {
	var kept []candidate
	asked := ""
	b := labels.NewBuilder(labels.EmptyLabels())
	for _, group := range f.groups {
		for _, given := range group.Targets {
			fill(b, group.Labels, given)
			if b.Get(metaScrape) == "true" && b.Get(metaPhase) == "Running" {
				asked = b.Get(metaNamespace) + "/" + b.Get(metaPod)
			}
			from := originOf(b, f.watched)
			at := machineOf(b, from)
			allowed := hostsOf(b, from)
			if !relabel.ProcessBuilder(b, t.rulesOf(from)...) {
				continue
			}
			if f.trusted {
				allowed = anyHost
			}
			c, bad := t.candidate(b, from, allowed)
			refused = append(refused, bad...)
			if c != nil {
				c.machine, c.trusted = at, f.trusted
				kept = append(kept, *c)
			}
		}
	}
	if f.watched && len(kept) == 0 && len(refused) == 0 && asked != "" && t.rules.standard {
		return nil, []refusal{{refusedNoPort, asked, "annotation heapgate.dev/port, or a container port named pprof"}}
	}
	specs, twice := distinct(kept)
	return specs, append(refused, twice...)
}

// fill makes the builder hold what discovery gave of a target.
func fill(b *labels.Builder, common, own model.LabelSet) {
	b.Reset(labels.EmptyLabels())
	b.Set(model.SchemeLabel, "http")
	b.Set(model.MetricsPathLabel, defaultPath)
	for _, set := range []model.LabelSet{common, own} {
		for name, value := range set {
			b.Set(string(name), string(value))
		}
	}
}

// rulesOf are the user's rules, or those for what a target is.
func (t *translator) rulesOf(from origin) []*relabel.Config {
	if t.rules.standard {
		return standardRules[from]
	}
	return t.rules.relabel
}

// distinct leaves one target for each address and each id.
func distinct(kept []candidate) (specs []spec, refused []refusal) {
	slices.SortStableFunc(kept, func(a, b candidate) int { return cmp.Compare(a.rank, b.rank) })
	type place struct{ uid, url string }
	places, ids := map[place]bool{}, map[string]bool{}
	for _, c := range kept {
		switch at := (place{c.uid, c.URL}); {
		case places[at] && c.uid != "": // another container of the pod, which does not listen there
		case places[at], ids[c.ID]:
			refused = append(refused, refusal{refusedDuplicate, c.ID, c.URL})
		default:
			places[at], ids[c.ID] = true, true
			specs = append(specs, c.spec)
		}
	}
	return specs, refused
}

// candidate reads the labels that are left. A refused target is nil.
func (t *translator) candidate(b *labels.Builder, from origin, allowed hosts) (*candidate, []refusal) {
	namespace, pod, container := b.Get(metaNamespace), b.Get(metaPod), b.Get(metaContainer)
	id := b.Get("__heapgate_id")
	if id == "" && from == fromPod {
		id = namespace + "/" + pod + "/" + container
	}
	base, bad := t.address(b, allowed)
	if bad != nil {
		bad.target = cmp.Or(id, bad.got)
		return nil, []refusal{*bad}
	}
	if id == "" {
		id = strings.TrimSuffix(base.Host+base.Path, defaultPath)
	}
	c := &candidate{from: from, spec: spec{pod: pod, uid: b.Get(metaUID), node: b.Get(metaNode)}}
	c.ID, c.URL = id, base.String()
	if c.Workload = t.workload(b, from); c.Workload.Name == "" {
		return nil, []refusal{{refusedWorkload, id, "label __heapgate_workload_name"}}
	}
	if from == fromPod {
		c.rank = standing(b, base.Port())
		if t.rules.logs != "" {
			c.logs = podLogs(t.rules.logs, namespace, pod, c.uid, container)
		}
	}
	var refused []refusal
	read := func(label string, limit *bytesize.Size) {
		text := b.Get(label)
		if text == "" {
			return
		}
		var err error
		if *limit, err = memoryLimit(text); err != nil {
			refused = append(refused, refusal{refusedMemory, id, text})
		}
	}
	read("__heapgate_memory_limit", &c.MemoryLimit)
	read("__heapgate_container_memory_limit", &c.ContainerMemoryLimit)
	b.Range(func(l labels.Label) {
		switch {
		case strings.HasPrefix(l.Name, model.ReservedLabelPrefix):
		case slices.Contains(reservedAttributes, l.Name), from == fromPod && slices.Contains(podAttributes, l.Name):
			refused = append(refused, refusal{refusedAttribute, id, l.Name})
		default:
			if c.Labels == nil {
				c.Labels = map[string]string{}
			}
			c.Labels[l.Name] = l.Value
		}
	})
	return c, refused
}

// standing tells which of a pod's containers stands for an address.
func standing(b *labels.Builder, port string) int {
	switch container := b.Get(metaContainer); {
	case b.Get(metaGuarded) == container && container != "":
		return 0
	case b.Get(metaContainerPort) == port:
		return 1
	}
	return 2
}
