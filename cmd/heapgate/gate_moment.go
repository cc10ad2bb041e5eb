// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// lookMoment is all that a look depends on beside the settings, the policies and the store's answers. It is what a replay starts from.
type lookMoment struct {
	Now     time.Time    `json:"now"`
	Since   time.Time    `json:"since"` // of the first look: what is compared begins one window before it, and grows from look to look
	Look    compare.Look `json:"look"`  // the planned look that this is, or, if it is Early, the next one
	Early   bool         `json:"early"` // between two planned looks: nothing is compared yet
	Suspect *suspect     `json:"suspect,omitempty"`
}

// single is the moment of the only look.
func single(now time.Time) lookMoment {
	now = now.Round(0).UTC()
	return lookMoment{Now: now, Since: now, Look: compare.Look{Number: 1, Of: 1}}
}

// done is how many planned looks there were, this one included.
func (m lookMoment) done() int {
	if m.Early {
		return m.Look.Number - 1
	}
	return m.Look.Number
}

func (m lookMoment) final() bool { return !m.Early && m.Look.Number >= m.Look.Of }

// suspect is a site that an earlier look had reason to doubt.
type suspect struct {
	Reason verdict.Reason `json:"reason"`
	Seen   time.Time      `json:"seen"`
}

const ruleMapGrowth = "MAP-001"

// suspicion is the reason that says of a site that it grows fast and keeps what it got, but was not watched for long enough.
func suspicion(v verdict.Verdict) *verdict.Reason {
	for _, one := range v.Reasons {
		if one.Kind == verdict.KindInconclusive && slices.Contains(one.Rules, ruleMapGrowth) && one.Target != "" {
			return &one
		}
	}
	return nil
}

// doubt keeps a suspect from look to look: a map that leaks grows in bursts, and one look between two of them sees nothing. So a pass
// does not count while a site was suspect within the last window. It returns what the next moment has to know.
func (m lookMoment) doubt(v verdict.Verdict, window time.Duration) (verdict.Verdict, *suspect) {
	if one := suspicion(v); one != nil {
		return v, &suspect{*one, m.Now}
	}
	if m.Suspect == nil || v.Outcome != verdict.Pass {
		return v, m.Suspect
	}
	since := m.Now.Sub(m.Suspect.Seen)
	if since >= window {
		return v, m.Suspect
	}
	reason := m.Suspect.Reason
	reason.Text = fmt.Sprintf("%s; that was %s ago, and only a whole window of %s without it is a pass", reason.Text, since.Round(time.Second), shortly(window))
	return verdict.Verdict{Outcome: verdict.Inconclusive, Summary: "inconclusive: " + reason.Text, Reasons: []verdict.Reason{reason}}, m.Suspect
}
