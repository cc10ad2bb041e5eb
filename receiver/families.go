// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// familySites are the lines of a text that allocate in an avoidable way, as sites whose class is the family: so they are
// named, folded into "other" and kept from falling as sites are.
func familySites(families []heap.FamilySite) []heap.Site {
	sites := make([]heap.Site, len(families))
	for i := range families {
		f := &families[i]
		sites[i] = heap.Site{
			Function: f.Function, File: f.File, Line: f.Line, Class: heap.Class(f.Family),
			AllocBytes: f.AllocBytes, AllocObjects: f.AllocObjects, Samples: f.Samples,
		}
	}
	return sites
}

// familiesOf are the lines to emit of a heap text. Where the names of frames can be had, a text without them is left out: its
// lines would go and come again.
func (p *process) familiesOf(h *heap.Snapshot, named bool) []emittedSite {
	p.named = p.named || named
	if p.named && !named {
		return nil
	}
	emit, _ := p.families.add(familySites(h.Families))
	return emit
}

// families writes the lines that allocate in an avoidable way.
func (e *emitter) families(v *visit, at pcommon.Timestamp) {
	for i := range v.families {
		s := &v.families[i]
		place := where(gofunc.Place{Function: s.Function, File: s.File, Line: s.Line})
		e.build.RecordHeapgateFamilyAllocatedDataPoint(at, s.AllocBytes, s.Function, string(s.Class), place...)
		e.build.RecordHeapgateFamilyAllocationsDataPoint(at, s.AllocObjects, s.Function, string(s.Class), place...)
	}
}

// runtime writes what the frames of a text tell of the Go runtime; a protobuf profile has none.
func (e *emitter) runtime(r heap.Runtime, at pcommon.Timestamp) {
	if maps, ok := metadata.MapAttributeHeapgateRuntimeMaps[string(r.Maps)]; ok {
		e.build.RecordHeapgateRuntimeInfoDataPoint(at, 1, maps, r.Version)
	}
}
