// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/heapgate/heapgate/internal/bytesize"
	"github.com/heapgate/heapgate/internal/heap"
)

// heapDocument is the JSON of `inspect heap`. MemStats has the names that Go prints.
type heapDocument struct {
	MemStats heap.MemStats `json:"memstats"`
	Sites    []heapSite    `json:"sites"`
}

type heapSite struct {
	Function     string     `json:"function"`
	File         string     `json:"file"`
	Line         int        `json:"line"`
	Class        heap.Class `json:"class"`
	AllocBytes   int64      `json:"alloc_bytes"`
	AllocObjects int64      `json:"alloc_objects"`
	InuseBytes   int64      `json:"inuse_bytes"`
	InuseObjects int64      `json:"inuse_objects"`
	Samples      int64      `json:"samples"`
	StdErrBytes  float64    `json:"stderr_bytes"`
}

func newHeapDocument(s heap.Snapshot) heapDocument {
	d := heapDocument{MemStats: s.MemStats, Sites: make([]heapSite, len(s.Sites))}
	for i, site := range s.Sites {
		d.Sites[i] = heapSite(site)
	}
	return d
}

// writeHeapTable shows the top sites by allocated bytes, 0 for all.
func writeHeapTable(out io.Writer, s heap.Snapshot, top int) error {
	if top == 0 || top > len(s.Sites) {
		top = len(s.Sites)
	}
	m := s.MemStats
	_, _ = fmt.Fprintf(out, "heap %s, next GC at %s, %d GCs (%d forced), one sample every %s\n\n",
		bytesize.Human(float64(m.HeapAlloc)), bytesize.Human(float64(m.NextGC)), m.NumGC, m.NumForcedGC, bytesize.Human(float64(s.Rate)))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "ALLOCATED\t+-\tOBJECTS\tIN USE\tOBJECTS\tSAMPLES\tCLASS\t  SITE")
	for _, site := range s.Sites[:top] {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%s\t  %s %s:%d\n", bytesize.Human(float64(site.AllocBytes)), bytesize.Human(float64(site.StdErrBytes)), site.AllocObjects,
			bytesize.Human(float64(site.InuseBytes)), site.InuseObjects, site.Samples, site.Class, site.Function, site.File, site.Line)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d of %d sites; allocated %s, in use %s, of it for the profile itself %s and %s\n", top, len(s.Sites),
		bytesize.Human(float64(s.Total.AllocBytes)), bytesize.Human(float64(s.Total.InuseBytes)), bytesize.Human(float64(s.Observer.AllocBytes)), bytesize.Human(float64(s.Observer.InuseBytes)))
	return err
}
