// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/heapgate/heapgate/internal/bytesize"
	"github.com/heapgate/heapgate/internal/guard"
)

// What discovery knows of a pod, in Prometheus' words.
const (
	metaNamespace     = "__meta_kubernetes_namespace"
	metaPod           = "__meta_kubernetes_pod_name"
	metaUID           = "__meta_kubernetes_pod_uid"
	metaIP            = "__meta_kubernetes_pod_ip"
	metaNode          = "__meta_kubernetes_pod_node_name"
	metaPhase         = "__meta_kubernetes_pod_phase"
	metaContainer     = "__meta_kubernetes_pod_container_name"
	metaContainerPort = "__meta_kubernetes_pod_container_port_number"
	metaImage         = "__meta_kubernetes_pod_container_image"
	metaScrape        = "__meta_kubernetes_pod_annotation_heapgate_dev_scrape"
	metaGuarded       = "__meta_kubernetes_pod_annotation_heapgate_dev_container" // guard.AnnotationContainer
	metaVersion       = "__meta_kubernetes_pod_label_app_kubernetes_io_version"
)

// Why a discovered target, or a part of it, is not taken as it is: attribute reason of
// otelcol_receiver_go_runtime_discovery_refused.
const (
	refusedAddress   = "address"   // the host is not the pod's own IP
	refusedPort      = "port"      // no port from 1 to 65535
	refusedScheme    = "scheme"    // neither http nor https
	refusedPath      = "path"      // not a plain absolute path
	refusedNoPort    = "no_port"   // the pod asks to be visited, and neither annotation nor port name says where
	refusedDuplicate = "duplicate" // the id is taken
	refusedLimit     = "limit"     // limits::targets are visited already
	refusedAttribute = "attribute" // the attribute is left out, the target is visited
	refusedMemory    = "memory_limit"
)

// refusal is one thing that relabelling or a pod asked for and does not get.
type refusal struct{ reason, target, got string }

// spec is a target to visit: as a configured one, and of which pod it is.
type spec struct {
	TargetConfig
	pod, uid, node string
	logs           string // folder of the container's log files; empty: they are not followed
}

// translator turns what was discovered into targets.
type translator struct {
	rules   rules
	cluster string // of targets that say no other
}

// candidate is a target that relabelling has kept.
type candidate struct {
	spec
	rank int // by which container a port belongs to, if several stand for it
}

// targets are those of one group: a pod, or the pods behind a service.
//
//  1. Relabel each container and port as Prometheus would.
//  2. The host must be the pod's own IP; port and path are checked.
//  3. One target for each address and for each container: the container that heapgate.dev/container names, else the one
//     that declares the port, else the first.
func (t *translator) targets(group *targetgroup.Group) (specs []spec, refused []refusal) {
	var kept []candidate
	asked := ""
	for _, found := range group.Targets {
		b := labels.NewBuilder(labels.EmptyLabels())
		b.Set(model.SchemeLabel, "http")
		b.Set(model.MetricsPathLabel, "/debug/pprof")
		for _, set := range []model.LabelSet{group.Labels, found} {
			for name, value := range set {
				b.Set(string(name), string(value))
			}
		}
		if b.Get(metaScrape) == "true" && b.Get(metaPhase) == "Running" {
			asked = b.Get(metaNamespace) + "/" + b.Get(metaPod)
		}
		if !relabel.ProcessBuilder(b, t.rules.relabel...) {
			continue
		}
		c, bad := t.candidate(b)
		refused = append(refused, bad...)
		if c != nil {
			kept = append(kept, *c)
		}
	}
	if len(kept) == 0 && len(refused) == 0 && asked != "" && t.rules.standard {
		return nil, []refusal{{refusedNoPort, asked, "annotation heapgate.dev/port, or a container port named pprof"}}
	}
	slices.SortStableFunc(kept, func(a, b candidate) int { return cmp.Compare(a.rank, b.rank) })
	urls, ids := map[string]bool{}, map[string]bool{}
	for _, c := range kept {
		switch {
		case urls[c.URL]: // another container of the pod, which does not listen there
		case ids[c.ID]:
			refused = append(refused, refusal{refusedDuplicate, c.ID, c.URL})
		default:
			urls[c.URL], ids[c.ID] = true, true
			specs = append(specs, c.spec)
		}
	}
	return specs, refused
}

