// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
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
	LargestBytes int64      `json:"largest_bytes,omitempty"` // largest sampled block, of maps only
}

func newHeapDocument(s heap.Snapshot) heapDocument {
	d := heapDocument{MemStats: s.MemStats, Sites: make([]heapSite, len(s.Sites))}
	for i, site := range s.Sites {
		d.Sites[i] = heapSite(site)
	}
	return d
}

// heapSheet shows the top sites by allocated bytes, 0 for all.
func heapSheet(s heap.Snapshot, top int) sheet {
	if top == 0 || top > len(s.Sites) {
		top = len(s.Sites)
	}
	m := s.MemStats
	out := sheet{
		head: fmt.Sprintf("heap %s, next GC at %s, %d GCs (%d forced), one sample every %s",
			human(m.HeapAlloc), human(m.NextGC), m.NumGC, m.NumForcedGC, human(s.Rate)),
		columns: []string{"ALLOCATED", "+-", "OBJECTS", "IN USE", "OBJECTS", "SAMPLES", "CLASS"},
		foot: fmt.Sprintf("%d of %d sites; allocated %s, in use %s, of it for the profile itself %s and %s", top, len(s.Sites),
			human(s.Total.AllocBytes), human(s.Total.InuseBytes), human(s.Observer.AllocBytes), human(s.Observer.InuseBytes)),
	}
	for _, site := range s.Sites[:top] {
		out.rows = append(out.rows, sheetRow{
			[]string{human(site.AllocBytes), human(site.StdErrBytes), number(site.AllocObjects), human(site.InuseBytes), number(site.InuseObjects), number(site.Samples), string(site.Class)},
			fmt.Sprintf("%s %s:%d", site.Function, site.File, site.Line),
		})
	}
	return out
}

func human[N int64 | uint64 | float64](bytes N) string { return bytesize.Human(float64(bytes)) }

func number(n int64) string { return strconv.FormatInt(n, 10) }

// sheet is a table for people: numbers to the right, the site behind them.
type sheet struct {
	head    string
	columns []string // but for the site
	rows    []sheetRow
	notes   []string // sentences below
	foot    string
}

type sheetRow struct {
	cells []string
	site  string
}

func (s sheet) write(out io.Writer, format string) error {
	if format == "markdown" {
		return s.markdown(out)
	}
	_, _ = fmt.Fprintf(out, "%s\n\n", s.head)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, strings.Join(s.columns, "\t")+"\t  SITE")
	for _, row := range s.rows {
		_, _ = fmt.Fprintln(w, strings.Join(row.cells, "\t")+"\t  "+row.site)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i, note := range s.notes {
		if i == 0 {
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintf(out, "- %s\n", note)
	}
	_, err := fmt.Fprintf(out, "\n%s\n", s.foot)
	return err
}

func (s sheet) markdown(out io.Writer) error {
	_, _ = fmt.Fprintf(out, "%s\n\n| %s | site |\n|%s --- |\n", escaped(s.head), strings.ToLower(strings.Join(s.columns, " | ")), strings.Repeat(" ---: |", len(s.columns)))
	for _, row := range s.rows {
		_, _ = fmt.Fprintln(out, cells(append(row.cells, row.site)...))
	}
	for i, note := range s.notes {
		if i == 0 {
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintf(out, "- %s\n", escaped(note))
	}
	_, err := fmt.Fprintf(out, "\n%s\n", escaped(s.foot))
	return err
}
