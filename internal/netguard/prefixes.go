// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package netguard

import "net/netip"

// Reasons of a DeniedError that come from the prefix an address lies in.
const (
	Loopback    = "loopback"
	LinkLocal   = "link-local"
	Metadata    = "metadata service of a cloud"
	Unspecified = "unspecified"
	Multicast   = "multicast"
	Broadcast   = "broadcast"
	Listed      = "denied by configuration"
)

// denied is what no discovered target may be. IANA's special-purpose registries and the clouds' documentation; private
// networks, 100.64.0.0/10 and 240.0.0.0/4 are not in it, because clusters number their pods from them.
var denied = []struct {
	prefix, reason string
}{
	{"0.0.0.0/8", Unspecified}, // RFC 791 "this network": Linux connects 0.0.0.0 to itself
	{"127.0.0.0/8", Loopback},
	{"169.254.0.0/16", LinkLocal},
	{"224.0.0.0/4", Multicast},
	{"255.255.255.255/32", Broadcast},
	{"::/128", Unspecified},
	{"::1/128", Loopback},
	{"fe80::/10", LinkLocal},
	{"ff00::/8", Multicast},

	{"169.254.169.254/32", Metadata}, // AWS, Azure, GCP, OCI, OpenStack, DigitalOcean, Hetzner and others
	{"169.254.169.253/32", Metadata}, // AWS: resolver
	{"169.254.169.123/32", Metadata}, // AWS: time
	{"169.254.170.2/32", Metadata},   // AWS ECS: credentials of the task
	{"169.254.170.23/32", Metadata},  // AWS EKS: credentials of the pod
	{"169.254.42.42/32", Metadata},   // Scaleway
	{"169.254.0.23/32", Metadata},    // Tencent Cloud
	{"100.100.100.200/32", Metadata}, // Alibaba Cloud
	{"192.0.0.192/32", Metadata},     // Oracle Cloud, classic
	{"168.63.129.16/32", Metadata},   // Azure WireServer
	{"fd00:ec2::/32", Metadata},      // AWS: metadata ::254, pod credentials ::23, resolver ::253, time ::123
	{"fd20:ce::254/128", Metadata},   // GCP
	{"fd00:c1::a9fe:a9fe/128", Metadata},
	{"fd00:42::42/128", Metadata},       // Scaleway
	{"fd00:a9fe:a9fe::1/128", Metadata}, // Linode
	{"fe80::a9fe:a9fe/128", Metadata},   // OpenStack
}

// inside gives the IPv4 addresses that an IPv6 address leads to, by the readings of RFC 4291 (compatible; mapped is
// unmapped before), RFC 2765 (translated), RFC 6052 (NAT64), RFC 8215 (local-use NAT64, of which the length is not known),
// RFC 3056 (6to4), RFC 4380 (Teredo: server, client) and RFC 5214 (ISATAP).
func inside(addr netip.Addr) []netip.Addr {
	b := addr.As16()
	v4 := func(i, j, k, l int) netip.Addr { return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]}) }
	last := v4(12, 13, 14, 15)
	switch {
	case compatible.Contains(addr), translated.Contains(addr), nat64.Contains(addr):
		return []netip.Addr{last}
	case nat64Local.Contains(addr):
		found := []netip.Addr{last}
		for _, other := range []netip.Addr{v4(6, 7, 9, 10), v4(7, 9, 10, 11), v4(9, 10, 11, 12)} {
			if other.As4()[0] != 0 { // else it is the filling of a longer prefix
				found = append(found, other)
			}
		}
		return found
	case sixToFour.Contains(addr):
		return []netip.Addr{v4(2, 3, 4, 5)}
	case teredo.Contains(addr):
		client := last.As4()
		for i := range client {
			client[i] ^= 0xff
		}
		return []netip.Addr{v4(4, 5, 6, 7), netip.AddrFrom4(client)}
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return []netip.Addr{last}
	}
	return nil
}

var (
	compatible = netip.MustParsePrefix("::/96")
	translated = netip.MustParsePrefix("::ffff:0:0:0/96")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
)
