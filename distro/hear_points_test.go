// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
)

// point is one value of a metric as it stands in the file.
type point struct {
	target, name string // of the service instance; of the metric
	attrs        map[string]any
	value        float64
	at           time.Time
}

// has compares attributes as text: "code.line.number=7".
func (p point) has(attrs ...string) bool {
	for _, want := range attrs {
		name, value, _ := strings.Cut(want, "=")
		got, ok := p.attrs[name]
		if !ok || fmt.Sprint(got) != value {
			return false
		}
	}
	return true
}

// isAt tells whether the point is of a line of the program's source.
func (p point) isAt(line int) bool {
	file, _ := p.attrs["code.file.path"].(string)
	return filepath.Base(file) == "main.go" && p.has(fmt.Sprintf("code.line.number=%d", line))
}

func (p point) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.attrs)) {
		fmt.Fprintf(&b, " %s=%v", name, p.attrs[name])
	}
	return fmt.Sprintf("%s %s%s: %g\n", p.target, p.name, b.String(), p.value)
}

// tail reads the whole lines that a file has got since it was last read.
type tail struct {
	path string
	read int64
}

func (f *tail) lines(t *testing.T) [][]byte {
	t.Helper()
	file, err := os.Open(f.path)
	if os.IsNotExist(err) {
		return nil // the collector has just been started
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, f.read, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndexByte(text, '\n')
	if end < 0 {
		return nil
	}
	f.read += int64(end) + 1
	return bytes.Split(text[:end], []byte("\n"))
}

// told is what a collector has written to its files so far.
type told struct {
	metrics, logs, profiles tail
	points                  []point
	records                 plog.LogRecordSlice
	recordsOf               []string        // targets, by record
	kinds                   map[string]bool // of profiles, "target kind"
	functions               map[string]bool // of the programs, in profiles
}

func (c *collector) told() *told {
	return &told{
		metrics: tail{path: filepath.Join(c.folder, "metrics")}, logs: tail{path: filepath.Join(c.folder, "logs")},
		profiles: tail{path: filepath.Join(c.folder, "profiles")},
		records:  plog.NewLogRecordSlice(), kinds: map[string]bool{}, functions: map[string]bool{},
	}
}

// more reads what the collector has told since.
func (h *told) more(t *testing.T) {
	t.Helper()
	for _, line := range h.metrics.lines(t) {
		m, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
		if err != nil {
			t.Fatalf("metrics: %v\n%.1000s", err, line)
		}
		for _, of := range m.ResourceMetrics().All() {
			h.add(instance(of.Resource()), of)
		}
	}
	for _, line := range h.logs.lines(t) {
		l, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		if err != nil {
			t.Fatalf("logs: %v\n%.1000s", err, line)
		}
		for _, of := range l.ResourceLogs().All() {
			for _, scope := range of.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					record.CopyTo(h.records.AppendEmpty())
					h.recordsOf = append(h.recordsOf, instance(of.Resource()))
				}
			}
		}
	}
	for _, line := range h.profiles.lines(t) {
		p, err := (&pprofile.JSONUnmarshaler{}).UnmarshalProfiles(line)
		if err != nil {
			t.Fatalf("profiles: %v\n%.1000s", err, line)
		}
		h.addProfiles(p)
	}
}

func (h *told) add(target string, of pmetric.ResourceMetrics) {
	for _, scope := range of.ScopeMetrics().All() {
		for _, m := range scope.Metrics().All() {
			var points pmetric.NumberDataPointSlice
			switch m.Type() {
			case pmetric.MetricTypeSum:
				points = m.Sum().DataPoints()
			case pmetric.MetricTypeGauge:
				points = m.Gauge().DataPoints()
			default:
				continue // the histogram of pauses
			}
			for _, p := range points.All() {
				value := p.DoubleValue()
				if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
					value = float64(p.IntValue())
				}
				h.points = append(h.points, point{target, m.Name(), p.Attributes().AsRaw(), value, p.Timestamp().AsTime()})
			}
		}
	}
}

func (h *told) addProfiles(p pprofile.Profiles) {
	words, attributes := p.Dictionary().StringTable(), p.Dictionary().AttributeTable()
	for _, f := range p.Dictionary().FunctionTable().All() {
		h.functions[words.At(int(f.NameStrindex()))] = true
	}
	for _, of := range p.ResourceProfiles().All() {
		for _, scope := range of.ScopeProfiles().All() {
			for _, profile := range scope.Profiles().All() {
				if profile.Samples().Len() == 0 {
					continue
				}
				for _, i := range profile.AttributeIndices().All() {
					if a := attributes.At(int(i)); words.At(int(a.KeyStrindex())) == "heapgate.profile.kind" {
						h.kinds[instance(of.Resource())+" "+a.Value().Str()] = true
					}
				}
			}
		}
	}
}

func instance(of pcommon.Resource) string {
	id, _ := of.Attributes().Get("service.instance.id")
	return id.Str()
}

// of are the points of a target's metric, the last of each series only.
func (h *told) of(target, name string) (last []point) {
	for _, p := range slices.Backward(h.points) {
		if p.target == target && p.name == name && !slices.ContainsFunc(last, func(q point) bool { return maps.Equal(p.attrs, q.attrs) }) {
			last = append(last, p)
		}
	}
	return last
}

// awaitPoint waits until a target's metric has a last point that holds.
func (h *told) awaitPoint(t *testing.T, target, name string, holds func(point) bool) (found point) {
	t.Helper()
	await(t, target+" tells "+name, func() (any, bool) {
		h.more(t)
		last := h.of(target, name)
		i := slices.IndexFunc(last, holds)
		if i < 0 {
			return last, false
		}
		found = last[i]
		return nil, true
	})
	return found
}
