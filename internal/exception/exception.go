// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package exception reads a GateException: who lets which image pass which rules, until when and how often. It is what breaks the glass,
// so it is narrow by its form and not by anybody's care:
//
//  1. read: one YAML document, or an object of the API server, with limits and without unknown fields (read.go);
//  2. Validate: every mistake at once;
//  3. Matches: the image digest always, and the Application or the workload;
//  4. Refusal: why it does not hold at a time: no second person, too early, too late, used up;
//  5. Use: one sync of one revision is one use, which its status remembers (use.go).
//
// The policy rule EXC-001 decides a second time on what Given hands it; an exception holds only if both say so.
package exception

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/heapgate/heapgate/internal/guard"
)

// What the API server calls it, and the one namespace in which it counts.
const (
	APIVersion = "heapgate.dev/v1alpha1"
	Kind       = "GateException"
	Namespace  = "heapgate-exceptions"
)

// Bounds. The CustomResourceDefinition in deploy/exceptions has the same.
const (
	MaxLife   = 72 * time.Hour // from notBefore to expires
	MaxUses   = 10
	maxRules  = 20
	maxReason = 1024 // bytes
	maxWord   = 253
)

// Exception is one GateException.
type Exception struct {
	Name string
	Spec Spec
	// Status is written by the gate alone.
	Uses int   // of which status tells; at least len(Used)
	Used []Use // oldest first
}

// Spec is what its author wrote; Approver is added by a second person, and nothing else is ever changed.
type Spec struct {
	Application string // name as Argo CD marks its objects; or
	Namespace   string // the namespace and
	Workload    string // KIND/NAME
	ImageDigest string
	Rules       []string
	Reason      string
	Ticket      string
	Author      string
	Approver    string // "": not approved yet
	NotBefore   time.Time
	Expires     time.Time
	MaxUses     int
}

var (
	ruleID     = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,15}-[0-9]{3}$`)
	ticketID   = regexp.MustCompile(`^([A-Z][A-Z0-9]{1,15}-[0-9]{1,9}|https://[!-~]{1,240})$`)
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	namespace  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
)

// Validate names every mistake at once. An exception that nobody has approved yet is no mistake.
func (e Exception) Validate() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	s := e.Spec
	if !objectName.MatchString(e.Name) {
		wrong("metadata.name must be the name of an object (got %.80q)", e.Name)
	}
	s.checkScope(wrong)
	if !guard.IsDigest(s.ImageDigest) {
		wrong("spec.imageDigest must be sha256: and 64 hex digits (got %.80q)", s.ImageDigest)
	}
	s.checkRules(wrong)
	if len(s.Reason) > maxReason || strings.TrimSpace(s.Reason) == "" || !printable(s.Reason) {
		wrong("spec.reason must be a printable text of 1 to %d bytes (got %d bytes)", maxReason, len(s.Reason))
	}
	if !ticketID.MatchString(s.Ticket) {
		wrong("spec.ticket must be like OPS-123 or an https address (got %.80q)", s.Ticket)
	}
	if s.Author == "" || len(s.Author) > maxWord || !printable(s.Author) {
		wrong("spec.author must be the user who creates it, as the API server calls them (got %.80q)", s.Author)
	}
	if len(s.Approver) > maxWord || !printable(s.Approver) || s.Approver != "" && s.Approver == s.Author {
		wrong("spec.approver must be another user than the author (got %.80q)", s.Approver)
	}
	s.checkTimes(wrong)
	if s.MaxUses < 1 || s.MaxUses > MaxUses {
		wrong("spec.maxUses must be 1 to %d (got %d)", MaxUses, s.MaxUses)
	}
	return errors.Join(problems...)
}

func (s Spec) checkScope(wrong func(string, ...any)) {
	kind, name, ok := strings.Cut(s.Workload, "/")
	switch {
	case s.Application == "" && s.Workload == "":
		wrong("spec.application, or spec.namespace and spec.workload, must say what it is for")
	case s.Application != "" && s.Workload != "":
		wrong("spec.application and spec.workload must not both be given (got %.80q and %.80q)", s.Application, s.Workload)
	case s.Workload != "" && (!ok || !guard.IsKind(kind) || !objectName.MatchString(name)):
		wrong("spec.workload must be KIND/NAME with the kind %s (got %.80q)", guard.Kinds(), s.Workload)
	case s.Workload != "" && s.Namespace == "":
		wrong("spec.workload needs spec.namespace")
	case s.Application != "" && (len(s.Application) > maxWord || !printable(s.Application) || strings.ContainsAny(s.Application, " /*")):
		wrong("spec.application must be the name of an Application (got %.80q)", s.Application)
	}
	if s.Namespace != "" && !namespace.MatchString(s.Namespace) {
		wrong("spec.namespace must be the name of a namespace (got %.80q)", s.Namespace)
	}
}

func (s Spec) checkRules(wrong func(string, ...any)) {
	if len(s.Rules) == 0 || len(s.Rules) > maxRules {
		wrong("spec.rules must be 1 to %d ids of rules (got %d)", maxRules, len(s.Rules))
	}
	for i, id := range s.Rules[:min(len(s.Rules), maxRules)] {
		switch {
		case !ruleID.MatchString(id):
			wrong("spec.rules[%d] must be the id of a rule like MAP-001 (got %.40q)", i, id)
		case strings.HasPrefix(id, "EXC-"):
			wrong("spec.rules[%d] must not be a rule about exceptions (got %s)", i, id)
		case slices.Contains(s.Rules[:i], id):
			wrong("spec.rules[%d] is given twice: %s", i, id)
		}
	}
}

func (s Spec) checkTimes(wrong func(string, ...any)) {
	switch life := s.Expires.Sub(s.NotBefore); {
	case badTime(s.NotBefore) || badTime(s.Expires):
		wrong("spec.notBefore and spec.expires must be times like 2026-11-21T12:00:00Z (got %s and %s)", shown(s.NotBefore), shown(s.Expires))
	case life <= 0:
		wrong("spec.expires must be after spec.notBefore (got %s and %s)", shown(s.Expires), shown(s.NotBefore))
	case life > MaxLife:
		wrong("spec.expires must be at most %g hours after spec.notBefore (got %s)", MaxLife.Hours(), life)
	}
}

func badTime(at time.Time) bool { return at.Year() < 2000 || at.Year() > 9999 }

func shown(at time.Time) string {
	if at.IsZero() {
		return "nothing"
	}
	return at.UTC().Format(time.RFC3339)
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}
