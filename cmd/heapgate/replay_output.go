// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/heapgate/heapgate/internal/bundle"
	"github.com/heapgate/heapgate/internal/verdict"
)

// replayed is what a replay says. Its fields are an interface: they are added to, never renamed.
type replayed struct {
	Result      string              `json:"result"` // same, rounding or different
	Bundle      string              `json:"bundle"`
	Policy      string              `json:"policy"`
	Signed      bool                `json:"signed"` // by whom was not looked at
	Environment recordedEnvironment `json:"environment"`
	Recorded    shortVerdict        `json:"recorded"`
	Replayed    shortVerdict        `json:"replayed"`
	Rounding    bool                `json:"rounding"` // another kind of machine, and last digits alone differ
	Differences []difference        `json:"differences"`
	Profiles    []recordedProfile   `json:"profiles"` // that were given; that those in the bundle are what their names say is known
	Other       *otherVerdict       `json:"other"`
}

type shortVerdict struct {
	Verdict verdict.Outcome `json:"verdict"`
	Summary string          `json:"summary"`
}

// otherVerdict is what other policies or limits would have said.
type otherVerdict struct {
	Policy string `json:"policy"`
	shortVerdict
}

// reproduced tells whether the recorded verdict was derived again.
func (r replayed) reproduced() bool { return len(r.Differences) == 0 || r.Rounding }

// same is the exit code 0.
func (r replayed) same() bool {
	return r.reproduced() && (r.Other == nil || r.Other.Verdict == r.Recorded.Verdict)
}

func (r replayed) write(to io.Writer, format string) error {
	r.Result = "same"
	switch {
	case r.Rounding:
		r.Result = "rounding"
	case !r.reproduced():
		r.Result = "different"
	}
	var out []byte
	var err error
	if out = r.text(); format == "json" {
		out, err = indented(r)
	}
	if err != nil {
		return err
	}
	_, err = to.Write(out)
	return err
}

func (r replayed) text() []byte {
	var out bytes.Buffer
	line := func(format string, args ...any) { out.WriteString(printable(fmt.Sprintf(format, args...)) + "\n") }
	switch {
	case r.Rounding:
		line("SAME but for rounding: this is another kind of machine, and only last digits differ")
	case r.reproduced():
		line("SAME: the verdict and all that it stands on were derived again, byte for byte")
	case r.Recorded.Verdict == r.Replayed.Verdict:
		line("DIFFERENT: the verdict is the same, what it stands on is not")
	default:
		line("DIFFERENT: another verdict")
	}
	line("")
	line("recorded  %s", r.Recorded.Summary)
	if !r.reproduced() {
		line("replayed  %s", r.Replayed.Summary)
	}
	if r.Other != nil {
		line("others    %s", r.Other.Summary)
		line("          by policies %s", r.Other.Policy)
	}
	line("bundle    %s", r.Bundle)
	line("policies  %s", r.Policy)
	e := r.Environment
	line("made by   heapgate %s, OPA %s, %s, %s, from %s", e.Heapgate, e.OPA, e.Go, e.Platform, e.Store)
	if r.Signed {
		line("signed    by whom says heapgate verify")
	} else {
		line("signed    no: who made it is not known")
	}
	for _, p := range r.Profiles[:min(len(r.Profiles), bundle.DefaultLimits().Files)] {
		state := ""
		if p.LeftOut {
			state = "; left out of the bundle"
		}
		line("profile   %s, %d bytes, sha256:%s%s", p.File, p.Bytes, p.SHA256, state)
	}
	if len(r.Differences) > 0 {
		line("")
	}
	for _, d := range r.Differences[:min(maxDifferences, len(r.Differences))] {
		line("%s %s: recorded %s, replayed %s", d.File, d.Field, d.Recorded, d.Replayed)
	}
	if more := len(r.Differences) - maxDifferences; more > 0 {
		line("and %d more; -o json lists all", more)
	}
	return out.Bytes()
}
