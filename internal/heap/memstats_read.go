// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const memStatsHead = "# runtime.MemStats"

// required are the fields without which a text says nothing about GC.
var required = []string{"TotalAlloc", "NextGC", "PauseNs", "PauseEnd", "NumGC"}

// memStatsReader fills a MemStats from the lines `# Name = value`, `# Name = inuse / sys`, `# Name = [n n ...]`.
type memStatsReader struct {
	stats  MemStats
	fields map[string]any // *uint64, *uint32, *float64, [2]*uint64, *[256]uint64
	seen   map[string]bool
	ended  bool // the last field of every Go version was there: nothing of the rest is missing
}

func newMemStatsReader() *memStatsReader {
	r := &memStatsReader{seen: map[string]bool{}}
	s := &r.stats
	r.fields = map[string]any{
		"Alloc": &s.Alloc, "TotalAlloc": &s.TotalAlloc, "Sys": &s.Sys, "Lookups": &s.Lookups, "Mallocs": &s.Mallocs, "Frees": &s.Frees,
		"HeapAlloc": &s.HeapAlloc, "HeapSys": &s.HeapSys, "HeapIdle": &s.HeapIdle, "HeapInuse": &s.HeapInuse,
		"HeapReleased": &s.HeapReleased, "HeapObjects": &s.HeapObjects,
		"Stack": [2]*uint64{&s.StackInuse, &s.StackSys}, "MSpan": [2]*uint64{&s.MSpanInuse, &s.MSpanSys},
		"MCache": [2]*uint64{&s.MCacheInuse, &s.MCacheSys}, "BuckHashSys": &s.BuckHashSys, "GCSys": &s.GCSys, "OtherSys": &s.OtherSys,
		"NextGC": &s.NextGC, "LastGC": &s.LastGC, "PauseNs": &s.PauseNs, "PauseEnd": &s.PauseEnd,
		"NumGC": &s.NumGC, "NumForcedGC": &s.NumForcedGC, "GCCPUFraction": &s.GCCPUFraction, "MaxRSS": &s.MaxRSS,
	}
	return r
}

// line reads one line of the tail. Names it does not know are those of another Go version, and are passed over.
func (r *memStatsReader) line(line []byte) error {
	name, value, found := bytes.Cut(bytes.TrimPrefix(line, []byte("# ")), []byte(" = "))
	if !found {
		return nil
	}
	if string(name) == "DebugGC" || string(name) == "MaxRSS" {
		r.ended = true
	}
	field, ok := r.fields[string(name)]
	if !ok {
		return nil
	}
	if err := setField(field, string(value)); err != nil {
		return fmt.Errorf("MemStats field %s: got %s, want %w", name, excerpt(value), err)
	}
	r.seen[string(name)] = true
	return nil
}

// setField parses value into field; its error says what would be right.
func setField(field any, value string) error {
	switch f := field.(type) {
	case *uint64:
		return setUint(f, value)
	case *uint32:
		var n uint64
		if err := setUint(&n, value); err != nil || n > math.MaxUint32 {
			return fmt.Errorf("a number from 0 to %d", uint32(math.MaxUint32))
		}
		*f = uint32(n)
	case *float64:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
			return fmt.Errorf("a finite number from 0 on")
		}
		*f = n
	case [2]*uint64:
		inuse, sys, _ := strings.Cut(value, " / ")
		if setUint(f[0], inuse) != nil || setUint(f[1], sys) != nil {
			return fmt.Errorf("two numbers `inuse / sys`")
		}
	case *[256]uint64:
		return setRing(f, value)
	}
	return nil
}

func setUint(field *uint64, value string) error {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return fmt.Errorf("a number from 0 to %d", uint64(math.MaxUint64))
	}
	*field = n
	return nil
}

func setRing(ring *[256]uint64, value string) error {
	inner, opened := strings.CutPrefix(value, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	numbers := strings.Fields(inner)
	if !opened || !closed || len(numbers) != len(ring) {
		return fmt.Errorf("%d numbers in brackets, not %d", len(ring), len(numbers))
	}
	for i, number := range numbers {
		if err := setUint(&ring[i], number); err != nil {
			return err
		}
	}
	return nil
}

// end checks that nothing is missing. A text that broke off between two lines is told from one of a Go version that
// prints other fields by its last lines.
func (r *memStatsReader) end() error {
	var missing []string
	for _, name := range required {
		if !r.seen[name] {
			missing = append(missing, name)
		}
	}
	switch {
	case !r.ended:
		return fmt.Errorf("%w: its MemStats end before DebugGC", ErrTruncated)
	case missing != nil:
		return fmt.Errorf("MemStats lack %s", strings.Join(missing, ", "))
	}
	return nil
}
