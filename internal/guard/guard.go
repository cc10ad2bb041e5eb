// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package guard says which workloads heapgate guards, which of their containers, and which image that container runs. The gate, the
// detector and the admission policies read the same labels and annotations by the same rules:
//
//  1. a Deployment, StatefulSet or DaemonSet with the label LabelGuarded: "true" is guarded;
//  2. its guarded container is the one that AnnotationContainer names, else the first;
//  3. that container's image must be pinned by a sha256 digest, because a tag can be moved to another image.
package guard

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The labels and annotations of the rules.
const (
	LabelGuarded           = "heapgate.dev/guarded"
	AnnotationContainer    = "heapgate.dev/container"
	LabelCandidate         = "heapgate.dev/candidate"     // on a PodTemplate: the pod that is about to be deployed
	AnnotationWorkloadKind = "heapgate.dev/workload-kind" // on a candidate: what it will be deployed as
	AnnotationWorkloadName = "heapgate.dev/workload-name"
)

// Workload is one thing that can be guarded. Digest is empty if Image is not pinned; Digest(Image) then says why.
type Workload struct {
	Namespace, Kind, Name, Container, Image, Digest string
}

var kinds = []string{"Deployment", "StatefulSet", "DaemonSet"}

// IsKind tells whether a kind of object can be guarded.
func IsKind(kind string) bool { return slices.Contains(kinds, kind) }

// Kinds names the kinds that can be guarded, for a sentence.
func Kinds() string { return "Deployment, StatefulSet or DaemonSet" }

// FromObject reads a workload decoded from JSON. The bool tells whether it is guarded; the fields are filled either way.
func FromObject(object map[string]any) (Workload, bool, error) {
	w := Workload{Kind: text(object, "kind"), Namespace: text(object, "metadata", "namespace"), Name: text(object, "metadata", "name")}
	if !IsKind(w.Kind) || w.Name == "" || !strings.HasPrefix(text(object, "apiVersion"), "apps/") {
		return w, false, fmt.Errorf("want a %s of apps/v1 with a name (got %s %q of %q)", Kinds(), w.Kind, w.Name, text(object, "apiVersion"))
	}
	template, _ := at(object, "spec", "template").(map[string]any)
	var err error
	w.Container, w.Image, err = Container(template, text(object, "metadata", "annotations", AnnotationContainer))
	if err != nil {
		return w, Guarded(object), fmt.Errorf("%s %s: %w", w.Kind, w.Name, err)
	}
	w.Digest, _ = Digest(w.Image) // Not pinned: the caller says what follows from that.
	return w, Guarded(object), nil
}

// Guarded tells whether an object carries the label.
func Guarded(object map[string]any) bool {
	return text(object, "metadata", "labels", LabelGuarded) == "true"
}

// Container finds the guarded container of a pod template: the named one, or the first for "". It returns its name and its image.
func Container(template map[string]any, named string) (container, image string, err error) {
	list, _ := at(template, "spec", "containers").([]any)
	if len(list) == 0 {
		return "", "", fmt.Errorf("the pod template has no containers")
	}
	for _, one := range list {
		object, _ := one.(map[string]any)
		container = text(object, "name")
		if named != "" && container != named {
			continue
		}
		if image = text(object, "image"); image == "" || container == "" {
			return container, "", fmt.Errorf("the container %q has no name or no image", container)
		}
		return container, image, nil
	}
	return named, "", fmt.Errorf("the pod template has no container %q", named)
}

// OCI image specification: a digest of the algorithm that every registry serves.
var digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// A repository with an optional tag; strict enough to keep everything else out of shells, logs and records.
var repository = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9._/:]*$`)

// IsDigest tells whether a text is sha256: and 64 hex digits.
func IsDigest(text string) bool { return digest.MatchString(text) }

// Digest is the digest by which an image reference is pinned: REPOSITORY[:TAG]@sha256:HEX.
func Digest(image string) (string, error) {
	name, found, ok := strings.Cut(image, "@")
	if ok && IsDigest(found) && repository.MatchString(name) && len(name) <= 512 {
		return found, nil
	}
	if ok || !repository.MatchString(image) {
		return "", fmt.Errorf("the image %.200q must be REPOSITORY@sha256: and 64 hex digits", image)
	}
	return "", fmt.Errorf("the image %.200q is not pinned: a tag can be moved to another image; write REPOSITORY@sha256:... (crane digest and docker buildx imagetools inspect show it)", image)
}

// at walks down objects; nil where the path ends early.
func at(object map[string]any, path ...string) any {
	var node any = object
	for _, name := range path {
		branch, _ := node.(map[string]any)
		node = branch[name]
	}
	return node
}

func text(object map[string]any, path ...string) string {
	value, _ := at(object, path...).(string)
	return value
}
