// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// annotations looks at every object: a hook that is misspelt is an ordinary resource, or none at all.
func (c *checker) annotations(o *object, isGate bool) {
	misspelt := c.keys(o)
	c.values(o)
	path := func(key string) int { return line(o.node, "metadata", "annotations", key) }
	for _, word := range o.unknown {
		key, known := annotationHook, append(slices.Clone(phases), hookSkip)
		if _, argo := o.annotations[annotationHook]; !argo {
			if key, known = helmHook, slices.Sorted(maps.Keys(helmPhases)); !isGate {
				continue // Helm has phases that Argo CD leaves out on purpose: tests and rollbacks
			}
		}
		c.report("HOOK-001", o, path(key), fmt.Sprintf("%s: %q, which Argo CD passes over", key, word), suggestion(word, known))
	}
	for _, word := range o.unknownPolicies {
		c.report("HOOK-002", o, path(annotationDelete), fmt.Sprintf("%s: %q, which Argo CD passes over", annotationDelete, word), suggestion(word, policies))
	}
	if _, ok := o.readWave(); !ok {
		c.report("HOOK-006", o, path(annotationWave), fmt.Sprintf("%s: %q, which counts as wave %d", annotationWave, o.annotations[annotationWave], o.wave), `a whole number as text, like "-1"`)
	}
	c.helm(o)
	if isGate && !misspelt {
		c.noHook(o)
	}
}

// keys finds annotations whose key is nearly one of Argo CD's. It tells whether the key of the hook itself is among them.
func (c *checker) keys(o *object) (hook bool) {
	known := []string{annotationHook, annotationDelete, annotationWave, annotationOptions}
	for _, key := range slices.Sorted(maps.Keys(o.annotations)) {
		if slices.Contains(known, key) {
			continue
		}
		nearest, distance := nearest(key, known)
		if distance > 3 {
			continue
		}
		hook = hook || nearest == annotationHook
		c.report("HOOK-003", o, line(o.node, "metadata", "annotations", key), fmt.Sprintf("the annotation %q, which means nothing to Argo CD", key), nearest)
	}
	return hook
}

// values: Kubernetes' own code gives back no annotation at all if one of them is no text, so the hook is none.
func (c *checker) values(o *object) {
	all := at(o.node, "metadata", "annotations")
	if all == nil || all.Kind != yaml.MappingNode {
		return
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(o.annotations)), func(key string) bool { return strings.HasPrefix(key, "argocd.argoproj.io/") }) {
		return
	}
	for i := 0; i+1 < len(all.Content); i += 2 {
		key, value := all.Content[i].Value, all.Content[i+1]
		if isText(value) {
			continue
		}
		got := fmt.Sprintf("%s: a %s", key, kindOf(value))
		if value.Kind == yaml.ScalarNode {
			got = fmt.Sprintf("%s: %.100s, which is no text without quotes", key, value.Value)
		}
		c.report("HOOK-005", o, all.Content[i].Line, got, "a text in quotes: with one value of another type Kubernetes' own code gives back no annotation at all, and the hook is none")
	}
}

func (c *checker) helm(o *object) {
	if _, argo := o.annotations[annotationHook]; !argo {
		return
	}
	for _, key := range []string{helmHook, helmDelete, helmWeight} {
		if value, ok := o.annotations[key]; ok {
			c.report("HOOK-007", o, line(o.node, "metadata", "annotations", key), fmt.Sprintf("%s: %q beside %s", key, value, annotationHook),
				"one of the two sets: Argo CD unites their deletion policies and takes Helm's phase and weight where its own cannot be read")
			return
		}
	}
}

func (c *checker) noHook(o *object) {
	switch _, annotated := o.annotations[annotationHook]; {
	case o.skip:
		c.report("HOOK-004", o, line(o.node, "metadata", "annotations", annotationHook), annotationHook+": Skip, which leaves the gate out of every sync", "PreSync,PostSync,SyncFail")
	case annotated && !o.isHook || len(o.unknown) > 0:
		return // a hook of the deletion, or told by HOOK-001
	case !o.isHook:
		c.report("HOOK-004", o, line(o.node, "metadata", "annotations"), "no annotation "+annotationHook+": the gate is applied together with what it should judge", annotationHook+": PreSync,PostSync,SyncFail")
	}
}

// suggestion names the nearest of the right words first.
func suggestion(word string, known []string) string {
	if word == "" {
		return "one of " + strings.Join(known, ", ")
	}
	best, _ := nearest(word, known)
	return fmt.Sprintf("%s (one of %s)", best, strings.Join(known, ", "))
}

// nearest is the known word with the fewest edits from the given one, case aside, and their number.
func nearest(word string, known []string) (best string, distance int) {
	distance = len(word) + 100
	for _, candidate := range known {
		if d := edits(strings.ToLower(word), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best, distance
}

// edits is the Levenshtein distance. Words longer than any annotation of ours are not compared.
func edits(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}

func anchor(id string) string { return strings.ToLower(id) }
