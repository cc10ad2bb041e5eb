// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"fmt"
	"slices"
	"time"

	"github.com/heapgate/heapgate/internal/guard"
	"github.com/heapgate/heapgate/internal/record"
)

// State is what the detector says of one workload.
type State string

// The states. The attribute state of heapgate.workload.unverified has exactly these values.
const (
	Passed       State = "passed"       // measured and found good
	Measuring    State = "measuring"    // let in to be measured, and the grace is not over
	Failed       State = "failed"       // measured and found bad, and it still runs
	Inconclusive State = "inconclusive" // let in, and never measured well enough to say
	None         State = "none"         // no verdict that counts: it came in without the gate
	Unpinned     State = "unpinned"     // no digest, so no verdict can be about it
)

// Unverified tells whether somebody should look.
func (s State) Unverified() bool { return s != Passed && s != Measuring }

// look is everything from which the state of one workload is decided.
type look struct {
	workload guard.Workload
	problem  error     // why its container cannot be told
	entry    *entry    // the record of its digest; nil if there is none
	since    time.Time // when the digest was first seen without a pass; zero if that is not known
	excuse   *excuse   // the exception by which the record is a pass; nil if there is none
	tampered string    // what was done to the record, as far as the detector has seen it
}

// Decision is a state and the sentence that says why.
type Decision struct {
	State  State
	Reason string
}

// skew is how far the clocks of the gate and of the detector may be apart.
const skew = 5 * time.Minute

// decide is the whole judgement. Whatever is missing, unreadable or contradicts itself is no pass.
func decide(l look, now time.Time, grace time.Duration, writers []string) Decision {
	if l.problem != nil {
		return Decision{None, l.problem.Error()}
	}
	if _, err := guard.Digest(l.workload.Image); err != nil {
		return Decision{Unpinned, err.Error()}
	}
	if reason := l.distrust(writers); reason != "" {
		return Decision{None, reason}
	}
	r := l.entry.record
	at := r.At.Format(time.RFC3339)
	if r.Exception != "" {
		if ended := l.ended(r, now); ended != "" {
			state := Inconclusive
			if r.Says() == record.Fail {
				state = Failed
			}
			return Decision{state, fmt.Sprintf("let in at %s by the exception %s, which %s, and still runs: %s", at, r.Exception, ended, r.Summary)}
		}
	}
	switch {
	case r.Exception != "" && r.Phase == record.PostSync:
		return Decision{Passed, fmt.Sprintf("passed at %s by the exception %s until %s; it would be %s", at, r.Exception, l.excuse.Spec.Expires.Format(time.RFC3339), r.WouldBe)}
	case r.Verdict == record.Fail:
		return Decision{Failed, fmt.Sprintf("failed at %s and still runs: %s", at, r.Summary)}
	case r.Verdict == record.Pass && r.Phase == record.PostSync:
		return Decision{Passed, "passed at " + at}
	}
	// Let in, and not measured; or measured without an answer, which the next sync may still bring.
	started := r.At
	if !l.since.IsZero() && l.since.Before(started) {
		started = l.since // Each retry of a sync writes the record again: that must not prolong the grace for ever.
	}
	waited := "admitted at " + at + " to be measured"
	if r.Verdict != record.Pass {
		waited = fmt.Sprintf("%s at %s: %s", r.Verdict, at, r.Summary)
	}
	switch {
	case r.At.After(now.Add(skew)):
		return Decision{Inconclusive, waited + "; that time is still to come, so the grace does not count"}
	case now.Sub(started) < grace:
		return Decision{Measuring, waited}
	}
	return Decision{Inconclusive, fmt.Sprintf("%s; no pass followed within %s", waited, grace)}
}

// distrust says why there is no record that counts; "" if there is one.
func (l look) distrust(writers []string) string {
	switch e := l.entry; {
	case e == nil && l.tampered != "":
		return l.tampered
	case e == nil:
		return "no verdict is recorded for this image: it came in without the gate"
	case e.problem != nil:
		return "the record of this image cannot be read: " + e.problem.Error()
	case e.record.Digest != l.workload.Digest:
		return "the record of this image is about another digest, " + e.record.Digest
	case e.record.Container != "" && e.record.Container != l.workload.Container:
		return fmt.Sprintf("the record of this image is about the container %q, and %q is guarded", e.record.Container, l.workload.Container)
	case l.tampered != "":
		return l.tampered
	case e.writer != "" && len(writers) > 0 && !slices.Contains(writers, e.writer):
		return fmt.Sprintf("the record of this image was written by %s and not by the gate", e.writer)
	}
	return ""
}
