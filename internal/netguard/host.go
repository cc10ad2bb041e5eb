// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"net/netip"
	"strconv"
	"strings"
)

// CheckHost looks at a host as a URL or a label has it, without a port. A canonical IP address is judged as CheckAddr
// does; a DNS name passes, because what it resolves to is Control's to judge; anything else gives a *DeniedError.
//
// The grammar is narrow on purpose. inet_aton, browsers, and the C library's resolver that Go may use all read numbers in
// other bases and with fewer dots, and do not agree with each other; no top-level domain is a number.
func (g *Guard) CheckHost(host string) error {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		if addr, err := netip.ParseAddr(inner); closed && err == nil && addr.Is6() {
			return g.CheckAddr(addr)
		}
		return &DeniedError{Reason: "it has brackets, and in them no IPv6 address"}
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.CheckAddr(addr)
	}
	name := strings.TrimSuffix(host, ".")
	if !isName(name) {
		return &DeniedError{Reason: "it is neither an IP address nor a DNS name in ASCII"}
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if isNumber(last) {
		return g.odd(host, name)
	}
	if strings.EqualFold(last, "localhost") || strings.EqualFold(last, "localdomain") {
		return g.local(host)
	}
	return nil
}

// odd refuses a host that ends in a number and is no canonical address; the reason says what it means to inet_aton.
func (g *Guard) odd(host, name string) error {
	const unusual = "it is an unusual spelling of an IP address"
	if addr, ok := aton(name); ok {
		return &DeniedError{host, unusual + ", " + addr.String()}
	}
	return &DeniedError{host, unusual + " or of none"}
}

// local refuses the names that RFC 6761 reserves for the loopback, unless all of that is allowed.
func (g *Guard) local(host string) error {
	for _, addr := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		if g.CheckAddr(addr) == nil {
			return nil // Control sees which one it is
		}
	}
	return &DeniedError{host, Loopback}
}

// isName tells a DNS name: labels of letters, digits, '_' and, inside, '-', at most 63 bytes each and 253 together.
func isName(name string) bool {
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// isNumber tells a label that is a number in some base: digits, or 0x and hex digits, even none.
func isNumber(label string) bool {
	digits, base := label, "0123456789"
	if len(label) >= 2 && label[0] == '0' && label[1]|0x20 == 'x' {
		digits, base = label[2:], "0123456789abcdefABCDEF"
	}
	return strings.Trim(digits, base) == ""
}

// aton reads as inet_aton(3) does: up to four parts, each decimal, octal or hex, the last one filling what is left.
func aton(name string) (netip.Addr, bool) {
	parts := strings.Split(name, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		lower := strings.ToLower(part)
		var n uint64
		var err error
		switch digits, hex := strings.CutPrefix(lower, "0x"); {
		case hex && digits == "":
		case hex:
			n, err = strconv.ParseUint(digits, 16, 32)
		case len(lower) > 1 && lower[0] == '0':
			n, err = strconv.ParseUint(lower[1:], 8, 32)
		default:
			n, err = strconv.ParseUint(lower, 10, 32)
		}
		limit := uint64(255)
		if i == len(parts)-1 {
			limit = 1<<(8*(5-len(parts))) - 1
		}
		if err != nil || n > limit {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			value |= n << (8 * (3 - i))
		} else {
			value |= n
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}
