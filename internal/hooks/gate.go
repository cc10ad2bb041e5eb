// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// gate is a hook that judges: the object, the pod that it starts, and the container that runs the gate.
type gate struct {
	*object
	specPath  []string // of the pod's spec inside the object; nil for kinds that are not Kubernetes' own
	container *yaml.Node
}

// podSpecs is where each kind keeps the spec of its pods.
var podSpecs = map[string][]string{
	"Pod":     {"spec"},
	"CronJob": {"spec", "jobTemplate", "spec", "template", "spec"},
}

func init() {
	for _, kind := range []string{"Job", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"} {
		podSpecs[kind] = []string{"spec", "template", "spec"}
	}
}

// gates finds the objects that run `heapgate gate`, hooks or not; with AllHooks every hook that runs a container.
func (m *Manifests) gates() (all []gate) {
	for _, o := range m.objects {
		if o.kind == "PodTemplate" || o.kind == "CustomResourceDefinition" {
			continue // they run nothing
		}
		g := gate{object: o, specPath: podSpecs[o.kind]}
		containers := containersBelow(o.node, 0)
		for _, c := range containers {
			if runsGate(c) {
				g.container = c
				break
			}
		}
		if g.container == nil && m.AllHooks && len(containers) > 0 && (o.isHook || o.skip) {
			g.container = containers[0]
		}
		if g.container != nil {
			all = append(all, g)
		}
	}
	return all
}

// containersBelow are the mappings with an image, wherever a kind keeps them: containers, init containers, steps of a workflow.
func containersBelow(n *yaml.Node, depth int) (all []*yaml.Node) {
	if n == nil || depth > maxDepth {
		return nil
	}
	if n.Kind == yaml.MappingNode && text(n, "image") != "" {
		return []*yaml.Node{n}
	}
	for _, child := range n.Content {
		all = append(all, containersBelow(child, depth+1)...)
	}
	return all
}

var gateInShell = regexp.MustCompile(`\bheapgate\s+gate\b`)

// runsGate knows the gate by its command line: the collector and the detector are heapgate too, and an image may have been renamed.
func runsGate(container *yaml.Node) bool {
	command, args := texts(container, "command"), texts(container, "args")
	if len(command) == 0 && len(args) > 0 && args[0] == "gate" && imageName(text(container, "image")) == "heapgate" {
		return true
	}
	line := slices.Concat(command, args)
	for i, word := range line {
		next := ""
		if i+1 < len(line) {
			next = line[i+1]
		}
		if path.Base(word) == "heapgate" && next == "gate" || word == "gate" && next == "hook" || gateInShell.MatchString(word) {
			return true
		}
	}
	return false
}

// imageName is the last part of an image reference, without tag and digest.
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	name, _, _ := strings.Cut(path.Base(image), ":")
	return name
}

// spec is the spec of the gate's pod; nil for foreign kinds.
func (g gate) spec() *yaml.Node {
	if g.specPath == nil {
		return nil
	}
	return at(g.node, g.specPath...)
}

// below is a path inside the pod's spec.
func (g gate) below(path ...string) []string { return slices.Concat(g.specPath, path) }
