// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/heapgate/heapgate/internal/gobench"
)

const (
	maxBenchBytes   = 64 << 20
	maxBenchMetrics = 20000
	maxBenchRuns    = 10000 // values of one metric
)

// benchRuns is one output of `go test -bench`.
type benchRuns struct {
	values map[benchKey][]float64
	order  []benchKey
	better map[string]bool     // units of which more is better
	config map[string][]string // goos, goarch, cpu, as the output says them
	broken []string            // lines that say that something went wrong
}

type benchKey struct{ pkg, benchmark, unit string }

func readBench(path string, in io.Reader) (*benchRuns, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxBenchBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBenchBytes {
		return nil, fmt.Errorf("%s is larger than %d MiB; is it the output of go test -bench?", path, maxBenchBytes>>20)
	}
	runs, err := parseBench(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return runs, nil
}

// parseBench reads the Go benchmark format (https://golang.org/design/14313-benchmark-format). What it cannot read of a benchmark's
// line, and what go test says of a failure, is kept as broken: the numbers beside it may be the rest of a run that died.
func parseBench(text []byte) (*benchRuns, error) {
	runs := &benchRuns{values: map[benchKey][]float64{}, better: map[string]bool{}, config: map[string][]string{}}
	for _, line := range bytes.Split(text, []byte("\n")) {
		for _, start := range []string{"--- FAIL", "FAIL", "panic:", "fatal error:", "signal: "} {
			if bytes.HasPrefix(line, []byte(start)) {
				runs.breaks(string(line))
			}
		}
	}
	reader := benchfmt.NewReader(bytes.NewReader(text), "")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			if err := runs.add(record); err != nil {
				return nil, err
			}
		case *benchfmt.SyntaxError:
			runs.breaks(fmt.Sprintf("line %d: %s", record.Line, record.Msg))
		}
	}
	for key, metadata := range reader.Units() {
		if key.Key == "better" && metadata.Value == "higher" {
			runs.better[metadata.OrigUnit] = true
		}
	}
	return runs, reader.Err()
}

func (b *benchRuns) breaks(line string) {
	if len(b.broken) < 10 {
		b.broken = append(b.broken, printable(line))
	}
}

func (b *benchRuns) add(r *benchfmt.Result) error {
	key := benchKey{benchmark: string(r.Name)}
	for _, config := range r.Config {
		switch config.Key {
		case "pkg":
			key.pkg = string(config.Value)
		case "goos", "goarch", "cpu":
			if said := string(config.Value); !slices.Contains(b.config[config.Key], said) && len(b.config[config.Key]) < 10 {
				b.config[config.Key] = append(b.config[config.Key], said)
			}
		}
	}
	for _, value := range r.Values {
		number := value.Value
		if key.unit = value.Unit; value.OrigUnit != "" { // as it was written: ns/op, not sec/op
			number, key.unit = value.OrigValue, value.OrigUnit
		}
		had, known := b.values[key]
		switch {
		case !known && len(b.order) >= maxBenchMetrics:
			return fmt.Errorf("more than %d numbers of benchmarks", maxBenchMetrics)
		case len(had) >= maxBenchRuns:
			return fmt.Errorf("more than %d runs of one benchmark", maxBenchRuns)
		case !known:
			b.order = append(b.order, key)
		}
		b.values[key] = append(had, number)
	}
	return nil
}

// benchMetrics joins two outputs: what is judged (allocs/op, B/op, gc-*) and ns/op for information.
func benchMetrics(before, after *benchRuns) []gobench.Metric {
	var metrics []gobench.Metric
	for _, side := range []*benchRuns{before, after} {
		for _, key := range side.order {
			if _, known := before.values[key]; known && side == after {
				continue
			}
			judged := key.unit == "allocs/op" || key.unit == "B/op" || strings.HasPrefix(key.unit, "gc-")
			if !judged && key.unit != "ns/op" {
				continue
			}
			metrics = append(metrics, gobench.Metric{
				Package: key.pkg, Benchmark: key.benchmark, Unit: key.unit, Old: before.values[key], New: after.values[key],
				HigherIsBetter: before.better[key.unit] || after.better[key.unit], Information: !judged,
			})
		}
	}
	return metrics
}

// benchNotes say what makes the two outputs incomplete, and what makes their times incomparable.
func benchNotes(before, after *benchRuns) (broken, notes []string) {
	for side, runs := range map[string]*benchRuns{"OLD": before, "NEW": after} {
		for _, line := range runs.broken {
			broken = append(broken, side+": "+line)
		}
		if len(runs.order) == 0 && len(runs.broken) == 0 {
			broken = append(broken, side+" has no benchmark in it; give the output of go test -run '^$' -bench . -benchmem -count=10")
		}
	}
	slices.Sort(broken)
	for _, key := range []string{"goos", "goarch", "cpu"} {
		if was, is := strings.Join(before.config[key], ", "), strings.Join(after.config[key], ", "); was != is && was != "" && is != "" {
			notes = append(notes, fmt.Sprintf("%s differs (%s, %s): do not compare times", key, printable(was), printable(is)))
		}
	}
	return broken, notes
}

var errTwoInputs = errors.New("only one of OLD and NEW can be - (stdin)")
