// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// Guard decides where a client may go. It is safe for concurrent use.
type Guard struct {
	rules []rule
}

type rule struct {
	prefix netip.Prefix
	reason string // empty: allowed
}

// Settings are the exceptions. Where an allowed and a denied prefix are equal, allowed wins.
type Settings struct {
	Allow []netip.Prefix
	Deny  []netip.Prefix
}

// New makes a Guard of the default prefixes and the exceptions.
func New(s Settings) *Guard {
	g := &Guard{}
	for _, p := range s.Allow {
		g.add(p, "")
	}
	for _, p := range s.Deny {
		g.add(p, Listed)
	}
	for _, d := range denied {
		g.add(netip.MustParsePrefix(d.prefix), d.reason)
	}
	return g
}

// add appends a rule: of equal prefixes the first one decides. A mapped prefix means the IPv4 one.
func (g *Guard) add(p netip.Prefix, reason string) {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p.IsValid() {
		g.rules = append(g.rules, rule{p.Masked(), reason})
	}
}

// DeniedError says what is not visited, and why. Addr is an address or a host name; it is empty where the host was
// neither, for then it may be anything, a password too.
type DeniedError struct {
	Addr, Reason string
}

func (e *DeniedError) Error() string {
	if e.Addr == "" {
		return "destination is denied: " + e.Reason
	}
	return fmt.Sprintf("destination %s is denied: %s", e.Addr, e.Reason)
}

// CheckAddr gives a *DeniedError where the address, or one it leads to, is not to be visited.
func (g *Guard) CheckAddr(addr netip.Addr) error {
	if !addr.IsValid() {
		return &DeniedError{Reason: "it is no IP address"}
	}
	plain := addr.Unmap().WithZone("")
	reason, found := g.verdict(plain)
	if reason != "" {
		return &DeniedError{addr.String(), reason}
	}
	if found { // allowed by name
		return nil
	}
	if addr.Zone() != "" {
		return &DeniedError{addr.String(), "it has a zone, so it is of one link only"}
	}
	if !plain.Is6() {
		return nil
	}
	for _, v4 := range inside(plain) {
		if reason, _ := g.verdict(v4); reason != "" {
			return &DeniedError{addr.String(), reason + ", it leads to " + v4.String()}
		}
	}
	return nil
}

// verdict finds the longest prefix of an address. A reason means denied; found without one means allowed by a prefix.
func (g *Guard) verdict(addr netip.Addr) (reason string, found bool) {
	longest := -1
	for _, r := range g.rules {
		if r.prefix.Bits() > longest && r.prefix.Contains(addr) {
			longest, reason, found = r.prefix.Bits(), r.reason, true
		}
	}
	return reason, found
}

// Control is for net.Dialer.Control: it looks at the address that is about to be connected to.
func (g *Guard) Control(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return &DeniedError{Reason: fmt.Sprintf("network %.20q is not TCP", network)}
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &DeniedError{Reason: "what is dialled is no IP address with a port"}
	}
	return g.CheckAddr(to.Addr())
}

// DialContext gives a dial function of which CheckHost sees the host as it is written, and Control each address that it
// resolves to. It is for http.Transport.DialContext; a Control of d's own is replaced.
func (g *Guard) DialContext(d net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	d.Control, d.ControlContext = g.Control, nil
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, &DeniedError{Reason: "what is dialled is no host with a port"}
		}
		if err := g.CheckHost(host); err != nil {
			return nil, err
		}
		return d.DialContext(ctx, network, address)
	}
}
