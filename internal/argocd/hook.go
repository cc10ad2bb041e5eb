// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The phases in which heapgate's hooks run.
const (
	PreSync  = "PreSync"
	PostSync = "PostSync"
	SyncFail = "SyncFail"
)

// HookName is the name that Argo CD gives to a hook with metadata.generateName.
type HookName struct {
	Prefix    string // generateName, and with several sources its last hyphen stands alone
	Revision  string // 7 characters of the commit, or a short version; "" with several sources
	Phase     string
	StartedAt time.Time // of the sync operation, to the second
}

var (
	phases   = map[string]string{"presync": PreSync, "postsync": PostSync, "syncfail": SyncFail}
	hookName = regexp.MustCompile(`^([a-z0-9][-a-z0-9.]{0,200}-|)([a-z0-9.+_]{0,7})-(presync|postsync|syncfail)-([1-9][0-9]{0,10})$`)
)

// ParseHookName reads PREFIX REVISION-PHASE-SECONDS, such as heapgate-f4263f6-presync-1795242267.
func ParseHookName(name string) (HookName, error) {
	found := hookName.FindStringSubmatch(name)
	if found == nil {
		return HookName{}, fmt.Errorf("the name %.100q is not one that Argo CD generates for a hook, like heapgate-f4263f6-presync-1795242267; give the hook metadata.generateName and no name", name)
	}
	seconds, err := strconv.ParseInt(found[4], 10, 64)
	if err != nil {
		return HookName{}, err
	}
	return HookName{Prefix: found[1], Revision: found[2], Phase: phases[found[3]], StartedAt: time.Unix(seconds, 0).UTC()}, nil
}

// String writes the name again.
func (h HookName) String() string { return h.Prefix + h.Suffix(h.Phase) }

// Suffix is how the names of all hooks of the same operation in a phase end, whatever their prefix.
func (h HookName) Suffix(phase string) string {
	return fmt.Sprintf("%s-%s-%d", h.Revision, strings.ToLower(phase), h.StartedAt.Unix())
}

// The marks by which Argo CD knows its objects: an annotation (v3, and v2 where it is chosen) or a label.
const (
	trackingAnnotation = "argocd.argoproj.io/tracking-id"
	instanceLabel      = "app.kubernetes.io/instance"
	ownInstanceLabel   = "argocd.argoproj.io/instance"
)

// Tracking is how Argo CD knows that an object belongs to an Application.
type Tracking struct {
	Application string // NAME, or NAMESPACE_NAME outside of Argo CD's own namespace
	label       string // "" for the annotation
}

// TrackingOf reads the mark of an object decoded from JSON; an empty Application if there is none.
func TrackingOf(object map[string]any) Tracking {
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	if id, _ := annotations[trackingAnnotation].(string); id != "" {
		// APPLICATION:GROUP/KIND:NAMESPACE/NAME
		if application, rest, ok := strings.Cut(id, ":"); ok && strings.Contains(rest, ":") {
			return Tracking{Application: application}
		}
	}
	for _, label := range []string{ownInstanceLabel, instanceLabel} {
		if application, _ := labels[label].(string); application != "" {
			return Tracking{Application: application, label: label}
		}
	}
	return Tracking{}
}

// Mark gives the labels and annotations with which Argo CD takes an object of the core for one of the Application.
func (t Tracking) Mark(kind, namespace, name string) (labels, annotations map[string]string) {
	switch {
	case t.Application == "":
		return nil, nil
	case t.label != "":
		return map[string]string{t.label: t.Application}, nil
	}
	return nil, map[string]string{trackingAnnotation: fmt.Sprintf("%s:/%s:%s/%s", t.Application, kind, namespace, name)}
}

// Place splits the Application's name as it stands in marks into namespace and name; home is Argo CD's own namespace.
func Place(application, home string) (namespace, name string) {
	if namespace, name, ok := strings.Cut(application, "_"); ok {
		return namespace, name
	}
	return home, application
}
