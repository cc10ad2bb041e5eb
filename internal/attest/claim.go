// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package attest says of an image what the gate decided about it, so that others can check who said it and on what evidence:
//
//  1. A Claim is one verdict about one image.
//  2. It becomes two in-toto Statements (v1) about that image: a Simple Verification Result (svr/v0.2), which any policy engine reads, and
//     our own predicate, which names the evidence bundle, the policies and the reasons.
//  3. Each is signed as a DSSE envelope; both are lines of one text (in-toto calls that a bundle of attestations).
//  4. Verify opens both with keys that the caller trusts, and holds them to each other, to the time and to what the caller wants. Nothing
//     of an envelope is believed before its signature.
//
// Formats: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, .../predicates/svr.md and
// https://github.com/secure-systems-lab/dsse. The package has no clock and reaches nothing outside.
package attest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// The types of what is signed.
const (
	PayloadType   = "application/vnd.in-toto+json"
	StatementType = "https://in-toto.io/Statement/v1"
	SVR           = "https://in-toto.io/attestation/svr/v0.2"
	VerdictV1     = "https://heapgate.dev/attestation/verdict/v1"
)

// Claim is one verdict about one image.
type Claim struct {
	Image    string // name of the subject, for readers: an image or a workload
	Digest   string // of the image: sha256:... or sha512:...
	Workload string
	Verifier string // URI that says who decided, with a version of what that means
	Version  string // of the program
	Created  time.Time

	Outcome  string // pass, fail, inconclusive or error
	WouldBe  string // without exceptions and modes
	Reasons  []Reason
	Excepted []string // names of the exceptions that were applied

	Evidence    string // digest of the evidence bundle
	Policy      string // digest of the policies
	OPA         string // version
	WindowStart time.Time
	WindowEnd   time.Time
	Baseline    string // kind: concurrent, previous, last_week or none
}

// Reason is why, without a number that the evidence does not hold.
type Reason struct {
	Code  string   `json:"code"`
	Rules []string `json:"rules"`
	Text  string   `json:"text"`
}

// The outcome that has the property.
const pass = "pass"

// The properties of a Simple Verification Result, which says only what holds.
const (
	PropertyMeasured = "HEAPGATE_MEASURED"            // there is evidence, whatever it says
	PropertyPass     = "HEAPGATE_PASS"                // the verdict is pass
	PropertyClean    = "HEAPGATE_PASS_NO_EXCEPTION"   // and it would be without exceptions and modes
	PropertyExcepted = "HEAPGATE_PASS_WITH_EXCEPTION" // and it is only because of them
)

func (c Claim) properties() []string {
	all := []string{}
	if c.Outcome != "error" {
		all = append(all, PropertyMeasured)
	}
	switch {
	case c.Outcome == pass && c.WouldBe == pass && len(c.Excepted) == 0:
		all = append(all, PropertyPass, PropertyClean)
	case c.Outcome == pass:
		all = append(all, PropertyPass, PropertyExcepted)
	}
	return all
}

// digestForm is what OCI registers: the algorithms with their lengths.
var digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)

var outcomes = map[string]bool{pass: true, "fail": true, "inconclusive": true, "error": true}

func (c Claim) check() error {
	for name, digest := range map[string]string{"the image": c.Digest, "the evidence": c.Evidence, "the policies": c.Policy} {
		if !digestForm.MatchString(digest) {
			return &Error{KindSubject, fmt.Errorf("a statement needs the digest of %s, sha256: and 64 hex digits (got %q)", name, digest)}
		}
	}
	switch {
	case !outcomes[c.Outcome] || !outcomes[c.WouldBe]:
		return malformed("an outcome is pass, fail, inconclusive or error (got %q, and %q without exceptions)", c.Outcome, c.WouldBe)
	case c.Image == "" || c.Verifier == "":
		return malformed("a statement needs the name of its subject and a verifier (got %q and %q)", c.Image, c.Verifier)
	case c.Created.IsZero():
		return malformed("a statement needs the time of the verdict")
	}
	return nil
}

// digestSet writes "sha256:00ff" as {"sha256": "00ff"}.
func digestSet(digest string) map[string]string {
	algorithm, value, _ := strings.Cut(digest, ":")
	return map[string]string{algorithm: value}
}

// digestOf is the one digest of a set, which may hold no second one: two could name two things.
func digestOf(set map[string]string) (string, error) {
	if len(set) == 1 {
		for algorithm, value := range set {
			if text := algorithm + ":" + value; digestForm.MatchString(text) {
				return text, nil
			}
		}
	}
	return "", fmt.Errorf("want one digest, sha256 or sha512 in hex (got %d: %.200v)", len(set), set)
}
