// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package netguard keeps a client that visits what others name from visiting what only the client itself can reach: its
// own loopback, the metadata service of the cloud it runs in, its links. And it keeps a credential with the one origin it
// was given for.
//
// A destination is looked at twice:
//
//  1. CheckHost looks at a host as it is written, before anything is resolved. It knows a canonical IP address and a plain
//     DNS name; every other spelling (decimal, octal, hex, short, escaped, not ASCII) is refused, whatever it may mean to
//     some resolver.
//  2. Control looks at the address that is about to be connected to, after DNS. A name that resolves to a denied address,
//     or to one only the second time it is asked, does not get past it. It must be in the dialer of the client, and the
//     client must use no proxy: behind one, the proxy is what is dialled.
//
// The longest prefix that contains an address decides, so that allowing a wide prefix does not allow the metadata service
// inside it. What carries an IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo, ISATAP) is also judged by that.
package netguard