// candidate reads the labels that are left. A refused target is nil.
func (t *translator) candidate(b *labels.Builder) (*candidate, []refusal) {
	namespace, pod, container := b.Get(metaNamespace), b.Get(metaPod), b.Get(metaContainer)
	id := cmp.Or(b.Get("__heapgate_id"), namespace+"/"+pod+"/"+container)
	base, port, bad := address(b)
	if bad != nil {
		bad.target = id
		return nil, []refusal{*bad}
	}
	c := &candidate{spec: spec{pod: pod, uid: b.Get(metaUID), node: b.Get(metaNode)}}
	c.ID, c.URL = id, base
	c.Workload = t.workload(b)
	switch {
	case b.Get(metaGuarded) == container && container != "":
		c.rank = 0
	case b.Get(metaContainerPort) == port:
		c.rank = 1
	default:
		c.rank = 2
	}
	var refused []refusal
	if text := b.Get("__heapgate_memory_limit"); text != "" {
		limit, err := memoryLimit(text)
		if err != nil {
			refused = append(refused, refusal{refusedMemory, id, text})
		}
		c.MemoryLimit = limit
	}
	b.Range(func(l labels.Label) {
		switch {
		case strings.HasPrefix(l.Name, model.ReservedLabelPrefix):
		case slices.Contains(reservedAttributes, l.Name), slices.Contains(podAttributes, l.Name):
			refused = append(refused, refusal{refusedAttribute, id, l.Name})
		default:
			if c.Labels == nil {
				c.Labels = map[string]string{}
			}
			c.Labels[l.Name] = l.Value
		}
	})
	if t.rules.logs != "" {
		c.logs = podLogs(t.rules.logs, namespace, pod, c.uid, container)
	}
	return c, refused
}

// plainPath is a path that means the same to every server and proxy: no escapes, no query, no dot segments.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,32}/?$`)

const maxPath = 256

// address checks where relabelling wants to go. Annotations are written by whoever may create pods; they must not make the
// collector, which stands inside the cluster, visit anything but that pod.
func address(b *labels.Builder) (base, port string, bad *refusal) {
	given := b.Get(model.AddressLabel)
	host, port, err := net.SplitHostPort(given)
	if err != nil {
		host, port = given, ""
	}
	ip, err := netip.ParseAddr(host)
	own, ownErr := netip.ParseAddr(b.Get(metaIP))
	if err != nil || ownErr != nil || ip != own || own.Zone() != "" {
		return "", "", &refusal{reason: refusedAddress, got: given}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return "", "", &refusal{reason: refusedPort, got: given}
	}
	scheme, path := b.Get(model.SchemeLabel), b.Get(model.MetricsPathLabel)
	if scheme != "http" && scheme != "https" {
		return "", "", &refusal{reason: refusedScheme, got: scheme}
	}
	if len(path) > maxPath || !plainPath.MatchString(path) {
		return "", "", &refusal{reason: refusedPath, got: path}
	}
	base = (&url.URL{Scheme: scheme, Host: net.JoinHostPort(own.String(), port), Path: path}).String()
	return base, port, nil
}

// memoryLimit reads a size as GOMEMLIMIT has it (512MiB) or as Kubernetes has it (512Mi).
func memoryLimit(text string) (bytesize.Size, error) {
	if size, err := bytesize.Parse(text); err == nil {
		return size, nil
	}
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return 0, err
	}
	if quantity.Sign() <= 0 {
		return 0, fmt.Errorf("memory limit must be positive (got %q)", text)
	}
	return bytesize.Size(quantity.Value()), nil
}

// workload says to what the pod belongs; relabelling has the first word.
func (t *translator) workload(b *labels.Builder) WorkloadConfig {
	kind, name := owner(b)
	pinned, _ := guard.Digest(b.Get(metaImage)) // not pinned: discovery does not tell the digest that runs
	return WorkloadConfig{
		Cluster:     cmp.Or(b.Get("__heapgate_cluster"), t.cluster),
		Namespace:   b.Get(metaNamespace),
		Kind:        cmp.Or(b.Get("__heapgate_workload_kind"), kind),
		Name:        cmp.Or(b.Get("__heapgate_workload_name"), name),
		Container:   b.Get(metaContainer),
		Version:     cmp.Or(b.Get("__heapgate_version"), b.Get(metaVersion)),
		ImageDigest: cmp.Or(b.Get("__heapgate_image_digest"), pinned),
	}
}

// owner follows the owner references: what people deploy, not what a controller made of it.
func owner(b *labels.Builder) (kind, name string) {
	kind, name = b.Get("__meta_kubernetes_pod_controller_kind"), b.Get("__meta_kubernetes_pod_controller_name")
	deployment, cronJob := b.Get("__meta_kubernetes_pod_deployment_name"), b.Get("__meta_kubernetes_pod_cronjob_name")
	switch {
	case deployment != "": // attach_metadata: {deployment: true}
		return "Deployment", deployment
	case cronJob != "": // attach_metadata: {cronjob: true}
		return "CronJob", cronJob
	case kind == "ReplicaSet": // a Deployment names its sets <deployment>-<hash> and puts the hash on the pods
		hash := b.Get("__meta_kubernetes_pod_label_pod_template_hash")
		if of, ok := strings.CutSuffix(name, "-"+hash); ok && of != "" {
			return "Deployment", of
		}
		return kind, name
	case kind == "" || name == "" || kind == "Node": // bare, or the mirror of a static pod
		return "Pod", b.Get(metaPod)
	}
	return kind, name
}
