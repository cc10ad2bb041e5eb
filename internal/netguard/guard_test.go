// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// refusedHosts are spellings of addresses that no discovered target may have; each one is denied by CheckHost.
var refusedHosts = []string{
	// Loopback.
	"127.0.0.1", "127.1.2.3", "127.255.255.255", "::1", "[::1]", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001",
	"localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain",
	// Decimal, octal, hex, short, padded, with dots behind.
	"2130706433", "017700000001", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7F.0x0.0x0.0x1", "0177.0.0.1", "0177.0.0.01",
	"127.1", "127.0.1", "127.0.0.01", "127.000.000.001", "0x7f.1", "0177.1", "127.0x1", "127.0.0.0x1", "127.0.0.1.", "127.0.0.1..",
	"127.65530", "00000177.0.0.1", "0x0000007f.0.0.1", "0", "0x", "0.0", "00", "127.0.0.1.0", "256.0.0.1", "4294967297", "0x17f000001",
	// Unspecified and this network: the kernel connects them to the host itself.
	"0.0.0.0", "0.1.2.3", "::", "[::]", "0:0:0:0:0:0:0:0", "::0.0.0.0",
	// IPv4 inside IPv6.
	"::ffff:127.0.0.1", "[::ffff:7f00:1]", "::ffff:a9fe:a9fe", "::FFFF:169.254.169.254", "0:0:0:0:0:ffff:127.0.0.1",
	"::127.0.0.1", "::7f00:1", "::169.254.169.254", "::ffff:0:127.0.0.1",
	"64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::127.0.0.1", "64:ff9b:1:7f00:0:100::", "64:ff9b:1:7f:0:1::", "64:ff9b:1:0:7f:0:100::",
	"2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::", "2001::5601:5601", "2001:0:c000:201:0:0:80ff:fffe", "fd12::5efe:127.0.0.1", "fd12::200:5efe:a9fe:a9fe",
	// Links, with zones and escapes.
	"169.254.0.1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "[fe80::1%25eth0]", "fe80::1%25eth0", "febf::1", "::1%lo", "fd12::1%eth0", "127.0.0.1%lo", "%31%32%37.0.0.1", "127%2e0%2e0%2e1",
	// Metadata services.
	"169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd00:ec2:0:0:0:0:0:254", "fd00:ec2::23", "fd20:ce::254",
	"fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0xa9.0xfe.0xa9.0xfe", "1684300744", "0x64.100.25800", "169.16689662",
	// Multicast and broadcast.
	"224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "ff05::2",
	// Not ASCII: IDNA maps these to 127.0.0.1 or localhost.
	"１２７.０.０.１", "127。0。0。1", "127．0．0．1", "127｡0.0.1", "①②⑦.0.0.1", "ⓛocalhost", "127.0.0.1\u200b", "loc\u00adalhost", "k8s\u212a", "١٢٧.0.0.1",
	// No host at all.
	"", ".", "..", " ", "127.0.0.1 ", " 127.0.0.1", "127.0.0.1\x00", "127.0.0.1\n", "127.0.0.1:80", "[127.0.0.1]", "[10.0.0.1]", "[::1", "[fd12::1", "::1]", "[[::1]]", "[]", "[::1].", "a..b", ".a", "-0", "127.0.0.-1", "a-",
	"alice:hunter2@10.0.0.1", "10.0.0.1@127.0.0.1", "10.0.0.1/127.0.0.1", "10.0.0.1\\127.0.0.1", "10.0.0.1#", "10.0.0.1?x", "http://127.0.0.1", "[v1.7f]", "::ffff:0177.0.0.1", "::ffff:127.1", "*", "a b",
	strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a",
}

var passedHosts = []string{
	"10.0.0.1", "10.244.3.17", "172.16.0.1", "192.168.1.1", "100.64.0.1", "100.100.100.201", "240.0.0.1", "8.8.8.8", "203.0.113.9", "168.63.129.17", "1.0.0.0",
	"fd12:3456::1", "[fd12:3456::1]", "2001:db8::1", "2600:1f18::5", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::10.0.0.1", "2002:a00:1::", "2001:0:a00:1::f5ff:fffe", "fd01:ec2::254",
	"shop", "shop.", "shop.prod.svc.cluster.local", "shop-7f9.prod", "xn--bcher-kva.example", "my_host", "a1", "1a", "0x7g", "127.0.0.1.nip.io", "localhost.example", "3.example", "deadbeef",
}

