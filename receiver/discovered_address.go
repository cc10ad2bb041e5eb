// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

const (
	defaultPath = "/debug/pprof"
	maxPath     = 256
)

// plainPath is a path that means the same to every server and proxy: no escapes, no query, no dot segments.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,32}/?$`)

// hosts are where a target may be visited.
type hosts struct {
	any   bool // the operator's word
	names []string
	ips   []netip.Addr
}

var anyHost = hosts{any: true}

// hostsOf are those that discovery gave, before relabelling. Of a pod it is the IP that its node reports, and not the
// address of an endpoint, which whoever may write EndpointSlices chooses.
func hostsOf(b *labels.Builder, from origin) (h hosts) {
	add := func(texts ...string) {
		for _, text := range texts {
			if ip, err := netip.ParseAddr(text); err == nil {
				h.ips = append(h.ips, ip)
			} else if text != "" {
				h.names = append(h.names, text)
			}
		}
	}
	if from == fromPod {
		if ip, err := netip.ParseAddr(b.Get(metaIP)); err == nil && ip.Zone() == "" {
			h.ips = []netip.Addr{ip}
		}
		return h
	}
	if host, _, err := net.SplitHostPort(b.Get(model.AddressLabel)); err == nil {
		add(host)
	} else {
		add(strings.Trim(b.Get(model.AddressLabel), "[]"))
	}
	switch from {
	case fromEC2:
		add(b.Get(metaEC2+"private_ip"), b.Get(metaEC2+"public_ip"), b.Get(metaEC2+"private_dns_name"), b.Get(metaEC2+"public_dns_name"))
		add(strings.Split(b.Get(metaEC2+"ipv6_addresses"), ",")...)
	case fromGCE:
		add(b.Get(metaGCE+"private_ip"), b.Get(metaGCE+"public_ip"))
		b.Range(func(l labels.Label) {
			if strings.HasPrefix(l.Name, metaGCE+"interface_ipv4_") {
				add(l.Value)
			}
		})
	case fromAzure:
		add(b.Get(metaAzure+"machine_private_ip"), b.Get(metaAzure+"machine_public_ip"))
	}
	return h
}

func (h *hosts) contain(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return h.any || slices.Contains(h.ips, ip)
	}
	return h.any || slices.ContainsFunc(h.names, func(name string) bool { return strings.EqualFold(name, host) })
}

// address checks where relabelling wants to go. Annotations, tags and labels are written by whoever may create pods or
// machines; they must not make the collector, which stands inside the network, visit anything else.
func (t *translator) address(b *labels.Builder, allowed hosts) (*url.URL, *refusal) {
	given := b.Get(model.AddressLabel)
	host, port, err := net.SplitHostPort(given)
	if err != nil {
		host, port = given, ""
	}
	if !allowed.contain(host) {
		return nil, &refusal{reason: refusedAddress, got: given}
	}
	if err := t.rules.guard.CheckHost(host); err != nil && !allowed.any {
		return nil, &refusal{reason: refusedDenied, got: given}
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String() // one spelling
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return nil, &refusal{reason: refusedPort, got: given}
	}
	scheme, path := b.Get(model.SchemeLabel), b.Get(model.MetricsPathLabel)
	if scheme != "http" && scheme != "https" {
		return nil, &refusal{reason: refusedScheme, got: scheme}
	}
	if len(path) > maxPath || !plainPath.MatchString(path) {
		return nil, &refusal{reason: refusedPath, got: path}
	}
	base := &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: path}
	if _, err := url.Parse(base.String()); err != nil || host == "" {
		return nil, &refusal{reason: refusedAddress, got: given} // of the operator's own: a host that no URL may have
	}
	return base, nil
}
