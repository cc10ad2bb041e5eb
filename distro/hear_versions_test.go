// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
)

// everySource asks for all pages that any program has.
const everySource = `
receivers:
  go_runtime:
    collection_interval: 500ms
    storage: file_storage
    cost: {max_cpu_share: 1}
    http: {timeout: 30s}
    sources:
      heap_text: {enabled: true}
      vars: {enabled: true}
      heap_profile: {enabled: true, interval: 2s}
      goroutine: {enabled: true}
      mutex: {enabled: true, interval: 1s}
      block: {enabled: true, interval: 1s}
      cpu: {enabled: true, duration: 1s, interval: 3s}
      trace: {enabled: true, duration: 500ms, interval: 2s}
    sites: {top: 100}
    targets:
`

// versions: programs with the maps of today and of before Go 1.24 do the same, and the same is heard of them.
func (h *hearing) versions(t *testing.T) {
	tools := map[string]string{"go1.26": "go"}
	if _, err := os.Stat(oldGo); err == nil {
		tools["go1.19"] = oldGo
	}
	programs := map[string]*program{}
	targets := ""
	for version, tool := range tools {
		p := launch(t, h.build(t, tool), "20")
		p.do(t, "churn")
		p.do(t, "lock")
		programs[version] = p
		targets += fmt.Sprintf("      - {id: %s, url: %q, workload: {name: hear}, gctrace: {files: [%q]}}\n", version, p.url, p.stderr.path)
	}
	c := h.collect(t, filepath.Join(t.TempDir(), "offsets"), "127.0.0.1:0", everySource+targets)
	told := c.told()
	for version := range tools { // growth is what comes after it was first heard
		told.awaitPoint(t, version, "heapgate.goroutine.by_state", func(p point) bool { return p.value > 0 })
	}
	for _, p := range programs {
		p.do(t, "leak")
		p.do(t, "grow")
	}
	for _, version := range []string{"go1.26", "go1.19"} {
		t.Run(version, func(t *testing.T) {
			if programs[version] == nil {
				t.Skipf("%s is not installed", oldGo)
			}
			heardAlive(t, told, version)
			heardProfiles(t, told, version)
			heardCrash(t, told, version, programs[version])
		})
	}
}

// heardAlive checks what is told of a program while it lives.
func heardAlive(t *testing.T, told *told, version string) {
	t.Helper()
	share := func(p point) bool { return p.value > 0 && p.value <= 1 }
	positive := func(p point) bool { return p.value > 0 }
	at := func(mark string, least float64, attrs ...string) func(point) bool {
		line := lineOf(t, mark)
		return func(p point) bool { return p.isAt(line) && p.has(attrs...) && p.value >= least }
	}
	for _, want := range []struct {
		name  string
		holds func(point) bool
	}{
		{"heapgate.target.up", func(p point) bool { return p.value == 1 }},
		{"heapgate.site.allocated", at("grow", 10<<20, "heapgate.class=map_grow", "code.function.name=main.grow")},
		{"heapgate.site.inuse", at("grow", 10<<20, "heapgate.class=map_grow")},
		{"heapgate.goroutine.site.count", at("leak", 100, "heapgate.goroutine.state=chan receive", "code.function.name=main.wait")},
		{"heapgate.goroutine.site.growth", at("leak", 100, "heapgate.goroutine.state=chan receive")},
		{"heapgate.contention.count", at("unlock", 5, "heapgate.contention.kind=mutex", "code.function.name=main.hold")},
		{"heapgate.contention.time", at("unlock", 1e-3, "heapgate.contention.kind=mutex")},
		{"heapgate.contention.time", at("lock", 1e-3, "heapgate.contention.kind=block")},
		{"heapgate.cpu.profile.samples", positive},
		{"heapgate.cpu.profile.usage", positive},
		{"heapgate.cpu.profile.gc_share", func(p point) bool { return p.has("heapgate.gc.class=mark_bg") && share(p) }},
		{"heapgate.gc.cpu.mark_share", share},
		{"heapgate.gc.cpu.total_share", share},
		{"heapgate.trace.window", positive},
		{"heapgate.trace.gc.cycles", positive},
		{"heapgate.trace.stw.count", func(p point) bool {
			return strings.Contains(fmt.Sprint(p.attrs["heapgate.stw.reason"]), "GC") && positive(p)
		}},
		{"heapgate.trace.stw.time", positive},
		{"heapgate.trace.heap.goal", positive},
		{"heapgate.gctrace.cycles", positive},
		{"heapgate.gctrace.summed", positive},
		{"heapgate.gc.cpu.time", func(p point) bool { return p.has("heapgate.gc.work=background") && positive(p) }},
	} {
		told.awaitPoint(t, version, want.name, want.holds)
	}
	for _, source := range []string{"heap_text", "vars", "heap_profile", "goroutine", "mutex", "block", "cpu", "trace"} {
		told.awaitPoint(t, version, "heapgate.scrape.duration", func(p point) bool { return p.has("heapgate.scrape.source=" + source) })
	}
	if errs := told.of(version, "heapgate.scrape.errors"); len(errs) > 0 {
		t.Errorf("scrapes failed: %v", errs)
	}
	for _, p := range told.of(version, "heapgate.site.allocated") {
		if p.has("heapgate.class=map_grow", "code.function.name=main.grow") && !p.isAt(lineOf(t, "grow")) {
			t.Errorf("a map that did not grow: %v", p)
		}
	}
	for _, name := range []string{"heapgate.gc.cpu.mark_share", "heapgate.gc.cpu.total_share", "heapgate.cpu.profile.gc_share", "heapgate.cpu.profile.map_share"} {
		for _, p := range told.points {
			if p.name == name && !(p.value >= 0 && p.value <= 1) {
				t.Errorf("a share that is none: %v", p)
			}
		}
	}
}