func TestHosts(t *testing.T) {
	g := New(Settings{})
	if len(refusedHosts) < 60 {
		t.Fatalf("%d spellings, want at least 60", len(refusedHosts))
	}
	for _, host := range refusedHosts {
		err := g.CheckHost(host)
		var denied *DeniedError
		if !errors.As(err, &denied) || denied.Reason == "" {
			t.Errorf("%q: got %v, want a *DeniedError", host, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q tells a secret", err)
		}
	}
	for _, host := range passedHosts {
		if err := g.CheckHost(host); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// TestReasons: a person who reads the log must see what is wrong.
func TestReasons(t *testing.T) {
	g := New(Settings{Deny: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	for host, want := range map[string]string{
		"127.0.0.1":          "destination 127.0.0.1 is denied: loopback",
		"169.254.169.254":    "destination 169.254.169.254 is denied: metadata service of a cloud",
		"169.254.1.1":        "destination 169.254.1.1 is denied: link-local",
		"0x7f.1":             "destination 0x7f.1 is denied: it is an unusual spelling of an IP address, 127.0.0.1",
		"256.1":              "destination 256.1 is denied: it is an unusual spelling of an IP address or of none",
		"64:ff9b::a9fe:a9fe": "destination 64:ff9b::a9fe:a9fe is denied: metadata service of a cloud, it leads to 169.254.169.254",
		"fd12::1%eth0":       "destination fd12::1%eth0 is denied: it has a zone, so it is of one link only",
		"a:b@c":              "destination is denied: it is neither an IP address nor a DNS name in ASCII",
		"10.1.2.3":           "destination 10.1.2.3 is denied: denied by configuration",
		"::ffff:10.1.2.3":    "destination ::ffff:10.1.2.3 is denied: denied by configuration",
		"2002:a01:203::":     "destination 2002:a01:203:: is denied: denied by configuration, it leads to 10.1.2.3",
	} {
		if err := g.CheckHost(host); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", host, err, want)
		}
	}
}

// TestAllow: the longest prefix decides, so a wide exception does not open the metadata service.
func TestAllow(t *testing.T) {
	g := New(Settings{
		Allow: []netip.Prefix{
			netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("169.254.0.0/16"),
			netip.MustParsePrefix("::ffff:224.0.0.0/100"), netip.MustParsePrefix("fe80::/10"), {},
		},
		Deny: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32"), netip.MustParsePrefix("169.254.0.0/16")},
	})
	for host, allowed := range map[string]bool{
		"127.0.0.1": true, "localhost": true, "::ffff:127.0.0.1": true, "64:ff9b::127.0.0.1": true, "127.0.0.2": false, "127.1": false,
		"169.254.1.1": true, "169.254.169.254": false, "fe80::1": true, "fe80::1%eth0": true, "::1": false, "224.0.0.1": true, "0.0.0.0": false,
	} {
		if err := g.CheckHost(host); (err == nil) != allowed {
			t.Errorf("%s: got %v, want allowed %v", host, err, allowed)
		}
	}
}

func TestCheckAddr(t *testing.T) {
	g := New(Settings{})
	if err := g.CheckAddr(netip.Addr{}); err == nil {
		t.Error("the zero address passes")
	}
	for _, c := range []struct {
		network, address string
		passes           bool
	}{
		{"tcp4", "10.0.0.1:6060", true}, {"tcp6", "[fd12::1]:6060", true}, {"tcp4", "127.0.0.1:80", false}, {"tcp6", "[fe80::1%eth0]:80", false},
		{"tcp6", "[::ffff:127.0.0.1]:80", false}, {"tcp", "shop:80", false}, {"tcp", "", false}, {"unix", "/run/docker.sock", false}, {"udp4", "10.0.0.1:53", false},
	} {
		if err := g.Control(c.network, c.address, nil); (err == nil) != c.passes {
			t.Errorf("%s %s: got %v, want passes %v", c.network, c.address, err, c.passes)
		}
	}
}
