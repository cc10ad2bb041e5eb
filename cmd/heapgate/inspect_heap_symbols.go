// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// askedRaw gives 1 where the symbols were asked with the addresses behind the '@', return addresses, instead of those
// minus one: where that explains more of the file. Single addresses fit both, because inlined frames stand side by side.
func (c *inspectHeap) askedRaw(names map[uint64]string, ask []uint64) uint64 {
	right, raw := 0, 0
	for _, address := range ask {
		if _, ok := names[address]; ok {
			right++
		}
		if _, ok := names[address+1]; ok {
			raw++
		}
	}
	if right >= raw {
		return 0
	}
	c.warn("the symbols are of return addresses: some may name the neighbour of an inlined call, and classes may be wrong; ask for the addresses minus one")
	return 1
}

// tellHowToAsk prints the requests that would name what is missing; GET, because Go's own mux refuses POST since 1.22.
func (c *inspectHeap) tellHowToAsk(missing []uint64) {
	const perRequest = 300 // keeps the URL below 8 kB
	_, _ = fmt.Fprintf(c.err, "%d runtime frames have no name. Ask the process that wrote the text, and give the answer with --symbols symbols.txt:\n", len(missing))
	to := ">"
	for len(missing) > 0 {
		n := min(perRequest, len(missing))
		words := make([]string, n)
		for i, address := range missing[:n] {
			words[i] = "0x" + strconv.FormatUint(address, 16)
		}
		_, _ = fmt.Fprintf(c.err, "  curl -s 'http://HOST:PORT/debug/pprof/symbol?%s' %s symbols.txt\n", strings.Join(words, "+"), to)
		missing, to = missing[n:], ">>"
	}
}
