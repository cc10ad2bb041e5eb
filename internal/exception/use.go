// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exception

import (
	"fmt"
	"time"
)

// Subject is the sync that an exception could be for.
type Subject struct {
	Application, Namespace string
	Workload               string // KIND/NAME
	Digest, Revision       string
}

// Use is one sync that an exception let go on.
type Use struct {
	Namespace string    `json:"namespace"`
	Workload  string    `json:"workload"`
	Revision  string    `json:"revision"`
	WouldBe   string    `json:"wouldBe"` // the verdict without the exception
	At        time.Time `json:"at"`
}

func (u Use) of(s Subject) bool {
	return u.Namespace == s.Namespace && u.Workload == s.Workload && u.Revision == s.Revision
}

// Matches tells whether the exception is for this image of this Application or workload.
func (e Exception) Matches(s Subject) bool {
	p := e.Spec
	if p.ImageDigest != s.Digest || s.Digest == "" || p.Namespace != "" && p.Namespace != s.Namespace {
		return false
	}
	if p.Workload != "" {
		return p.Workload == s.Workload
	}
	return p.Application != "" && p.Application == s.Application
}

// The reasons of a refusal, with the words of the rule EXC-001.
const (
	Malformed = "malformed"
	Approver  = "approver"
	NotYet    = "not_yet"
	Expired   = "expired"
	UsedUp    = "uses"
)

// Refusal is why the exception does not hold at a time; "" if it does. uses is how often others have used it.
func (e Exception) Refusal(now time.Time, uses int) string {
	switch {
	case e.Validate() != nil || uses < 0:
		return Malformed
	case !now.Before(e.Spec.Expires):
		return Expired
	case e.Spec.Approver == "":
		return Approver
	case now.Before(e.Spec.NotBefore):
		return NotYet
	case uses >= e.Spec.MaxUses:
		return UsedUp
	}
	return ""
}

// Others is how often it was used by other syncs than this one: the second phase of a sync is no second use.
func (e Exception) Others(s Subject) int {
	if e.counted(s) {
		return e.Uses - 1
	}
	return e.Uses
}

func (e Exception) counted(s Subject) bool {
	for _, one := range e.Used {
		if one.of(s) {
			return true
		}
	}
	return false
}

// LastUse is when it was used last; zero if it never was.
func (e Exception) LastUse() (last time.Time) {
	for _, one := range e.Used {
		if one.At.After(last) {
			last = one.At
		}
	}
	return last
}

// Count writes down one use. The bool tells whether there is something to store: a sync that was counted stays counted. Whoever may not
// use it any more gets an error.
func (e Exception) Count(s Subject, wouldBe string, now time.Time) (Exception, bool, error) {
	if !e.Matches(s) {
		return e, false, fmt.Errorf("the exception %s is for something else", e.Name)
	}
	if refused := e.Refusal(now, e.Others(s)); refused != "" {
		return e, false, fmt.Errorf("the exception %s does not hold any more: %s", e.Name, refused)
	}
	if e.counted(s) {
		return e, false, nil
	}
	e.Used = append(e.Used[:len(e.Used):len(e.Used)], Use{s.Namespace, s.Workload, s.Revision, wouldBe, now.UTC().Truncate(time.Second)})
	e.Uses++
	return e, true, nil
}

// Given is the exception as the policies' input has it, with the uses of others.
func (e Exception) Given(s Subject) map[string]any {
	p := e.Spec
	rules := make([]any, 0, len(p.Rules))
	for _, id := range p.Rules {
		rules = append(rules, id)
	}
	given := map[string]any{
		"name": e.Name, "image_digest": p.ImageDigest, "rules": rules, "author": p.Author, "approver": p.Approver, "ticket": p.Ticket, "reason": p.Reason,
		"starts": shown(p.NotBefore), "expires": shown(p.Expires), "max_uses": p.MaxUses, "uses": e.Others(s),
	}
	if p.Application != "" {
		given["application"] = p.Application
	}
	if p.Namespace != "" {
		given["namespace"] = p.Namespace
	}
	return given
}
