// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"regexp"
	"slices"
	"strings"
)

// The files of a bundle.
const (
	Manifest    = "manifest.json"            // all below with size and sha256
	Attestation = "attestation.intoto.jsonl" // not in the manifest: statements about its digest, one DSSE envelope a line

	Settings    = "settings.json"    // of the gate, without credentials
	Moment      = "moment.json"      // the time of the look, and what earlier looks left
	Answers     = "answers.json"     // the questions to the store with its answers, in the order asked
	Policy      = "policy.zip"       // the source of the policies, stored and not compressed (see Tree)
	Decision    = "decision.json"    // verdict and findings
	Environment = "environment.json" // versions of what judged

	Input   = "input.json" // the evidence as the policies got it; absent if there was none
	Stats   = "stats.json" // every intermediate number of the comparison; absent without one
	Sites   = "sites.json" // the sites that changed; absent without a comparison
	profile = "profiles/"  // and the sha256 of the content in 64 hex digits
)

var (
	required = []string{Settings, Moment, Answers, Policy, Decision, Environment}
	optional = []string{Input, Stats, Sites}
)

// Profile is the name of the file of a profile.
func Profile(content []byte) string { return profile + hash(content) }

// ProfileHash is the hash in the name of a profile's file, 64 hex digits; false for all other names that a bundle may have.
func ProfileHash(name string) (string, bool) { return strings.CutPrefix(name, profile) }

var profileName = regexp.MustCompile(`^profiles/[0-9a-f]{64}$`)

// listed tells whether a manifest may list the name.
func listed(name string) bool {
	return slices.Contains(required, name) || slices.Contains(optional, name) || profileName.MatchString(name)
}

// named holds a profile to its name.
func named(name string, content []byte) error {
	if profileName.MatchString(name) && name != Profile(content) {
		return tampered("%s is not the profile of this name", name)
	}
	return nil
}
