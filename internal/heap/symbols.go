// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"io"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// ParseSymbols reads an answer of /debug/pprof/symbol: `0xADDRESS NAME` a line, `num_symbols: N` before them. Addresses
// are as they were asked. Limits.Bytes, LineBytes, Addresses and NameBytes apply.
func ParseSymbols(r io.Reader, l Limits) (map[uint64]string, error) {
	return stacktext.ParseSymbols(r, l, ErrTruncated)
}
