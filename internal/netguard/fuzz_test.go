// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// readings are the addresses that anybody could take a host for: as it is, without brackets, zone and dots behind,
// unescaped, and as inet_aton with any base for any part, wrapped around at 32 bits.
func readings(host string) (all []netip.Addr) {
	spellings := []string{host}
	if s, err := url.PathUnescape(host); err == nil {
		spellings = append(spellings, s)
	}
	for _, s := range spellings {
		s = strings.TrimRight(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), ".")
		if addr, err := netip.ParseAddr(s); err == nil {
			all = append(all, addr.WithZone("").Unmap())
		}
		if addr, ok := liberal(s); ok {
			all = append(all, addr)
		}
	}
	return all
}

// liberal reads as inet_aton does, by another way than aton, and lets the last part overflow.
func liberal(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	sum := new(big.Int)
	for i, part := range parts {
		n, ok := new(big.Int).SetString(part, 0) // base by prefix, and more of them than anybody's resolver has
		if !ok || n.Sign() < 0 || strings.ContainsAny(part, "_oO") || strings.HasPrefix(strings.ToLower(part), "0b") {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			n.Lsh(n, uint(8*(3-i)))
		}
		sum.Add(sum, n)
	}
	v := uint32(new(big.Int).And(sum, big.NewInt(0xffffffff)).Uint64())
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

// FuzzHost: what somebody's resolver reads as a denied address is denied, and so is all that is not ASCII, because
// http.Transport maps it by IDNA first; what is denied says so in its type, and shows nothing of a host that is none.
func FuzzHost(f *testing.F) {
	for _, host := range refusedHosts {
		f.Add(host)
	}
	for _, host := range passedHosts {
		f.Add(host)
	}
	g := New(Settings{})
	f.Fuzz(func(t *testing.T, host string) {
		err := g.CheckHost(host)
		var denied *DeniedError
		if err != nil && (!errors.As(err, &denied) || denied.Reason == "") {
			t.Fatalf("%q: %v is no *DeniedError", host, err)
		}
		if err != nil && denied.Addr != "" && !isName(strings.TrimSuffix(denied.Addr, ".")) {
			if _, err := netip.ParseAddr(denied.Addr); err != nil {
				t.Fatalf("%q is shown as %q", host, denied.Addr)
			}
		}
		if err == nil && strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
			t.Fatalf("%q is not ASCII and passes", host)
		}
		for _, addr := range readings(host) {
			if g.CheckAddr(addr) != nil && err == nil {
				t.Fatalf("%q passes, and may be read as %s", host, addr)
			}
		}
		if addr, bad := netip.ParseAddr(host); bad == nil && (g.CheckAddr(addr) == nil) != (err == nil) {
			t.Fatalf("%q: CheckAddr and CheckHost differ: %v", host, err)
		}
	})
}
