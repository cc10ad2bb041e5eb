// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"github.com/heapgate/heapgate/internal/gofunc"
)

// maxNames is how many bytes of names are kept from one text to the next.
const maxNames = 1 << 20

// names makes each name of the texts once.
type names struct {
	passOver func(name string) bool
	mark     func(name string) Mark
	known    map[string]name // by what the text says
	bytes    int             // of all in known
	limit    int             // of one name, bytes
	text     uint64          // number of the text
	cut      int             // names of this text that were longer than limit
}

// name is a name as it is shown, and what the rules say of it as it was sent.
type name struct {
	string
	cutIn    uint64 // number of the last text in which it was cut; 0 when it is whole
	skip     bool   // see Frame
	observer bool
	mark     Mark
}

// reset begins a new text.
func (n *names) reset(limit int) {
	if n.known == nil || n.bytes > maxNames || n.limit != limit {
		n.known, n.bytes = map[string]name{}, 0
	}
	n.limit, n.cut = limit, 0
	n.text++
}

// intern makes a shared string that is valid UTF-8 without control characters, and not too long.
func (n *names) intern(b []byte) name {
	known, ok := n.known[string(b)]
	if ok && (known.cutIn == 0 || known.cutIn == n.text) {
		return known
	}
	raw := string(b)
	if !ok {
		var cut bool
		if known.string, cut = Clean(raw, n.limit); cut {
			known.cutIn = n.text
		}
		known.skip, known.observer = n.passOver(raw), IsObserver(b)
		if n.mark != nil {
			known.mark = n.mark(raw)
		}
		n.bytes += len(raw) + len(known.string)
	}
	if known.cutIn > 0 {
		known.cutIn = n.text
		n.cut++
	}
	n.known[raw] = known
	return known
}

// Clean makes a name that a target sent fit to be shown and exported: a foreign process chooses it. It is valid UTF-8
// without control characters, and of what is longer than limit bytes the head and "...".
func Clean(name string, limit int) (s string, cut bool) {
	return gofunc.Clean(name, limit), len(name) > limit
}
