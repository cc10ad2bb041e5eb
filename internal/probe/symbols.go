// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/heapgate/heapgate/internal/heap"
)

const (
	maxQuery  = 6 << 10 // bytes of addresses in one URL; servers and proxies take 8 KiB of request line
	maxAnswer = 2 << 20 // bytes of one answer to them
)

// stacks is what was heard of a process and has addresses without a name: a heap text, the goroutines' text.
type stacks interface {
	Unknown(known func(address uint64) bool) []uint64
}

// learn asks for the names that m does not have. Where m would get too many of its own, it forgets those it has.
func (p *Prober) learn(ctx context.Context, base *url.URL, s stacks, m *Memory) (cost Cost, err error) {
	ask, limit := s.Unknown(m.knows), p.settings.MaxSymbols
	if len(ask)+len(m.names) > limit && len(m.names) > 0 {
		m.names = nil
		ask = s.Unknown(m.knows)
	}
	m.view.missed(len(ask))
	var tooMany error
	if len(ask) > limit {
		tooMany = fail(symbols(nil).url(base), 0, &heap.LimitError{What: "runtime frames without a name", Limit: int64(limit)})
		ask = ask[:limit]
	}
	for len(ask) > 0 {
		n, query := addresses(ask)
		names, spent, err := get(ctx, p, base, symbols(query), func(body io.Reader) (map[uint64]string, error) {
			return heap.ParseSymbols(body, heap.Limits{Bytes: maxAnswer})
		})
		cost.add(spent)
		if err != nil {
			return cost, err
		}
		m.learn(ask[:n], names)
		ask = ask[n:]
	}
	return cost, tooMany
}

// symbols is the page that names addresses.
func symbols(query []byte) Page {
	return Page{name: "symbol", query: string(query), limit: func(*Settings) int64 { return maxAnswer }, price: priceText}
}

// addresses writes as many of them as one URL takes.
func addresses(ask []uint64) (n int, query []byte) {
	for ; n < len(ask) && len(query) < maxQuery; n++ {
		if n > 0 {
			query = append(query, '+')
		}
		query = strconv.AppendUint(append(query, "0x"...), ask[n], 16)
	}
	return n, query
}

// isShared reports whether a name of a visible frame tells builds apart: an address is what there is for one without.
func isShared(name string) bool {
	return name != "" && len(name) <= nameBytes && !strings.HasPrefix(name, "0x")
}

// isRuntime reports whether a name is one of a frame that Go hides.
func isRuntime(name string) bool {
	return len(name) <= nameBytes && (strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "internal/runtime/"))
}
