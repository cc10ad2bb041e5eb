// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"strings"
	"testing"
)

// text writes what is known: provider region zone account, - for what is not.
func (m machine) text() string {
	or := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return strings.Join([]string{or(m.provider), or(m.region), or(m.zone), or(m.account)}, " ")
}

func TestProviderID(t *testing.T) {
	const nothing = "- - - -"
	for id, want := range map[string]string{
		"aws:///us-east-1a/i-0123456789abcdef0":                                  "aws us-east-1 us-east-1a -",
		"aws:///us-gov-west-1b/i-0123456789abcdef0":                              "aws us-gov-west-1 us-gov-west-1b -",
		"aws:///ap-southeast-2c/5f6a/fargate-ip-10-0-1-2.ap-southeast-2.compute": "aws ap-southeast-2 ap-southeast-2c -",
		"aws:///us-west-2-lax-1a/i-0123456789abcdef0":                            "aws - us-west-2-lax-1a -",
		"aws:///i-0123456789abcdef0":                                             "aws - - -",
		"eks-hybrid:///us-west-2/prod/mi-0123456789abcdef0":                      nothing, // a machine outside of AWS
		"gce://shop-prod/europe-west1-b/gke-prod-pool-1-abcd":                    "gcp europe-west1 europe-west1-b shop-prod",
		"gce://example.com:shop/us-central1-f/node-1":                            "gcp us-central1 us-central1-f example.com:shop",
		"gce://shop-prod": "gcp - - -",
		"azure:///subscriptions/4d7-1/resourceGroups/mc/providers/Microsoft.Compute/virtualMachineScaleSets/aks/virtualMachines/0": "azure - - 4d7-1",
		"azure:///SUBSCRIPTIONS/4d7-1/resourceGroups/mc/providers/Microsoft.Compute/virtualMachines/node-1":                        "azure - - 4d7-1",
		"azure:///x":               "azure - - -",
		"digitalocean://123456789": "digitalocean - - -",
		"ibm://0a1b2c///bcd3/kube-bcd3-prod-00000123":  "ibm_cloud - - 0a1b2c",
		"ibm:////bcd3/worker":                          "ibm_cloud - - -",
		"ibmvpc://r006-1234":                           "ibm_cloud - - -",
		"ibmpowervs://lon/lon06/service/instance":      "ibm_cloud lon lon06 -",
		"ocid1.instance.oc1.phx.abyhqljt":              "oracle_cloud - - -", // an airport's code
		"ocid1.instance.oc1.eu-frankfurt-1.antheljt":   "oracle_cloud eu-frankfurt-1 - -",
		"oci://ocid1.instance.oc1.sa-saopaulo-1.antwx": "oracle_cloud sa-saopaulo-1 - -",
		"ocid1.cluster.oc1.iad.aaaa":                   nothing,
		"openstack:///2f9b1bb5-43b3-4b8b":              "openstack - - -",
		"openstack://RegionOne/2f9b1bb5-43b3-4b8b":     "openstack RegionOne - -",
		"hcloud://42424242":                            "hetzner - - -",
		"hrobot://1234567":                             "hetzner - - -",
		"cn-hangzhou.i-bp1abcdefg":                     "alibaba_cloud cn-hangzhou - -",
		"alicloud://ap-southeast-1.i-t4n0abc":          "alibaba_cloud ap-southeast-1 - -",
		"qcloud:///100003/ins-3ktjcdbn":                "tencent_cloud - - -",
		"linode://12345678":                            "akamai_cloud - - -",
		"vultr://cb676a46-66fd":                        "vultr - - -",
		"scaleway://instance/fr-par-1/11111111-2222":   "scaleway - fr-par-1 -",

		"": nothing, "kind://docker/kind/kind-control-plane": nothing, "k3s://node-1": nothing, "rke2://node-1": nothing, "vsphere://4210-ab": nothing,
		"metal3://metal/worker-0": nothing, "minikube": nothing, "talos://x": nothing, "baremetalhost:///x": nothing, "unknown://aws:///us-east-1a/i-0": nothing,
		"AWS:///us-east-1a/i-0": nothing, "aws:/us-east-1a/i-0": nothing, "us-east-1a": nothing, "i-0123": nothing, "my.i-0123": nothing,
		"aws:///" + strings.Repeat("a", 600) + "/i-0": nothing,

		// What nobody would write, and what is not repeated into an attribute.
		"aws:///us east\n1a/i-0": "aws - - -", "gce://p\x00/europe-west1-b/x": "gcp europe-west1 europe-west1-b -", "openstack://\xff\xfe/x": "openstack - - -",
		"gce://../europe-west1-b/x": "gcp europe-west1 europe-west1-b -",
	} {
		if got := parseProviderID(id).text(); got != want {
			t.Errorf("%q: got %s; want %s", id, got, want)
		}
	}
}

func FuzzProviderID(f *testing.F) {
	for _, id := range []string{"aws:///us-east-1a/i-0", "gce://p/europe-west1-b/x", "cn-hangzhou.i-bp1", "ocid1.instance.oc1.eu-frankfurt-1.x", "ibmpowervs://a/b/c/d"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		m := parseProviderID(id)
		if m.provider == "" && m != (machine{}) {
			t.Errorf("%q: a place in no cloud: %+v", id, m)
		}
		for _, a := range m.attributes() {
			if a.value != "" && !cloudWord.MatchString(a.value) {
				t.Errorf("%q: %s is %q", id, a.name, a.value)
			}
		}
	})
}
