// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// siteReaders read the map sites of the heap profile.
var siteReaders = map[string]reader{
	"heapgate.site.allocated":   siteNumber(func(s *signal.Site) *signal.Number { return &s.Allocated }),
	"heapgate.site.allocations": siteNumber(func(s *signal.Site) *signal.Number { return &s.Objects }),
	"heapgate.site.inuse": func(d *decoder, m pmetric.Metric) {
		d.blind = d.blind || unclassified(m)
		d.site(m, func(s *signal.Site) *signal.Number { return &s.Inuse })
	},
	"heapgate.site.largest": siteNumber(func(s *signal.Site) *signal.Number { return &s.Largest }),
	"heapgate.site.samples": siteNumber(func(s *signal.Site) *signal.Number { return &s.Samples }),
	"heapgate.site.stderr":  siteNumber(func(s *signal.Site) *signal.Number { return &s.StdErr }),
}

// familyReaders read the sites that allocate in an avoidable way.
var familyReaders = map[string]reader{
	"heapgate.family.allocated":   familyNumber(func(f *signal.Family) *signal.Number { return &f.Allocated }),
	"heapgate.family.allocations": familyNumber(func(f *signal.Family) *signal.Number { return &f.Objects }),
}

func siteNumber(field func(*signal.Site) *signal.Number) reader {
	return func(d *decoder, m pmetric.Metric) { d.site(m, field) }
}

func (d *decoder) site(m pmetric.Metric, field func(*signal.Site) *signal.Number) {
	d.heap.Profile = true
	next := 0
	for _, p := range d.ofHeap.points(m).All() {
		key, ok := d.key(p.Attributes(), "heapgate.class")
		if !ok || !signal.Watched(&key) {
			continue
		}
		*field(d.sites.find(key, &next, func(s *signal.Site) *signal.SiteKey { return &s.SiteKey })) = value(p)
	}
}

func familyNumber(field func(*signal.Family) *signal.Number) reader {
	return func(d *decoder, m pmetric.Metric) {
		d.ofHeap.there = true
		next := 0
		for _, p := range d.ofFamilies.points(m).All() {
			if key, ok := d.key(p.Attributes(), "heapgate.family"); ok {
				*field(d.families.find(key, &next, func(f *signal.Family) *signal.SiteKey { return &f.SiteKey })) = value(p)
			}
		}
	}
}

// mostName is the longest name in bytes that is remembered. The receiver cuts names at limits::label_length, 1 KiB unless it
// is told otherwise, but a state that is bounded in bytes cannot keep whatever somebody else sends.
const mostName = 4096

// key names a site by its attributes; class is the attribute that tells what is at the site.
func (d *decoder) key(attributes pcommon.Map, class string) (key signal.SiteKey, ok bool) {
	for name, v := range attributes.All() {
		switch name {
		case class:
			key.Class = v.Str()
		case "code.function.name":
			key.Function = v.Str()
		case "code.file.path":
			key.File = v.Str()
		case "code.line.number":
			key.Line = v.Int()
		}
	}
	if len(key.Function) > mostName || len(key.File) > mostName || len(key.Class) > mostName {
		d.overlong++
		return key, false
	}
	return key, true
}

// table joins the metrics of sites by their keys.
type table[S any] struct {
	list  []S
	index map[signal.SiteKey]int
}

// find returns the site of the key. The receiver writes the sites in the same order in each metric, so that the next one
// is nearly always right.
func (t *table[S]) find(key signal.SiteKey, next *int, keyOf func(*S) *signal.SiteKey) *S {
	at := *next
	if at >= len(t.list) || *keyOf(&t.list[at]) != key {
		found, ok := t.index[key]
		if !ok {
			found = len(t.list)
			var site S
			*keyOf(&site) = key
			t.list = append(t.list, site)
			if t.index == nil {
				t.index = map[signal.SiteKey]int{}
			}
			t.index[key] = found
		}
		at = found
	}
	*next = at + 1
	return &t.list[at]
}

// unclassified tells that memory in use has no class: its stacks have frames without a name, and any of it may be a map's.
func unclassified(m pmetric.Metric) bool {
	var ignored part // site tells of it too
	for _, p := range ignored.points(m).All() {
		if text(p, "heapgate.class") == "unknown" && value(p).Value > 0 {
			return true
		}
	}
	return false
}
