// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/argocd"
	"github.com/heapgate/heapgate/internal/guard"
)

// fromCandidate finds the PodTemplate of this operation and fills in what it tells. None is no error: a chart may give it all by flags.
func (h *hook) fromCandidate(ctx context.Context, s *subject) error {
	if h.own.StartedAt.IsZero() {
		return nil // Nothing says which of them is of this operation.
	}
	objects, err := h.kube.List(ctx, cluster.PodTemplates, h.namespace, guard.LabelCandidate+"=true")
	if err != nil {
		return err
	}
	suffix := "-" + h.own.Suffix(argocd.PreSync)
	for _, object := range objects {
		name := textAt(object, "metadata", "name")
		of := guard.Workload{Kind: textAt(object, "metadata", "annotations", guard.AnnotationWorkloadKind), Name: textAt(object, "metadata", "annotations", guard.AnnotationWorkloadName)}
		if !strings.HasSuffix(name, suffix) || h.workloadName != "" && (of.Kind != h.workloadKind || of.Name != h.workloadName) {
			continue
		}
		if s.candidate != nil {
			return unknown("there are two candidates of this sync, %s and %s; set HEAPGATE_WORKLOAD=KIND/NAME", textAt(s.candidate, "metadata", "name"), name)
		}
		s.candidate = object
		s.workload.Kind, s.workload.Name = of.Kind, of.Name
	}
	if s.candidate == nil {
		return nil
	}
	return h.readCandidate(s)
}

func (h *hook) readCandidate(s *subject) error {
	w := &s.workload
	name := textAt(s.candidate, "metadata", "name")
	if !guard.IsKind(w.Kind) || w.Name == "" {
		return unknown("the candidate %s is of no workload (got %q); add the transformer of deploy/gate for its kind", name, w.Kind+"/"+w.Name)
	}
	template, _ := s.candidate["template"].(map[string]any)
	container := h.container
	if container == "" {
		container = textAt(s.candidate, "metadata", "annotations", guard.AnnotationContainer)
	}
	container, image, err := guard.Container(template, container)
	if err != nil {
		return unknown("the candidate %s: %s", name, err)
	}
	digest, err := guard.Digest(image)
	if err != nil {
		return unknown("%s %s, container %s: %s", w.Kind, w.Name, container, err)
	}
	if w.Digest != "" && w.Digest != digest {
		return unknown("the given image %s is not what is about to be deployed, %s", w.Image, image)
	}
	w.Container, w.Image, w.Digest, s.template = container, image, digest, template
	s.tracking, s.tier = argocd.TrackingOf(s.candidate), tierOf(s.candidate, template)
	if s.application == "" {
		s.application = s.tracking.Application
	}
	return nil
}

// fromLive reads the workload as it runs. Its image must be the one that PreSync admitted: the given one or the candidate's.
func (h *hook) fromLive(ctx context.Context, s *subject) error {
	if s.workload.Name == "" {
		if err := h.findGuarded(ctx, h.kube, s); err != nil || s.workload.Name == "" {
			return err
		}
	}
	object, err := h.kube.Get(ctx, cluster.Workloads[s.workload.Kind], h.namespace, s.workload.Name)
	if err != nil {
		return err
	}
	live, _, err := guard.FromObject(object)
	if err != nil {
		return unknown("what runs: %s", err)
	}
	template, _ := at(object, "spec", "template").(map[string]any)
	if wanted := h.container; wanted != "" && wanted != live.Container {
		if live.Container, live.Image, err = guard.Container(template, wanted); err != nil {
			return unknown("what runs: %s", err)
		}
	}
	if live.Digest, err = guard.Digest(live.Image); err != nil {
		return unknown("%s %s, container %s: %s", live.Kind, live.Name, live.Container, err)
	}
	if s.workload.Digest != "" && s.workload.Digest != live.Digest {
		return unknown("%s %s runs %s, which is not what this sync deploys, %s", live.Kind, live.Name, live.Image, s.workload.Image)
	}
	s.workload.Container, s.workload.Image, s.workload.Digest = live.Container, live.Image, live.Digest
	s.template, s.uid, s.tier = template, textAt(object, "metadata", "uid"), tierOf(object, template)
	if s.application == "" {
		s.tracking = argocd.TrackingOf(object)
		s.application = s.tracking.Application
	}
	return nil
}

// findGuarded takes the only guarded workload of the Application in the namespace.
func (h *hook) findGuarded(ctx context.Context, kube *cluster.Client, s *subject) error {
	var found []guard.Workload
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		objects, err := kube.List(ctx, cluster.Workloads[kind], h.namespace, guard.LabelGuarded+"=true")
		if err != nil {
			return err
		}
		for _, object := range objects {
			if s.application == "" || argocd.TrackingOf(object).Application == s.application {
				found = append(found, guard.Workload{Kind: kind, Name: textAt(object, "metadata", "name")})
			}
		}
	}
	if len(found) == 1 {
		s.workload.Kind, s.workload.Name = found[0].Kind, found[0].Name
	}
	return nil
}

// memoryLimit is the guarded container's limit in bytes; nil if it has none.
func (s subject) memoryLimit() *float64 {
	containers, _ := at(s.template, "spec", "containers").([]any)
	for _, one := range containers {
		container, _ := one.(map[string]any)
		if textAt(container, "name") != s.workload.Container {
			continue
		}
		if bytes, ok := cluster.Quantity(textAt(container, "resources", "limits", "memory")); ok {
			return &bytes
		}
	}
	return nil
}

// at walks down objects decoded from JSON; nil where the path ends early.
func at(object map[string]any, path ...string) any {
	var node any = object
	for _, name := range path {
		branch, _ := node.(map[string]any)
		node = branch[name]
	}
	return node
}

func textAt(object map[string]any, path ...string) string {
	text, _ := at(object, path...).(string)
	return text
}
