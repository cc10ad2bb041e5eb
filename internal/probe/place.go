// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"io"
	"net/url"
	"regexp"
	"slices"
	"sync"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/profile"
)

// place says where in the memory of a process the file of its build lies, so that addresses of two processes can be
// compared although the kernel puts a position-independent program elsewhere each time.
type place []profile.Mapping

// file gives the offset in the file that an address in memory shows. A nil place is one whose addresses are the same in
// every process.
func (p place) file(address uint64) (uint64, bool) {
	if p == nil {
		return address, true
	}
	for _, m := range p {
		if address >= m.Start && address < m.Limit {
			return address - m.Start + m.Offset, true
		}
	}
	return 0, false
}

// memory is the way back.
func (p place) memory(offset uint64) (uint64, bool) {
	if p == nil {
		return offset, true
	}
	for _, m := range p {
		if offset >= m.Offset && offset-m.Offset < m.Limit-m.Start {
			return offset - m.Offset + m.Start, true
		}
	}
	return 0, false
}

func (p place) buildID() string {
	if len(p) == 0 {
		return ""
	}
	return p[0].BuildID
}

// gnuBuildID is a note of 4 to 64 bytes; Go's linker writes 20.
var gnuBuildID = regexp.MustCompile(`^[0-9a-f]{8,128}$`)

// placeOf finds the mappings of the build that an address belongs to; nil where that has no build id.
func placeOf(mappings []profile.Mapping, address uint64) place {
	i := slices.IndexFunc(mappings, func(m profile.Mapping) bool { return address >= m.Start && address < m.Limit })
	if i < 0 || !gnuBuildID.MatchString(mappings[i].BuildID) {
		return nil
	}
	id := mappings[i].BuildID
	return slices.DeleteFunc(slices.Clone(mappings), func(m profile.Mapping) bool { return m.BuildID != id || m.Limit <= m.Start })
}

// The mutex profile is the smallest page that has the mappings: 200 bytes, unless the program fills it.
const (
	maxPlaceWire     = 1 << 20
	maxPlaceBytes    = 8 << 20
	maxPlaceMappings = 1024
)

var decoders = sync.Pool{New: func() any {
	return profile.NewDecoder(profile.Limits{WireBytes: maxPlaceWire, Bytes: maxPlaceBytes, Mappings: maxPlaceMappings})
}}

// identify finds the names that other processes of the same build gave. Without a cache, without anybody to share with,
// or with nothing to ask it does nothing; what fails here only makes the process be asked for its own names.
func (p *Prober) identify(ctx context.Context, base *url.URL, text *heap.Text, m *Memory) (cost Cost) {
	if p.settings.Cache == nil || m.Trust == "" || m.view.live() {
		return cost
	}
	m.view = nil
	ask := text.Unknown(m.knows)
	if len(ask) == 0 {
		return cost
	}
	if !m.asked {
		m.place, cost, _ = get(ctx, p, base, Mutex(), func(body io.Reader) (place, error) {
			decoder := decoders.Get().(*profile.Decoder)
			defer decoders.Put(decoder)
			mutex, err := decoder.Decode(body)
			if err != nil {
				return nil, err
			}
			return placeOf(mutex.Mappings, ask[0]), nil
		})
		if ctx.Err() != nil {
			return cost
		}
		m.asked = true
	}
	m.view = p.settings.Cache.join(m.Trust, m.place, text)
	if m.view != nil {
		m.view.found(len(ask) - len(text.Unknown(m.knows)))
	}
	return cost
}
