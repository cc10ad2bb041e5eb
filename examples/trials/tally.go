// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// tally counts answers: by "A/A verdict", "A/B allocation_rate_bytes_per_second" ..., then by the word.
type tally struct {
	settings
	mu     sync.Mutex
	trials int
	counts map[string]map[string]int
	sites  int // of the A/B blocks, how many named the line
	blocks int
}

// answer is what is read of the gate's JSON.
type answer struct {
	Verdict  string `json:"verdict"`
	Summary  string `json:"summary"`
	Evidence *struct {
		Comparison *struct {
			Signals map[string]struct {
				Outcome string `json:"outcome"`
			} `json:"signals"`
			Sites []struct {
				Function string `json:"function"`
			} `json:"sites"`
		} `json:"comparison"`
	} `json:"evidence"`
}

// culprit is the line by which lavish is lavish.
const culprit = "main.(*auditTrail).Note"

// judgePairs asks the gate about pairs of the window that ends now. The distance between candidate and baseline changes from window to
// window, so that no pair is preferred.
func (st *stage) judgePairs(t *tally) error {
	good, lavish := st.groups[:st.good], st.groups[st.good:]
	var group errgroup.Group
	group.SetLimit(2)
	before := t.trials
	for n := range st.pairs {
		turn := before + n
		candidate := good[turn%len(good)]
		baseline := good[(turn+1+turn/len(good)%(len(good)-1))%len(good)]
		group.Go(func() error { return st.judge(t, "A/A", candidate, baseline) })
		worse := lavish[turn%len(lavish)]
		group.Go(func() error { return st.judge(t, "A/B", worse, baseline) })
	}
	return group.Wait()
}

func (st *stage) judge(t *tally, kind string, candidate, baseline *group) error {
	cmd := exec.CommandContext(st.ctx, st.heapgate, "gate", "--store", "http://"+st.store, "--workload", "trials/"+candidate.name,
		"--baseline", "concurrent", "--baseline-workload", baseline.name, "--window", st.window.String(), "--step", st.step.String(), "--warm-up", "0s", "-o", "json")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return err
	}
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil || a.Evidence == nil || a.Evidence.Comparison == nil {
		return fmt.Errorf("%s gave no comparison: %w\n%.2000s%.2000s", cmd, errors.Join(err, cmd.Err), out.String(), said.String())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trials++
	t.count(kind+" verdict", a.Verdict)
	comparison := a.Evidence.Comparison
	for name, s := range comparison.Signals {
		t.count(kind+" "+name, s.Outcome)
	}
	if kind == "A/B" && comparison.Signals["allocation_rate_bytes_per_second"].Outcome == "fail" {
		t.blocks++
		if len(comparison.Sites) > 0 && comparison.Sites[0].Function == culprit {
			t.sites++
		}
	}
	if st.keep != "" {
		return os.WriteFile(filepath.Join(st.dir, fmt.Sprintf("%04d-%s-%s.json", t.trials, candidate.name, baseline.name)), out.Bytes(), 0o600)
	}
	return nil
}

func (t *tally) count(what, word string) {
	if t.counts[what] == nil {
		t.counts[what] = map[string]int{}
	}
	t.counts[what][word]++
}

func (t *tally) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%d trials: windows of %v at %v, %d processes a group, load that swings by 40 %%; lavish allocates a fifth more\n\n| | pass | fail | inconclusive | error |\n| --- | --- | --- | --- | --- |\n", t.trials, t.window, t.step, t.pods)
	for _, what := range slices.Sorted(maps.Keys(t.counts)) {
		c := t.counts[what]
		_, _ = fmt.Fprintf(w, "| %s | %d | %d | %d | %d |\n", what, c["pass"], c["fail"], c["inconclusive"], c["error"])
	}
	_, _ = fmt.Fprintf(w, "\nOf %d blocks of lavish for its allocation, %d named %s first.\n", t.blocks, t.sites, culprit)
}
