// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// act is one scenario built by one toolchain.
type act struct {
	scenario
	version string // of Go
	binary  string
}

func (a act) id() string { return a.name + "-" + a.version }

// lasts is how long it takes: what crashes or rests soon does so.
func (a act) lasts(s settings) time.Duration {
	switch {
	case a.crash != "":
		return min(s.lasts, 14*time.Second)
	case a.exact:
		return min(s.lasts, 18*time.Second)
	}
	return s.lasts
}

// find runs all acts and compares.
func find(ctx context.Context, s settings, progress io.Writer) (*table, error) {
	dir := s.keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "heapgate-truth-"); err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	acts, err := prepare(ctx, &s, dir, progress)
	if err != nil {
		return nil, err
	}
	t := &table{settings: s, at: time.Now()}
	if t.rows, err = t.performAll(ctx, filepath.Join(dir, "first"), s.atOnce, acts, progress); err != nil {
		return nil, err
	}
	if s.again {
		err = t.lookAgain(ctx, filepath.Join(dir, "second"), acts, progress)
	}
	t.took = time.Since(t.at)
	return t, err
}

// performAll runs acts in groups.
func (t *table) performAll(ctx context.Context, dir string, atOnce int, acts []act, progress io.Writer) (all []row, err error) {
	for n := 0; len(acts) > 0; n++ {
		group := acts[:min(atOnce, len(acts))]
		acts = acts[len(group):]
		_, _ = fmt.Fprintf(progress, "%s\t%d to go\n", time.Since(t.at).Round(time.Second), len(acts))
		stage := filepath.Join(dir, fmt.Sprintf("group%02d", n))
		if err := os.MkdirAll(stage, 0o755); err != nil {
			return nil, err
		}
		rows, err := perform(ctx, t.settings, stage, group)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			_, _ = fmt.Fprintln(progress, "\t"+strings.Join(r.cells(), "  "))
		}
		all = append(all, rows...)
	}
	return all, nil
}

// lookAgain performs alone what came out wrong beside others: a machine that many share is no fault of the signals. What is wrong
// twice counts; what was wrong once is still in the table, and counts for nothing.
func (t *table) lookAgain(ctx context.Context, dir string, acts []act, progress io.Writer) error {
	suspect := map[string]bool{}
	for _, r := range t.rows {
		if r.kind != further && r.mark == wrong {
			suspect[r.scenario+"-"+r.version] = true
		}
	}
	acts = slices.DeleteFunc(slices.Clone(acts), func(a act) bool { return !suspect[a.id()] })
	if len(acts) == 0 {
		return nil
	}
	for i := range t.rows {
		if r := &t.rows[i]; suspect[r.scenario+"-"+r.version] {
			if r.mark == wrong && r.kind != further {
				r.remark = strings.TrimPrefix(r.remark+", looked at again", ", ")
			}
			r.kind = further
		}
	}
	_, _ = fmt.Fprintf(progress, "%s\tagain, alone: %d\n", time.Since(t.at).Round(time.Second), len(acts))
	rows, err := t.performAll(ctx, dir, 1, acts, progress)
	t.rows = append(t.rows, rows...)
	return err
}

// prepare builds everything.
func prepare(ctx context.Context, s *settings, dir string, progress io.Writer) ([]act, error) {
	tools, err := toolchains(ctx)
	if err != nil {
		return nil, err
	}
	if s.collector == "" {
		_, _ = fmt.Fprintln(progress, "building the collector")
		s.collector = filepath.Join(dir, "heapgate-collector")
		if err := quietly(exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags", "-s -w", "-o", s.collector, "./distro")); err != nil {
			return nil, err
		}
	}
	binaries := map[string]string{}
	for _, tool := range tools {
		_, _ = fmt.Fprintf(progress, "building the scenarios with %s\n", tool.version)
		if binaries[tool.version], err = tool.buildScenario(ctx, dir); err != nil {
			return nil, err
		}
	}
	var acts []act
	for _, one := range s.chosen() {
		for _, tool := range tools {
			acts = append(acts, act{one, tool.version, binaries[tool.version]})
		}
	}
	slices.SortStableFunc(acts, func(a, b act) int { return cmp.Compare(b.lasts(*s), a.lasts(*s)) }) // those that end soon are together
	return acts, nil
}

// looks are how often a scenario looks at its own MemStats.
const looks = 200 * time.Millisecond

// actor is an act that runs.
type actor struct {
	act
	*child
	url   string
	facts *facts // nil for those that crash
}

// perform runs a few acts side by side, heard by one collector, and judges each.
func perform(ctx context.Context, s settings, dir string, group []act) (rows []row, err error) {
	var actors []*actor
	defer func() {
		for _, a := range actors {
			a.stop()
		}
	}()
	config := collectorConfig{Interval: s.interval, Window: s.window, Lookback: s.interval * 3 / 2}
	for _, one := range group {
		a, err := enter(ctx, s, dir, one)
		if err != nil {
			return nil, err
		}
		actors = append(actors, a)
		config.Targets = append(config.Targets, target{ID: a.id(), URL: a.url, GCTrace: stderrOf(dir, a.id()), MemoryLimit: a.limit})
	}
	collector, store, err := startCollector(ctx, s, dir, config)
	if err != nil {
		return nil, err
	}
	defer collector.stop()
	began := time.Now()
	if err := wait(ctx, 3*s.interval); err != nil { // all are heard before they act
		return nil, err
	}
	for _, a := range actors {
		if _, err := get(ctx, a.url+"/go"); err != nil {
			return nil, fmt.Errorf("%s: %w", a.id(), err)
		}
	}
	if err := wait(ctx, group[0].lasts(s)); err != nil {
		return nil, err
	}
	for _, a := range actors {
		if a.crash == "" {
			if a.facts, err = a.ask(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", a.id(), err)
			}
		}
	}
	if err := wait(ctx, s.interval); err != nil { // what was scraped is stored
		return nil, err
	}
	for _, a := range actors {
		until := time.Now()
		if a.facts != nil { // what was heard later is not in its counts
			until = time.Unix(0, a.facts.Now).Add(-2 * looks)
		}
		h, err := hear(ctx, store, a.id(), began, until, s.interval)
		if err != nil {
			return nil, err
		}
		rows = append(rows, judge(a, h, s)...)
		if s.keep != "" {
			if err := write(filepath.Join(dir, a.id()+".json"), map[string]any{"heard": h.series, "truth": a.facts}); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

func enter(ctx context.Context, s settings, dir string, one act) (*actor, error) {
	env := append([]string{"GODEBUG=gctrace=1", "GOMAXPROCS=2", "GOTRACEBACK=all"}, one.env...)
	c, err := launch(s.niceness, dir, one.id(), one.binary, []string{one.name}, env)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it does not get ready in a minute"))
	defer cancel()
	address, err := c.firstLine(limited)
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("%s: %w", one.id(), err)
	}
	return &actor{act: one, child: c, url: "http://" + address}, nil
}

// write what a judgement stands on.
func write(path string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func (a *actor) ask(ctx context.Context) (*facts, error) {
	text, err := get(ctx, a.url+"/truth")
	if err != nil {
		return nil, err
	}
	f := new(facts)
	return f, json.Unmarshal(text, f)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
