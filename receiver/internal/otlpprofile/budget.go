// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import "sync/atomic"

// Budget bounds the memory that many Deltas keep together. A nil Budget has no end.
type Budget struct {
	max  int64
	used atomic.Int64
}

// NewBudget gives a budget of that many bytes.
func NewBudget(bytes int64) *Budget {
	return &Budget{max: bytes}
}

// Used is how many bytes are taken.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) take(n int) bool {
	if b == nil {
		return true
	}
	if b.used.Add(int64(n)) > b.max {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

func (b *Budget) give(n int) {
	if b != nil {
		b.used.Add(-int64(n))
	}
}
