// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Mode says what the findings of a rule do.
type Mode string

const (
	Enforce Mode = "enforce" // they decide
	Caution Mode = "warn"    // what would stop something warns
	DryRun  Mode = "dryrun"  // they are written down and stop nothing
)

// parseModes reads limits.modes, which the schema has already held to the three words. A pack of an older version has none. A rule that
// does not exist would be enforced in spite of its mode under a misspelled id, or the other way round.
func parseModes(limits map[string]any, rules []Rule) (map[string]Mode, error) {
	given, _ := limits["modes"].(map[string]any)
	modes := make(map[string]Mode, len(given))
	for _, id := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(rules, func(r Rule) bool { return r.ID == id }) {
			return nil, fmt.Errorf("limits.modes: there is no rule %q; known: %s", id, strings.Join(idsOf(rules), ", "))
		}
		word, _ := given[id].(string)
		mode := Mode(word)
		if mode != Enforce && mode != Caution && mode != DryRun {
			return nil, fmt.Errorf("limits.modes.%s: want enforce, warn or dryrun (got %v)", id, given[id])
		}
		modes[id] = mode
	}
	return modes, nil
}

func idsOf(rules []Rule) []string {
	ids := make([]string, len(rules))
	for i, rule := range rules {
		ids[i] = rule.ID
	}
	slices.Sort(ids)
	return ids
}

// mode is that of one rule at a time: the one that limits.modes names, else warn until the rule's effective_on, else enforce.
func (p *Pack) mode(rule Rule, now time.Time) Mode {
	if named, ok := p.modes[rule.ID]; ok {
		return named
	}
	if now.Before(rule.EffectiveOn) {
		return Caution
	}
	return Enforce
}

// Modes is by id the mode of every rule at a time, of evidence and of manifests.
func (p *Pack) Modes(now time.Time) map[string]Mode {
	modes := map[string]Mode{}
	for _, rule := range slices.Concat(p.gate.rules, p.manifest.rules) {
		modes[rule.ID] = p.mode(rule, now)
	}
	return modes
}

// effectiveOn reads custom.effective_on: a date, or a time of RFC 3339. Absent is the zero time.
func effectiveOn(given any) (time.Time, error) {
	if given == nil {
		return time.Time{}, nil
	}
	text, _ := given.(string)
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("want a date such as \"2026-12-24\" for custom.effective_on, got %v", given)
}
