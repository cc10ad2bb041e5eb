// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The annotations that make a hook.
const (
	annotationHook     = "argocd.argoproj.io/hook"
	annotationDelete   = "argocd.argoproj.io/hook-delete-policy"
	annotationWave     = "argocd.argoproj.io/sync-wave"
	annotationOptions  = "argocd.argoproj.io/sync-options"
	helmHook           = "helm.sh/hook"
	helmDelete         = "helm.sh/hook-delete-policy"
	helmWeight         = "helm.sh/hook-weight"
	hookSkip           = "Skip"
	beforeHookCreation = "BeforeHookCreation"
	hookFailed         = "HookFailed"
)

var (
	// phases in the order in which Argo CD runs them. SyncFail runs after whichever failed.
	phases       = []string{"PreSync", "Sync", "PostSync", "SyncFail"}
	policies     = []string{"HookSucceeded", hookFailed, beforeHookCreation}
	helmPhases   = map[string]string{"pre-install": "PreSync", "pre-upgrade": "PreSync", "post-install": "PostSync", "post-upgrade": "PostSync"}
	helmPolicies = map[string]string{"before-hook-creation": beforeHookCreation, "hook-succeeded": "HookSucceeded", "hook-failed": hookFailed}
	// Hooks of the deletion of an Application: only as the one word of the annotation, and never part of a sync.
	deletion = []string{"PostDelete", "PreDelete"}
)

// object is one manifest and what Argo CD makes of its annotations.
type object struct {
	file                                        string
	document                                    int // of the file, from 1
	node                                        *yaml.Node
	apiVersion, kind, namespace, name, generate string
	annotations                                 map[string]string

	isHook   bool
	phases   []string // of a hook, in order; empty if Argo CD knows none of the words
	unknown  []string // words that Argo CD passes over
	skip     bool
	wave     int
	policies []string
	// Words of the deletion policy that Argo CD passes over.
	unknownPolicies []string
}

func newObject(file string, node *yaml.Node) *object {
	o := &object{
		file: file, node: node, apiVersion: text(node, "apiVersion"), kind: text(node, "kind"), namespace: text(node, "metadata", "namespace"),
		name: text(node, "metadata", "name"), generate: text(node, "metadata", "generateName"), annotations: map[string]string{},
	}
	if all := at(node, "metadata", "annotations"); all != nil && all.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(all.Content); i += 2 {
			if value := all.Content[i+1]; value.Kind == yaml.ScalarNode {
				o.annotations[all.Content[i].Value] = value.Value
			}
		}
	}
	o.readPhases()
	o.readPolicies()
	o.wave, _ = o.readWave()
	return o
}

// readPhases: words that are no phase are passed over, also all of them; Helm's words count only if none of Argo CD's does.
func (o *object) readPhases() {
	own, argo := o.annotations[annotationHook]
	helm, withHelm := o.annotations[helmHook]
	if argo && slices.Contains(deletion, own) {
		return
	}
	known := map[string]bool{}
	for _, word := range words(own) {
		switch {
		case slices.Contains(phases, word):
			known[word] = true
		case word == hookSkip:
			o.skip = true
		default:
			o.unknown = append(o.unknown, word)
		}
	}
	if argo && len(words(own)) == 0 {
		o.unknown = []string{""}
	}
	o.skip = o.skip && len(known) == 0
	o.isHook = argo && !o.skip || !argo && withHelm && helm != "crd-install"
	if len(known) == 0 && !o.skip {
		for _, word := range words(helm) {
			if phase, ok := helmPhases[word]; ok {
				known[phase] = true
			} else if !argo {
				o.unknown = append(o.unknown, word)
			}
		}
	}
	o.phases = slices.SortedFunc(maps.Keys(known), byRank)
}

// readPolicies: Argo CD's and Helm's words are united; with none known the policy is BeforeHookCreation.
func (o *object) readPolicies() {
	for _, word := range words(o.annotations[annotationDelete]) {
		if slices.Contains(policies, word) {
			o.policies = append(o.policies, word)
		} else {
			o.unknownPolicies = append(o.unknownPolicies, word)
		}
	}
	for _, word := range words(o.annotations[helmDelete]) {
		if policy, ok := helmPolicies[word]; ok {
			o.policies = append(o.policies, policy)
		}
	}
	if len(o.policies) == 0 {
		o.policies = []string{beforeHookCreation}
	}
}

// readWave: what is not a whole number counts as 0. The bool tells whether the annotation could be read, or is not there.
func (o *object) readWave() (int, bool) {
	value, given := o.annotations[annotationWave]
	if wave, err := strconv.Atoi(value); err == nil {
		return wave, true
	}
	weight, _ := strconv.Atoi(o.annotations[helmWeight])
	return weight, !given
}

// first is when an object is applied for the first time: the rank of the phase, then the wave.
func (o *object) first() (phase, wave int) {
	if o.isHook && len(o.phases) > 0 {
		return rank(o.phases[0]), o.wave
	}
	return rank("Sync"), o.wave
}

// words of an annotation that is a list: blanks around a comma do not count, a word twice counts once.
func words(value string) (all []string) {
	for _, word := range strings.Split(value, ",") {
		if word = strings.TrimSpace(word); word != "" && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

func rank(phase string) int { return slices.Index(phases, phase) }

func byRank(a, b string) int { return cmp.Compare(rank(a), rank(b)) }

// called is how people know the object.
func (o *object) called() string {
	name := o.name
	if name == "" && o.generate != "" {
		name = o.generate + "*"
	}
	if o.namespace != "" {
		name = o.namespace + "/" + name
	}
	return o.kind + " " + name
}
