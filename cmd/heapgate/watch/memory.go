// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"fmt"
	"time"

	"github.com/heapgate/heapgate/internal/record"
)

// memory is what the detector has seen before: one entry a workload, and none for workloads that are gone. It is not locked: only the
// loop of Run uses it.
type memory map[string]*seen

type seen struct {
	digest   string
	since    time.Time // when the digest was first seen, or last passed
	last     *entry    // its record at the last look
	tampered string
	decided  Decision
	told     map[string]time.Time // Events, by digest and state
}

// recall compares what is there with what was there, and fills in what only memory knows.
func (m memory) recall(id string, l look, now time.Time) look {
	s := m[id]
	if s == nil || s.digest != l.workload.Digest {
		told := map[string]time.Time{}
		if s != nil {
			told = s.told
		}
		s = &seen{digest: l.workload.Digest, since: now, told: told}
		m[id] = s
	}
	switch was, is := s.last, l.entry; {
	case is != nil && !is.record.Admit:
		s.tampered = ""
	case was != nil && is == nil:
		s.tampered = fmt.Sprintf("the record of this image (%s) was deleted", was.called())
	case was == nil && is != nil:
		s.tampered = "" // written again by whoever may
	case was != nil && was.failed() && is.record.PolicyDigest == was.record.PolicyDigest && is.record.Parameters == was.record.Parameters && is.record.Exception == "":
		// The gate never takes a measured failure back under the same policies and settings: it waits for somebody to delete the record, or
		// for an exception, which the record then names.
		s.tampered = fmt.Sprintf("the record of this image was changed by hand: %s became %s", was.called(), is.called())
	}
	if l.entry == nil || l.entry.problem == nil || s.last == nil || !s.last.failed() {
		s.last = l.entry // A failure is not forgotten by way of something unreadable.
	}
	l.since, l.tampered = s.since, s.tampered
	return l
}

// keep remembers a decision and tells what it was before.
func (m memory) keep(id string, d Decision, now time.Time) (before State) {
	s := m[id]
	before, s.decided = s.decided.State, d
	if d.State == Passed {
		s.since = now
	}
	return before
}

// repeat is how often the same Event about the same image is written again.
const repeat = time.Hour

// due tells whether an Event about a workload's state is to be written now, and remembers it.
func (m memory) due(id string, state State, now time.Time) bool {
	s := m[id]
	for key, at := range s.told {
		if now.Sub(at) >= repeat {
			delete(s.told, key)
		}
	}
	key := s.digest + " " + string(state)
	if _, told := s.told[key]; told || len(s.told) >= maxTold {
		return false
	}
	s.told[key] = now
	return true
}

// maxTold bounds the Events about one workload in an hour.
const maxTold = 20

// forget drops what is not in the cluster any more.
func (m memory) forget(present map[string]bool) {
	for id := range m {
		if !present[id] {
			delete(m, id)
		}
	}
}

func (e *entry) failed() bool {
	return e.problem == nil && e.record.Verdict == record.Fail && e.record.Phase == record.PostSync
}

func (e *entry) called() string {
	if e.problem != nil {
		return "unreadable"
	}
	return fmt.Sprintf("%s of %s at %s", e.record.Verdict, e.record.Phase, e.record.At.Format(time.RFC3339))
}
