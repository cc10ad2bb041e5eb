// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// sortChanges puts what allocated most first.
func sortChanges(sites []siteChange) {
	slices.SortStableFunc(sites, func(a, b siteChange) int {
		return cmp.Or(cmp.Compare(b.AllocBytes, a.AllocBytes), cmp.Compare(b.InuseChange, a.InuseChange), cmp.Compare(b.InuseBytes, a.InuseBytes))
	})
}

// sheet shows the sites that changed, and of the top ones what is to be said of them.
func (c heapChange) sheet(top int) sheet {
	changed := slices.DeleteFunc(slices.Clone(c.Sites), func(s siteChange) bool {
		return s.AllocBytes == 0 && s.InuseChange == 0 && s.Samples == 0 && (s.Verdict == "" || s.Verdict == "settled" || s.Verdict == "unknown")
	})
	if top == 0 || top > len(changed) {
		top = len(changed)
	}
	out := sheet{
		head: fmt.Sprintf("heap %s -> %s, %d GCs in %s, %d texts, one sample every %s", human(c.Before.HeapAlloc), human(c.After.HeapAlloc), c.GCs,
			time.Duration(c.Seconds*1e9).Round(100*time.Millisecond), c.Texts, human(c.After.Rate)),
		columns: []string{"ALLOCATED", "95 %", "OBJECTS", "IN USE", "NOW", "CLASS", "VERDICT"},
		foot:    fmt.Sprintf("%d of %d sites that changed, %d in all", top, len(changed), len(c.Sites)),
	}
	for _, s := range changed[:top] {
		out.rows = append(out.rows, sheetRow{
			[]string{human(s.AllocBytes), interval(s.LowerBytes, s.UpperBytes), number(s.AllocObjects), signed(s.InuseChange), human(s.InuseBytes), s.class(), s.verdict()},
			fmt.Sprintf("%s %s:%d", s.Function, s.File, s.Line),
		})
		if s.Text != "" && s.Verdict != "settled" && s.Reason != "few_windows" {
			out.notes = append(out.notes, s.Text)
		}
	}
	return out
}

// interval is empty where the estimate is exact.
func interval(lower, upper float64) string {
	if lower == upper {
		return "exact"
	}
	return human(lower) + "..." + human(upper)
}

func signed(bytes int64) string {
	if bytes > 0 {
		return "+" + human(bytes)
	}
	return human(bytes)
}

func (s *siteChange) class() string {
	if s.Likely {
		return "likely " + string(s.Class)
	}
	return string(s.Class)
}

func (s *siteChange) verdict() string {
	if s.Verdict == "" {
		return "-"
	}
	return s.Verdict + " (" + s.Reason + ")"
}
