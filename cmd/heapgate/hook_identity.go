// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/argocd"
	"github.com/heapgate/heapgate/internal/guard"
	"github.com/heapgate/heapgate/internal/verdict"
)

// subject is what one sync is about. The steps to it, each of which fills only what is still open:
//
//  1. given: flags and variables, rendered into the hook;
//  2. candidate: the PodTemplate of the same operation, which holds the pod that is about to be deployed (hook_candidate.go);
//  3. named: revision and start of the operation, from the hook's own name; the Application, from the marks on its own Job or Pod;
//  4. live: in PostSync, the workload as it runs;
//  5. asked: the Application's syncResult, last, because seldom somebody may read it.
type subject struct {
	application string // as Argo CD marks its objects: NAME or NAMESPACE_NAME
	revision    string
	workload    guard.Workload
	tracking    argocd.Tracking
	template    map[string]any // of the candidate, or of the live workload
	candidate   map[string]any // nil: there is none
	uid         string         // of the live workload
	tier        string         // by its label; "" for none
	denied      error          // why a source could not be read
}

// named is the workload as KIND/NAME; "" if it is not known.
func (s subject) named() string {
	if s.workload.Name == "" {
		return ""
	}
	return s.workload.Kind + "/" + s.workload.Name
}

// given starts with the flags.
func (h *hook) given() subject {
	s := subject{application: h.application, revision: h.revision, workload: guard.Workload{
		Namespace: h.namespace, Kind: h.workloadKind, Name: h.workloadName, Container: h.container, Image: h.image,
	}}
	s.workload.Digest, _ = guard.Digest(h.image) // Checked with the flags.
	if s.revision == "" {
		s.revision = h.own.Revision
	}
	return s
}

// identify finds the subject of PreSync and of PostSync, or says what is missing.
func (h *hook) identify(ctx context.Context, live bool) (subject, error) {
	s := h.given()
	if err := h.fromCandidate(ctx, &s); err != nil {
		return s, err
	}
	h.fromOwn(ctx, &s)
	if live {
		if err := h.fromLive(ctx, &s); err != nil {
			return s, err
		}
	}
	if s.revision == "" && s.application != "" {
		if err := h.fromApplication(ctx, &s); err != nil {
			return s, err
		}
	}
	return s, s.complete(h.applicationNamespace)
}

// complete names everything that is still open, and how to give it.
func (s subject) complete(argoNamespace string) error {
	var missing, ways []string
	lacks := func(what, way string) { missing, ways = append(missing, what), append(ways, what+": "+way) }
	if s.application == "" {
		lacks("the Application", "set HEAPGATE_APPLICATION, or let the Role get jobs (or pods)")
	}
	if s.revision == "" {
		lacks("the revision", "set HEAPGATE_REVISION, or give the hook generateName; for several sources let somebody get Applications in "+argoNamespace)
	}
	if s.workload.Name == "" || s.workload.Kind == "" {
		lacks("the workload", "set HEAPGATE_WORKLOAD=Deployment/NAME, or add the transformer of deploy/gate that copies the workload into the candidate")
	}
	if s.workload.Image == "" {
		lacks("the image", "set HEAPGATE_IMAGE=NAME@sha256:..., or add the transformer of deploy/gate")
	}
	if missing != nil {
		text := "not known: " + strings.Join(missing, ", ")
		if s.denied != nil {
			text += "; " + strings.ReplaceAll(s.denied.Error(), "\n", "; ")
		}
		return &hookError{verdict.CodeConfigError, text, ways}
	}
	if _, err := guard.Digest(s.workload.Image); err != nil {
		return unknown("%s %s, container %s: %s", s.workload.Kind, s.workload.Name, s.workload.Container, err)
	}
	return nil
}

// fromOwn reads the Application from the marks on the hook's own object. Whoever may not do that has other ways to tell it.
func (h *hook) fromOwn(ctx context.Context, s *subject) {
	resource, name := cluster.Jobs, h.jobName
	if name == "" {
		resource, name = cluster.Pods, h.podName
	}
	if s.application != "" || name == "" {
		return
	}
	object, err := h.kube.Impatient().Get(ctx, resource, h.namespace, name)
	if err != nil {
		s.denied = errors.Join(s.denied, err)
		return
	}
	s.tracking = argocd.TrackingOf(object)
	s.application = s.tracking.Application
}

// How long and how often the Application is asked: Argo CD writes the revision about two seconds after the first hook has started.
const (
	applicationWait = 15 * time.Second
	applicationStep = time.Second
)

// fromApplication waits for the revision of this very operation. No permission and no answer leave it open.
func (h *hook) fromApplication(ctx context.Context, s *subject) error {
	if h.own.StartedAt.IsZero() {
		return nil // Which operation would it be?
	}
	for deadline := time.Now().Add(applicationWait); ; {
		application, err := h.readApplication(ctx, s.application)
		if err != nil {
			s.denied = errors.Join(s.denied, err)
			return ctx.Err()
		}
		if result := application.SyncOf(h.own.StartedAt); result != nil && result.Synced() != "" {
			s.revision = result.Synced()
			return nil
		}
		if !time.Now().Before(deadline) {
			s.denied = errors.Join(s.denied, fmt.Errorf("the Application %s did not tell the revision of this sync within %s", s.application, applicationWait))
			return nil
		}
		timer := time.NewTimer(applicationStep)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func (h *hook) readApplication(ctx context.Context, marked string) (argocd.Application, error) {
	namespace, name := argocd.Place(marked, h.applicationNamespace)
	object, err := h.kube.Impatient().Get(ctx, cluster.Applications, namespace, name)
	if err != nil {
		return argocd.Application{}, err
	}
	return argocd.FromObject(object)
}
