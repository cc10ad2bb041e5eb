// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heapgate/heapgate/internal/stacktext"
)

const memStatsHead = "# runtime.MemStats"

// required are the fields without which a text says nothing about GC.
var required = [...]string{"TotalAlloc", "NextGC", "PauseNs", "PauseEnd", "NumGC"}

// memStatsReader fills a MemStats from the lines `# Name = value`, `# Name = inuse / sys`, `# Name = [n n ...]`.
type memStatsReader struct {
	stats *MemStats
	seen  [len(required)]bool
	ended bool // the last field of every Go version was there: nothing of the rest is missing
}

// field is where the value of a name belongs: *uint64, *uint32, *float64, [2]*uint64, *[256]uint64; nil for the names of
// another Go version, which are passed over.
func (s *MemStats) field(name []byte) any {
	switch string(name) {
	case "Alloc":
		return &s.Alloc
	case "TotalAlloc":
		return &s.TotalAlloc
	case "Sys":
		return &s.Sys
	case "Lookups":
		return &s.Lookups
	case "Mallocs":
		return &s.Mallocs
	case "Frees":
		return &s.Frees
	case "HeapAlloc":
		return &s.HeapAlloc
	case "HeapSys":
		return &s.HeapSys
	case "HeapIdle":
		return &s.HeapIdle
	case "HeapInuse":
		return &s.HeapInuse
	case "HeapReleased":
		return &s.HeapReleased
	case "HeapObjects":
		return &s.HeapObjects
	case "Stack":
		return [2]*uint64{&s.StackInuse, &s.StackSys}
	case "MSpan":
		return [2]*uint64{&s.MSpanInuse, &s.MSpanSys}
	case "MCache":
		return [2]*uint64{&s.MCacheInuse, &s.MCacheSys}
	case "BuckHashSys":
		return &s.BuckHashSys
	case "GCSys":
		return &s.GCSys
	case "OtherSys":
		return &s.OtherSys
	case "NextGC":
		return &s.NextGC
	case "LastGC":
		return &s.LastGC
	case "PauseNs":
		return &s.PauseNs
	case "PauseEnd":
		return &s.PauseEnd
	case "NumGC":
		return &s.NumGC
	case "NumForcedGC":
		return &s.NumForcedGC
	case "GCCPUFraction":
		return &s.GCCPUFraction
	case "MaxRSS":
		return &s.MaxRSS
	}
	return nil
}

// line reads one line of the tail.
func (r *memStatsReader) line(line []byte) error {
	name, value, found := bytes.Cut(bytes.TrimPrefix(line, []byte("# ")), []byte(" = "))
	if !found {
		return nil
	}
	if string(name) == "DebugGC" || string(name) == "MaxRSS" {
		r.ended = true
	}
	field := r.stats.field(name)
	if field == nil {
		return nil
	}
	if err := setField(field, value); err != nil {
		return fmt.Errorf("MemStats field %s: got %s, want %w", name, stacktext.Excerpt(value), err)
	}
	if i := slices.Index(required[:], string(name)); i >= 0 {
		r.seen[i] = true
	}
	return nil
}

// setField parses value into field; its error says what would be right.
func setField(field any, value []byte) error {
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
		n, err := strconv.ParseFloat(string(value), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
			return fmt.Errorf("a finite number from 0 on")
		}
		*f = n
	case [2]*uint64:
		inuse, sys, _ := bytes.Cut(value, []byte(" / "))
		if setUint(f[0], inuse) != nil || setUint(f[1], sys) != nil {
			return fmt.Errorf("two numbers `inuse / sys`")
		}
	case *[256]uint64:
		return setRing(f, value)
	}
	return nil
}

// setUint takes only decimal digits.
func setUint(field *uint64, value []byte) error {
	wrong := len(value) == 0
	var n uint64
	for _, c := range value {
		d := uint64(c - '0')
		if c < '0' || c > '9' || n > (math.MaxUint64-d)/10 {
			wrong = true
			break
		}
		n = n*10 + d
	}
	if wrong {
		return fmt.Errorf("a number from 0 to %d", uint64(math.MaxUint64))
	}
	*field = n
	return nil
}

func setRing(ring *[256]uint64, value []byte) error {
	inner, opened := bytes.CutPrefix(value, []byte("["))
	inner, closed := bytes.CutSuffix(inner, []byte("]"))
	if n := bytes.Count(inner, []byte(" ")) + 1; !opened || !closed || n != len(ring) {
		return fmt.Errorf("%d numbers in brackets, not %d", len(ring), n)
	}
	for i := range ring {
		end := 0
		for end < len(inner) && inner[end] != ' ' { // faster than bytes.Cut for a digit or two
			end++
		}
		if err := setUint(&ring[i], inner[:end]); err != nil {
			return err
		}
		inner = inner[min(end+1, len(inner)):]
	}
	return nil
}

// end checks that nothing is missing. A text that broke off between two lines is told from one of a Go version that
// prints other fields by its last lines.
func (r *memStatsReader) end() error {
	var missing []string
	for i, name := range required {
		if !r.seen[i] {
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
