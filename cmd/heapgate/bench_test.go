// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/gobench"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// FuzzBench: whatever the two outputs hold, there is a verdict with its exit code, every format can be written, no number is NaN, and
// nothing passes that is broken, empty or not in both.
func FuzzBench(f *testing.F) {
	line := "BenchmarkA-2 1 5 ns/op 3 B/op 1 allocs/op 2 gc-x\n"
	f.Add(strings.Repeat(line, 6), strings.Repeat(line, 6))
	f.Add("pkg: a\nUnit gc-x better=higher\nUnit gc-x better=lower\n"+line, "BenchmarkA\nBenchmarkA 1\nFAIL\n")
	f.Add("BenchmarkA 1 NaN allocs/op -1 B/op 1e999 gc-ns", "Benchmark 1 1 gc-MB\n::error::%0A\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		was, err := parseBench([]byte(before))
		if err != nil {
			return
		}
		is, err := parseBench([]byte(after))
		if err != nil {
			return
		}
		r := newBenchReport(was, is, gobench.Default())
		if (r.Verdict == compare.Pass) != (r.ExitCode == exitPass) || !strings.HasPrefix(r.Summary, string(r.Verdict)+": ") {
			t.Fatalf("verdict %s, exit code %d, summary %q", r.Verdict, r.ExitCode, r.Summary)
		}
		if r.Verdict == compare.Pass && (len(r.Broken) > 0 || len(was.order) == 0 || len(is.order) == 0) {
			t.Fatalf("a pass of %+v", r)
		}
		for _, format := range benchOutputs {
			text, err := r.format(format)
			if err != nil || strings.Contains(string(text), "NaN") && !strings.Contains(before+after, "NaN") {
				t.Fatalf("%s: %v\n%s", format, err, text)
			}
			if format != "github" {
				continue
			}
			for _, one := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
				if !strings.HasPrefix(one, "::error title=heapgate bench") && !strings.HasPrefix(one, "::warning title=heapgate bench") && !strings.HasPrefix(one, "::notice title=heapgate bench") {
					t.Fatalf("a line that is no command of ours: %q", one)
				}
			}
		}
	})
}
