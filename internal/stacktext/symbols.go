// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"bytes"
	"io"
)

// ParseSymbols reads an answer of /debug/pprof/symbol: `0xADDRESS NAME` a line, `num_symbols: N` before them. Addresses
// are as they were asked. Limits.Bytes, LineBytes, Addresses and NameBytes apply.
func ParseSymbols(r io.Reader, l Limits, truncated error) (map[uint64]string, error) {
	l = l.WithDefaults()
	lines := NewLines(r, l, truncated)
	names := map[uint64]string{}
	shared := map[string]string{}
	for {
		line, ok := lines.Next()
		if !ok {
			if err := lines.Fail(); err != nil {
				return nil, err
			}
			return names, nil
		}
		if len(line) == 0 || bytes.HasPrefix(line, []byte("num_symbols: ")) || bytes.HasPrefix(line, []byte("reading request: ")) {
			continue
		}
		address, name, ok := Hexadecimal(line)
		if !ok || len(name) < 2 || name[0] != ' ' {
			return nil, &SyntaxError{Line: lines.line, Msg: "got " + Excerpt(line) + ", want `0xADDRESS NAME`"}
		}
		if len(names) == l.Addresses {
			return nil, &LimitError{What: "addresses", Limit: int64(l.Addresses), Line: lines.line}
		}
		s, ok := shared[string(name[1:])]
		if !ok {
			s, _ = Clean(string(name[1:]), l.NameBytes)
			shared[string(name[1:])] = s
		}
		names[address] = s
	}
}
