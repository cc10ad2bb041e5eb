// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/heapgate/heapgate/internal/heap"
)

// Vars is what /debug/vars says: the same of memory as the end of a heap text, without the price of a profile. Arguments
// are left out: they may hold secrets.
type Vars struct {
	Command      string        // the base name of the program
	MemStats     heap.MemStats // without MaxRSS
	PauseTotalNs uint64        // the sum of all stop-the-world pauses, of which MemStats only has the last 256
	Load         int64         // the program's own count of its work, as Settings.LoadVar names it; -1: none that is a count
}

const (
	maxVars     = 8 << 20   // bytes of /debug/vars, which a program may fill with its own
	maxMemStats = 128 << 10 // Go writes about 6 kB, 16 kB when the rings are full
	maxCmdline  = 256 << 10
	maxCommand  = 256 // bytes of its base name
	maxLoad     = 4 << 10
)

// Vars reads /debug/vars. Processes without it are in order: their error is of KindAbsent.
func (p *Prober) Vars(ctx context.Context, base *url.URL) (v Vars, cost Cost, err error) {
	cost, err = p.Get(ctx, base, VarsPage(), func(body io.Reader) (err error) {
		v, err = ReadVars(body, p.settings.LoadVar)
		return err
	})
	if err != nil {
		return Vars{}, cost, err
	}
	return v, cost, nil
}

var varsReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 16<<10) }}

// ReadVars reads what package expvar writes: a JSON object with memstats, which is runtime.MemStats, and cmdline. It holds
// nothing else of it but the number that is named load, if that is not empty. The error is a *heap.LimitError, io.ErrUnexpectedEOF, or says what was read and what would be right.
func ReadVars(body io.Reader, load string) (v Vars, err error) {
	v.Load = -1
	r := varsReaders.Get().(*bufio.Reader)
	r.Reset(body)
	defer func() { r.Reset(nil); varsReaders.Put(r) }()
	heard := false
	err = members(r, func(key string) int {
		switch {
		case key == "memstats" && !heard:
			return maxMemStats
		case key == "cmdline":
			return maxCmdline
		case key == load && load != "":
			return maxLoad
		}
		return 0
	}, func(key string, value []byte) error {
		switch key {
		case "cmdline":
			v.Command = command(value)
			return nil
		case load:
			v.Load = count(value)
			return nil
		}
		heard = true
		return v.memStats(value)
	})
	if err == nil && !heard {
		err = fmt.Errorf("got no memstats, want what package expvar writes")
	}
	if err != nil {
		return Vars{}, err
	}
	return v, nil
}

// count is a whole number that JSON can hold exactly; -1 of anything else.
func count(value []byte) int64 {
	var number float64
	if json.Unmarshal(value, &number) != nil || number < 0 || number > 1<<53 {
		return -1
	}
	return int64(number)
}

// command is the base name of the program; empty where cmdline is not a list of strings.
func command(value []byte) string {
	var cmdline []string
	if json.Unmarshal(value, &cmdline) != nil || len(cmdline) == 0 {
		return ""
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(path.Base(cmdline[0]), "\uFFFD"))
	if len(name) > maxCommand {
		name = strings.ToValidUTF8(name[:maxCommand], "") + "..."
	}
	return name
}

// memStats reads runtime.MemStats as JSON. The fields that a heap text may not lack are required here too.
func (v *Vars) memStats(value []byte) error {
	var page struct {
		heap.MemStats
		PauseTotalNs       uint64
		TotalAlloc, NextGC *uint64
		NumGC              *uint32
		PauseNs, PauseEnd  []uint64
	}
	if err := json.Unmarshal(value, &page); err != nil {
		return fmt.Errorf("memstats: %w", err)
	}
	v.MemStats, v.PauseTotalNs = page.MemStats, page.PauseTotalNs
	m := &v.MemStats
	switch {
	case page.TotalAlloc == nil || page.NextGC == nil || page.NumGC == nil:
		return fmt.Errorf("memstats lack one of TotalAlloc, NextGC and NumGC")
	case len(page.PauseNs) != len(m.PauseNs) || len(page.PauseEnd) != len(m.PauseEnd):
		return fmt.Errorf("memstats have %d PauseNs and %d PauseEnd, want %d of each", len(page.PauseNs), len(page.PauseEnd), len(m.PauseNs))
	case m.GCCPUFraction < 0:
		return fmt.Errorf("memstats have a GCCPUFraction of %v, want a number from 0 on", m.GCCPUFraction)
	}
	m.TotalAlloc, m.NextGC, m.NumGC, m.MaxRSS = *page.TotalAlloc, *page.NextGC, *page.NumGC, 0
	copy(m.PauseNs[:], page.PauseNs)
	copy(m.PauseEnd[:], page.PauseEnd)
	return nil
}
