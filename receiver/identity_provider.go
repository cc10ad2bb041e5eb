// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"regexp"
	"strings"
)

// providers are the schemes of a node's spec.providerID whose cloud is known, and how the rest of the id is read. Each
// cloud's controller manager chooses its own form. Schemes of something that is no cloud (kind, k3s, vsphere, metal3) and
// unknown ones have no entry: better no provider than a wrong one.
var providers = map[string]struct {
	name string // of OpenTelemetry's semantic conventions, else the cloud's own
	read func(p *machine, rest string)
}{
	"aws":          {"aws", readAWS},
	"gce":          {"gcp", readGCE},
	"azure":        {"azure", readAzure},
	"ibm":          {"ibm_cloud", readIBM},
	"ibmpowervs":   {"ibm_cloud", readPowerVS},
	"ibmvpc":       {"ibm_cloud", nil},
	"oci":          {"oracle_cloud", readOCI},
	"alicloud":     {"alibaba_cloud", readAlibaba},
	"qcloud":       {"tencent_cloud", nil}, // zones are numbers there
	"linode":       {"akamai_cloud", nil},
	"hcloud":       {"hetzner", nil},
	"hrobot":       {"hetzner", nil},
	"vultr":        {"vultr", nil},
	"digitalocean": {"digitalocean", nil},
	"openstack":    {"openstack", readOpenStack},
	"scaleway":     {"scaleway", readScaleway},
}

// maxProviderID is longer than any cloud's.
const maxProviderID = 512

// parseProviderID reads spec.providerID of a Kubernetes node: scheme://..., or the bare ids of Oracle and Alibaba. Nothing
// is known of an id of another form.
func parseProviderID(id string) (p machine) {
	if len(id) > maxProviderID {
		return p
	}
	scheme, rest, ok := strings.Cut(id, "://")
	switch {
	case ok:
	case strings.HasPrefix(id, "ocid1.instance."):
		scheme, rest = "oci", id
	case alibabaID.MatchString(id):
		scheme, rest = "alicloud", id
	default:
		return p
	}
	cloud, known := providers[scheme]
	if !known {
		return p
	}
	p.provider = cloud.name
	if cloud.read != nil {
		cloud.read(&p, rest)
	}
	return p
}

// A word that a cloud uses in names of regions, zones and projects.
var cloudWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// word is the text if it is such a word, else empty.
func word(text string) string {
	if cloudWord.MatchString(text) {
		return text
	}
	return ""
}

var (
	awsZone   = regexp.MustCompile(`^([a-z]{2}(?:-[a-z]+)+-[0-9]+)[a-z]$`) // not us-west-2-lax-1a, a local zone
	gceZone   = regexp.MustCompile(`^([a-z]+(?:-[a-z]+)+[0-9]+)-[a-z]$`)
	alibabaID = regexp.MustCompile(`^([a-z]{2}-[a-z]+(?:-[a-z0-9]+)*)\.i-[a-z0-9]+$`)
	ociRegion = regexp.MustCompile(`^[a-z]{2}-[a-z]+(-[a-z]+)?-[0-9]+$`) // older ones are airport codes, which name no region
)

// readAWS: aws:///us-east-1a/i-0123456789abcdef0, of Fargate aws:///us-east-1a/<uuid>/fargate-ip-10-0-0-1.<...>.
func readAWS(p *machine, rest string) {
	zone, _, ok := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if !ok {
		return
	}
	p.zone = word(zone)
	if m := awsZone.FindStringSubmatch(zone); m != nil {
		p.region = m[1]
	}
}

// readGCE: gce://project/europe-west1-b/name. A project may stand below a domain: example.com:project.
func readGCE(p *machine, rest string) {
	parts := strings.Split(rest, "/")
	if len(parts) != 3 {
		return
	}
	p.account, p.zone, p.region = word(parts[0]), word(parts[1]), gceRegion(parts[1])
}

func gceRegion(zone string) string {
	if m := gceZone.FindStringSubmatch(zone); m != nil {
		return m[1]
	}
	return ""
}

// readAzure: azure:///subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Compute/...
func readAzure(p *machine, rest string) {
	parts := strings.Split(rest, "/")
	if len(parts) > 2 && strings.EqualFold(parts[1], "subscriptions") {
		p.account = word(parts[2])
	}
}

// readIBM: ibm://<account>///<cluster>/<worker>.
func readIBM(p *machine, rest string) {
	account, _, _ := strings.Cut(rest, "/")
	p.account = word(account)
}

// readPowerVS: ibmpowervs://<region>/<zone>/<service instance>/<machine>.
func readPowerVS(p *machine, rest string) {
	if parts := strings.Split(rest, "/"); len(parts) == 4 {
		p.region, p.zone = word(parts[0]), word(parts[1])
	}
}

// readOCI: ocid1.instance.oc1.eu-frankfurt-1.<unique>.
func readOCI(p *machine, rest string) {
	if parts := strings.Split(rest, "."); len(parts) >= 5 && ociRegion.MatchString(parts[3]) {
		p.region = parts[3]
	}
}

// readAlibaba: cn-hangzhou.i-bp1abc.
func readAlibaba(p *machine, rest string) {
	if m := alibabaID.FindStringSubmatch(rest); m != nil {
		p.region = m[1]
	}
}

// readOpenStack: openstack:///<uuid>, or openstack://<region>/<uuid>.
func readOpenStack(p *machine, rest string) {
	region, _, _ := strings.Cut(rest, "/")
	p.region = word(region)
}

// readScaleway: scaleway://instance/fr-par-1/<uuid>.
func readScaleway(p *machine, rest string) {
	if parts := strings.Split(rest, "/"); len(parts) == 3 {
		p.zone = word(parts[1])
	}
}
