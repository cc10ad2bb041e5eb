// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "github.com/heapgate/heapgate/internal/stacktext"

// Text is what one text said, before the hidden frames have names.
type Text struct {
	Rate     int64 // MemProfileRate of the process, bytes; 0 when it takes no samples
	MemStats MemStats
	Total    Totals // of the whole profile
	Observer Totals // of what served the profile; part of Total, in no site
	Bytes    int64  // length of the text

	table  stacktext.Table
	groups []group // of the table's chains
	owned  []owned // of groups whose site is a library's

	unowned int // records whose owner was one too many
}

// Unknown gives, sorted and once each, the addresses whose names Snapshot will need and which known does not have. They
// are what /debug/pprof/symbol is to be asked. A nil known has none.
func (t *Text) Unknown(known func(address uint64) bool) []uint64 { return t.table.Unknown(known) }

// Functions gives the names the text itself has for up to limit addresses.
func (t *Text) Functions(limit int) map[uint64]string { return t.table.Functions(limit) }

// Contradicts reports whether the text shows another function at one of these addresses: then they come from another
// program.
func (t *Text) Contradicts(names map[uint64]string) bool { return t.table.Contradicts(names) }