// heardProfiles checks that the pages are handed on as profiles too.
func heardProfiles(t *testing.T, told *told, version string) {
	t.Helper()
	await(t, version+" is told in profiles", func() (any, bool) {
		told.more(t)
		missing := slices.DeleteFunc([]string{"heap", "cpu", "mutex", "block"}, func(kind string) bool { return told.kinds[version+" "+kind] })
		return missing, len(missing) == 0
	})
	for _, function := range []string{"main.grow", "main.churn", "main.hold"} {
		if !told.functions[function] {
			t.Errorf("no profile names %s", function)
		}
	}
}

// heardCrash lets the program die, and checks that this is told once, and that no cycle before it is lost.
func heardCrash(t *testing.T, told *told, version string, p *program) {
	t.Helper()
	if n := told.records.Len(); n > 0 && slices.Contains(told.recordsOf, version) {
		t.Errorf("%d records of a program that lives", n)
	}
	if resp, err := smash(p); err == nil {
		t.Fatalf("the program answers: %s", resp)
	}
	await(t, version+" dies", func() (any, bool) { return nil, p.ended() })
	var record plog.LogRecord
	await(t, version+" is told to have died", func() (any, bool) {
		told.more(t)
		i := slices.Index(told.recordsOf, version)
		if i >= 0 {
			record = told.records.At(i)
		}
		return told.recordsOf, i >= 0
	})
	is := point{target: version, name: record.EventName(), attrs: record.Attributes().AsRaw()}
	line := lineOf(t, "smash")
	if is.name != "heapgate.process.crash" || !is.has("heapgate.crash.kind=concurrent_map_writes", "code.function.name=main.overwrite") || !is.isAt(line) ||
		record.SeverityNumber() != plog.SeverityNumberFatal || !strings.Contains(record.Body().Str(), "concurrent map writes") {
		t.Errorf("want concurrent_map_writes in main.overwrite at line %d, got %v\n%s", line, is, record.Body().Str())
	}
	told.awaitPoint(t, version, "heapgate.target.up", func(p point) bool { return p.value == 0 })
	cycles := float64(p.stderr.cycles(t))
	for _, name := range []string{"heapgate.gctrace.cycles", "heapgate.gctrace.summed"} {
		told.awaitPoint(t, version, name, func(p point) bool { return p.value == cycles })
	}
	told.awaitPoint(t, version, "heapgate.process.crashes", func(p point) bool {
		return p.has("heapgate.crash.kind=concurrent_map_writes") && p.value == 1
	})
	if n := len(slices.DeleteFunc(slices.Clone(told.recordsOf), func(of string) bool { return of != version })); n != 1 {
		t.Errorf("one crash is told in %d records", n)
	}
}
