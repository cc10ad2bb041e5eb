// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

func (d *decoder) site(m pmetric.Metric, field func(*signal.Site) *signal.Number) {
	d.isHeap, d.heap.Profile = true, true
	next := 0
	for _, p := range points(m, &d.heapBroken).All() {
		if s := d.sites.find(p.Attributes(), &next); s != nil {
			*field(s) = value(p)
		}
	}
}

// siteDecoder joins the metrics of the map sites by their attributes.
type siteDecoder struct {
	list  []signal.Site
	index map[signal.SiteKey]int
}

// find returns the site that the attributes name, nil if it is not to be watched. The receiver writes the sites in the same
// order in each metric, so that the next one is nearly always right.
func (d *siteDecoder) find(attributes pcommon.Map, next *int) *signal.Site {
	var key signal.SiteKey
	for name, v := range attributes.All() {
		switch name {
		case "heapgate.class":
			key.Class = v.Str()
		case "code.function.name":
			key.Function = v.Str()
		case "code.file.path":
			key.File = v.Str()
		case "code.line.number":
			key.Line = v.Int()
		}
	}
	if !signal.Watched(&key) {
		return nil
	}
	at := *next
	if at >= len(d.list) || d.list[at].SiteKey != key {
		found, ok := d.index[key]
		if !ok {
			found = len(d.list)
			d.list = append(d.list, signal.Site{SiteKey: key})
			if d.index == nil {
				d.index = map[signal.SiteKey]int{}
			}
			d.index[key] = found
		}
		at = found
	}
	*next = at + 1
	return &d.list[at]
}

// unclassified tells that memory in use has no class: its stacks have frames without a name, and any of it may be a map's.
func unclassified(m pmetric.Metric) bool {
	var ignored signal.Reason // site tells of it too
	for _, p := range points(m, &ignored).All() {
		if class, ok := p.Attributes().Get("heapgate.class"); ok && class.Str() == "unknown" && value(p).Value > 0 {
			return true
		}
	}
	return false
}
