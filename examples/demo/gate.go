// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// limitsFile is relative to the top of the repository, where the demo runs.
const limitsFile = "examples/demo/limits.yaml"

// Exit codes of `heapgate gate`.
const (
	gatePass = 0
	gateFail = 10
)

var gateVerdicts = map[int]string{gatePass: "pass", gateFail: "fail", 20: "inconclusive", 30: "evidence error", 40: "configuration error"}

// judgement is what one run of the gate came to.
type judgement struct {
	code int
	text string // its stdout
}

func (j judgement) verdict() string {
	if verdict, known := gateVerdicts[j.code]; known {
		return verdict
	}
	return "unknown"
}

// findings returns what broke which limit, in the gate's own words: one line `fail  TEXT [RULES]` for each limit if there are
// several, else the line `fail: TEXT [RULES]` on top.
func (j judgement) findings() []string {
	var lines []string
	top := ""
	for line := range strings.Lines(j.text) {
		line = strings.TrimSpace(line)
		if text, found := strings.CutPrefix(line, "fail "); found {
			lines = append(lines, strings.TrimSpace(text))
		}
		if text, found := strings.CutPrefix(line, "fail: "); found && top == "" {
			top = text
		}
	}
	if len(lines) == 0 && top != "" {
		return []string{top}
	}
	return lines
}

// judge runs the gate on one version and passes on what it says. An error means that there is no judgement: the gate did not
// run to its end.
func (st *stage) judge(ctx context.Context, v *version) (judgement, error) {
	args := []string{
		"gate", "--store", "http://" + st.store, "--workload", "demo/shop/Deployment/shop", "--version", v.name,
		"--image", v.digest, "--limits", limitsFile, "--window", st.window.String(), "--wait", st.wait.String(),
		"--baseline", "none", // the other version runs beside it, and would be its baseline
	}
	st.say("\n      $ heapgate %s", strings.Join(args, " "))
	var text bytes.Buffer
	err := runCommand(ctx, stopGrace, io.MultiWriter(st.out, &text), st.errOut, st.heapgate, args...)
	if err == nil {
		return judgement{code: gatePass, text: text.String()}, nil
	}
	var ended *exec.ExitError
	if ctx.Err() != nil || !errors.As(err, &ended) || !ended.Exited() {
		return judgement{}, fmt.Errorf("heapgate gate on version %s: %w", v.name, err)
	}
	return judgement{code: ended.ExitCode(), text: text.String()}, nil
}
