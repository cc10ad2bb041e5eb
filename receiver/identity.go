// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"path"

	"github.com/prometheus/prometheus/model/labels"
)

// machine is where a process runs, as far as discovery knows: resource attributes cloud.* and host.*. What is not known is
// empty.
type machine struct {
	provider string // cloud.provider, a value of OpenTelemetry's semantic conventions where they have one
	region   string
	zone     string
	account  string // AWS account, GCP project, Azure subscription
	hostID   string
	hostName string
}

// What discovery says of machines, in Prometheus' words.
const (
	metaEC2      = "__meta_ec2_"
	metaGCE      = "__meta_gce_"
	metaAzure    = "__meta_azure_"
	metaNodes    = "__meta_kubernetes_node_"
	metaProvider = metaNodes + "provider_id" // Prometheus has it of nodes only; discovery of pods gets it from nodeIDs
	metaTopology = metaNodes + "label_topology_kubernetes_io_"
	metaHostname = metaNodes + "label_kubernetes_io_hostname"
)

// machineOf reads the labels that discovery gave, before relabelling.
func machineOf(b *labels.Builder, from origin) machine {
	switch from {
	case fromPod:
		m := parseProviderID(b.Get(metaProvider))
		if b.Get(metaProvider) == "" {
			m.provider = providerByLabel(b)
		}
		m.region = cmp.Or(b.Get(metaTopology+"region"), m.region)
		m.zone = cmp.Or(zoneName(m.provider, b.Get(metaTopology+"zone")), m.zone)
		m.hostName = b.Get(metaHostname)
		return m
	case fromEC2:
		return machine{
			provider: "aws", region: b.Get(metaEC2 + "region"), zone: b.Get(metaEC2 + "availability_zone"), account: b.Get(metaEC2 + "owner_id"),
			hostID: b.Get(metaEC2 + "instance_id"), hostName: b.Get(metaEC2 + "private_dns_name"),
		}
	case fromGCE:
		zone := ""
		if url := b.Get(metaGCE + "zone"); url != "" { // https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b
			zone = path.Base(url)
		}
		return machine{
			provider: "gcp", region: gceRegion(zone), zone: zone, account: b.Get(metaGCE + "project"),
			hostID: b.Get(metaGCE + "instance_id"), hostName: b.Get(metaGCE + "instance_name"),
		}
	case fromAzure:
		return machine{
			provider: "azure", region: b.Get(metaAzure + "machine_location"), account: b.Get(metaAzure + "subscription_id"),
			hostID: b.Get(metaAzure + "machine_id"), hostName: cmp.Or(b.Get(metaAzure+"machine_computer_name"), b.Get(metaAzure+"machine_name")),
		}
	}
	return machine{}
}

// Labels that managed clusters put on nodes in their own cloud, and not on those elsewhere.
var nodeLabels = []struct{ label, provider string }{
	{"eks_amazonaws_com_nodegroup", "aws"}, {"cloud_google_com_gke_nodepool", "gcp"}, {"kubernetes_azure_com_agentpool", "azure"},
	{"doks_digitalocean_com_node_pool", "digitalocean"}, {"ibm_cloud_kubernetes_io_worker_pool_id", "ibm_cloud"},
}

// providerByLabel is for pods of a list, such as a target allocator's, which has no provider ids.
func providerByLabel(b *labels.Builder) string {
	for _, l := range nodeLabels {
		if b.Get(metaNodes+"label_"+l.label) != "" {
			return l.provider
		}
	}
	return ""
}

// zoneName drops what the label topology.kubernetes.io/zone holds on Azure where there are no zones: the number of a fault
// domain.
func zoneName(provider, zone string) string {
	if provider == "azure" && len(zone) < 3 {
		return ""
	}
	return zone
}

// attributes are those of a resource, in a fixed order.
func (m *machine) attributes() [6]struct{ name, value string } {
	return [...]struct{ name, value string }{
		{"cloud.provider", m.provider}, {"cloud.region", m.region}, {"cloud.availability_zone", m.zone},
		{"cloud.account.id", m.account}, {"host.id", m.hostID}, {"host.name", m.hostName},
	}
}
