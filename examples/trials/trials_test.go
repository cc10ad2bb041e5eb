// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gate is a program that answers as a gate would: what is lavish fails by name, and what is good passes.
const gate = `#!/bin/sh
verdict=pass sites=
case "$*" in *trials/lavish*) verdict=fail sites='{"function":"main.(*auditTrail).Note"},' ;; esac
echo "$@" >> "$0.asked"
echo '{"verdict":"'$verdict'","evidence":{"comparison":{"signals":{"allocation_rate_bytes_per_second":{"outcome":"'$verdict'"}},"sites":['"$sites"'{"function":"main.other"}]}}}'
[ $verdict = pass ] || exit 10
`

func TestTally(t *testing.T) {
	program := filepath.Join(t.TempDir(), "gate")
	if err := os.WriteFile(program, []byte(gate), 0o700); err != nil { //nolint:gosec // It is run.
		t.Fatal(err)
	}
	s := settings{window: time.Minute, step: 5 * time.Second, good: 3, lavish: 2, pods: 2, pairs: 12, heapgate: program}
	st := &stage{settings: s, ctx: t.Context(), store: "127.0.0.1:1"}
	for _, name := range []string{"good0", "good1", "good2", "lavish0", "lavish1"} {
		st.groups = append(st.groups, &group{name: name})
	}
	all := &tally{settings: s, counts: map[string]map[string]int{}}
	if err := st.judgePairs(all); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	all.print(&out)
	for _, want := range []string{"24 trials: windows of 1m0s at 5s, 2 processes a group", "| A/A verdict | 12 | 0 | 0 | 0 |", "| A/B verdict | 0 | 12 | 0 | 0 |", "Of 12 blocks of lavish for its allocation, 12 named main.(*auditTrail).Note first."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	asked, err := os.ReadFile(program + ".asked")
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[string]bool{}
	for line := range strings.Lines(string(asked)) {
		words := strings.Fields(line)
		candidate, baseline := strings.TrimPrefix(words[4], "trials/"), words[8]
		if candidate == baseline || strings.HasPrefix(baseline, "lavish") {
			t.Errorf("%s was held to %s", candidate, baseline)
		}
		pairs[candidate+" "+baseline] = true
	}
	if len(pairs) < 10 { // all 6 of good ones, and both lavish ones with two each at least
		t.Errorf("%d different pairs: %v", len(pairs), pairs)
	}
}

func TestWhatIsNoComparisonIsNoTrial(t *testing.T) {
	program := filepath.Join(t.TempDir(), "gate")
	for _, answer := range []string{"", "{}", `{"verdict":"error"}`, `{"verdict":"pass","evidence":{}}`} {
		if err := os.WriteFile(program, []byte("#!/bin/sh\necho '"+answer+"'\n"), 0o700); err != nil { //nolint:gosec // It is run.
			t.Fatal(err)
		}
		st := &stage{settings: settings{heapgate: program}, ctx: t.Context()}
		all := &tally{counts: map[string]map[string]int{}}
		if err := st.judge(all, "A/A", &group{name: "a"}, &group{name: "b"}); err == nil || all.trials != 0 {
			t.Errorf("%q is a trial: %v", answer, err)
		}
	}
}

func TestCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"-for 1m":        "-for a window",
		"-good 1":        "-good must be at least 2",
		"-step 10ms":     "-step must be at least 1s",
		"x":              "takes flags only",
		"-heapgate-bin ": "run make build",
	} {
		var said bytes.Buffer
		name, value, _ := strings.Cut(args, " ")
		list := []string{name}
		if strings.HasPrefix(name, "-") {
			list = append(list, value)
		}
		if code := run(t.Context(), list, &said, &said); code != 2 || !strings.Contains(said.String(), want) {
			t.Errorf("%q: exit code %d, %s", args, code, said.String())
		}
	}
	if code := run(t.Context(), []string{"-h"}, &bytes.Buffer{}, &bytes.Buffer{}); code != 0 {
		t.Errorf("-h: exit code %d", code)
	}
}
