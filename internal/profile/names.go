// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"github.com/heapgate/heapgate/internal/gofunc"
)

// names shares strings between the profiles that one decoder reads.
type names struct {
	clean map[string]string // by the raw bytes
	held  int               // raw bytes in clean
}

// heldNames is how many raw bytes of names a decoder keeps before it forgets all of them.
const heldNames = 4 << 20

// intern gives the string of raw bytes: valid UTF-8 without control characters, cut at limit bytes.
func (n *names) intern(raw []byte, limit int) string {
	cut := len(raw) > limit
	if cut {
		raw = raw[:limit]
	}
	if s, ok := n.clean[string(raw)]; ok && !cut {
		return s
	}
	s := clean(string(raw))
	if cut {
		return s + "..."
	}
	if n.clean == nil || n.held > heldNames {
		n.clean, n.held = map[string]string{}, 0
	}
	n.clean[string(raw)] = s
	n.held += len(raw) + 48 // what a map entry costs
	return s
}

// clean makes a name that a foreign process chose fit to be shown and exported.
func clean(name string) string { return gofunc.Clean(name, len(name)) }
