// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/heapgate/heapgate/internal/hooks"
	"github.com/heapgate/heapgate/policies"
)

// workloadKinds are the kinds with a pod and the API groups that they are of; podPaths is where their pod's spec is.
var (
	workloadKinds = map[string][]string{
		"Pod": {""}, "PodTemplate": {""}, "Deployment": {"apps"}, "StatefulSet": {"apps"}, "DaemonSet": {"apps"}, "ReplicaSet": {"apps"},
		"Job": {"batch"}, "CronJob": {"batch"}, "Rollout": {"argoproj.io"}, "Service": {"serving.knative.dev"},
	}
	podPaths = map[string][]any{
		"Pod": {"spec"}, "PodTemplate": {"template", "spec"}, "CronJob": {"spec", "jobTemplate", "spec", "template", "spec"},
	}
)

func isWorkload(o hooks.Object) bool {
	group, _, isGroup := strings.Cut(o.APIVersion, "/")
	if !isGroup {
		group = ""
	}
	for _, known := range workloadKinds[o.Kind] {
		// A group that no longer serves the kind, such as extensions, is still a Deployment to whoever wrote it.
		if group == known || known != "argoproj.io" && known != "serving.knative.dev" && !strings.Contains(group, ".") {
			return true
		}
	}
	return false
}

func podPath(o hooks.Object) []any {
	if path, ok := podPaths[o.Kind]; ok {
		return path
	}
	return []any{"spec", "template", "spec"}
}

// variables are the environment variables that the signals of rules are about.
var variables = map[string]string{"gomemlimit": "GOMEMLIMIT", "gogc": "GOGC", "gomaxprocs": "GOMAXPROCS", "godebug": "GODEBUG"}

// fields are where in a container else the signals of rules are.
var fields = map[string][]any{
	"image": {"image"}, "memory_limit": {"resources", "limits", "memory"}, "memory_request": {"resources", "requests", "memory"},
	"cpu_limit": {"resources", "limits", "cpu"}, "pprof": {"ports"},
}

// lineOf is the line of the field that a finding is about, as deep as it is there: of a variable, of the container, of the object.
func lineOf(o hooks.Object, f policies.Finding) int {
	pod := podPath(o)
	if f.Signal == "tmpfs" {
		return o.LineOf(append(pod[:len(pod):len(pod)], "volumes")...)
	}
	for _, list := range []string{"containers", "initContainers"} {
		path := append(pod[:len(pod):len(pod)], list)
		for i := range o.Length(path...) {
			container := append(path[:len(path):len(path)], i)
			if f.Target != "" && o.Text(append(container, "name")...) != f.Target {
				continue
			}
			if f.Target == "" && i == 0 && list == "containers" && o.Length(path...) > 1 {
				return o.LineOf(path...) // of no container in particular
			}
			return lineInContainer(o, container, f.Signal)
		}
	}
	if o.LineOf(pod...) == o.Line {
		return o.Line
	}
	return o.LineOf(append(pod[:len(pod):len(pod)], "containers")...)
}

func lineInContainer(o hooks.Object, container []any, signal string) int {
	below := func(steps ...any) []any { return append(container[:len(container):len(container)], steps...) }
	if name := variables[signal]; name != "" {
		// Of several of one name the last counts.
		for i := o.Length(below("env")...) - 1; i >= 0; i-- {
			if o.Text(below("env", i, "name")...) == name {
				return o.LineOf(below("env", i, "value")...)
			}
		}
		return o.LineOf(container...)
	}
	if steps, ok := fields[signal]; ok {
		return o.LineOf(below(steps...)...)
	}
	return o.LineOf(container...)
}
