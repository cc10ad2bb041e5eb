// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package argocd knows the little of Argo CD that the gate needs: a dozen fields of an Application, which are the same in v2 and v3,
// how Argo CD marks the objects that it owns, and how it names the hooks of a sync operation.
package argocd

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Application is an application of argoproj.io/v1alpha1, as far as the gate reads it.
type Application struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Metadata   Metadata   `json:"metadata"`
	Spec       Spec       `json:"spec"`
	Operation  *Operation `json:"operation,omitempty"` // asked for and not begun
	Status     Status     `json:"status"`
}

// Metadata is an object's name and marks.
type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Spec says what is deployed and where.
type Spec struct {
	Source      *Source     `json:"source,omitempty"`
	Sources     []Source    `json:"sources,omitempty"`
	Destination Destination `json:"destination"`
	Project     string      `json:"project"`
}

// Source is where manifests come from.
type Source struct {
	RepoURL        string `json:"repoURL"`
	TargetRevision string `json:"targetRevision,omitempty"`
}

// Destination is the cluster and the namespace.
type Destination struct {
	Server    string `json:"server,omitempty"`
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// Operation is what somebody asked for.
type Operation struct {
	Sync        *Sync       `json:"sync,omitempty"`
	InitiatedBy InitiatedBy `json:"initiatedBy"`
}

// Sync is the revision that was asked for: a commit if Argo CD asked, any name of one if a person did.
type Sync struct {
	Revision  string   `json:"revision,omitempty"`
	Revisions []string `json:"revisions,omitempty"`
}

// InitiatedBy says who asked.
type InitiatedBy struct {
	Username  string `json:"username,omitempty"`
	Automated bool   `json:"automated,omitempty"`
}

// Status is what Argo CD sees and does.
type Status struct {
	OperationState *OperationState `json:"operationState,omitempty"`
	Sync           SyncStatus      `json:"sync"`
}

// SyncStatus is the last comparison.
type SyncStatus struct {
	Status   string `json:"status"`
	Revision string `json:"revision,omitempty"`
}

// OperationState is the running or the last operation.
type OperationState struct {
	Operation  Operation   `json:"operation"`
	Phase      string      `json:"phase"` // Running, Succeeded, Failed, Error, Terminating
	Message    string      `json:"message,omitempty"`
	StartedAt  time.Time   `json:"startedAt"`
	FinishedAt *time.Time  `json:"finishedAt,omitempty"`
	SyncResult *SyncResult `json:"syncResult,omitempty"`
}

// SyncResult is the revision that is really synced, and what became of each resource.
type SyncResult struct {
	Revision  string     `json:"revision"`
	Revisions []string   `json:"revisions,omitempty"`
	Resources []Resource `json:"resources,omitempty"`
}

// Resource is one object of a sync; a hook if it has a HookType.
type Resource struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Status    string `json:"status,omitempty"`
	Message   string `json:"message,omitempty"`
	HookType  string `json:"hookType,omitempty"`
	HookPhase string `json:"hookPhase,omitempty"`
	SyncPhase string `json:"syncPhase,omitempty"`
}

// FromObject reads an Application decoded from JSON.
func FromObject(object map[string]any) (Application, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return Application{}, fmt.Errorf("application: %w", err)
	}
	var a Application
	if err := json.Unmarshal(text, &a); err != nil {
		return Application{}, fmt.Errorf("application: %w", err)
	}
	if a.Kind != "Application" || !strings.HasPrefix(a.APIVersion, "argoproj.io/") {
		return Application{}, fmt.Errorf("want an Application of argoproj.io (got %s of %q)", a.Kind, a.APIVersion)
	}
	return a, nil
}

// SyncOf is the result of the sync that began at this second; nil if Argo CD has not written it yet, or speaks of another sync.
func (a Application) SyncOf(startedAt time.Time) *SyncResult {
	state := a.Status.OperationState
	if state == nil || state.StartedAt.Unix() != startedAt.Unix() {
		return nil
	}
	return state.SyncResult
}

// Synced is the commit that is synced, or those of several sources joined by commas.
func (r *SyncResult) Synced() string {
	if r.Revision == "" {
		return strings.Join(r.Revisions, ",")
	}
	return r.Revision
}
