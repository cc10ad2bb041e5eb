// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apiclient/application"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// App returns an Application of the repository's folder path, for a namespace of a cluster. It makes the namespace, is synced
// by hand and does not retry, unless the caller changes it.
func (a *Argo) App(name, path, cluster, namespace string) *v1alpha1.Application {
	return &v1alpha1.Application{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ArgoNamespace},
		Spec: v1alpha1.ApplicationSpec{
			Project:     "default",
			Source:      &v1alpha1.ApplicationSource{RepoURL: a.box.Git.URL, Path: path, TargetRevision: "main"},
			Destination: v1alpha1.ApplicationDestination{Name: cluster, Namespace: namespace},
			SyncPolicy:  &v1alpha1.SyncPolicy{SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true"}},
		},
	}
}

// Create makes an Application, which is deleted with all it deployed after the test.
func (a *Argo) Create(t testing.TB, app *v1alpha1.Application) {
	t.Helper()
	if _, err := a.Apps.Create(limited(t), &application.ApplicationCreateRequest{Application: app}); err != nil {
		t.Fatalf("create application %s: %v", app.Name, err)
	}
	t.Cleanup(func() {
		if err := a.TryDelete(app.Name); err != nil {
			t.Errorf("delete application %s: %v", app.Name, err)
		}
	})
}

// Update changes an Application's spec.
func (a *Argo) Update(t testing.TB, name string, change func(*v1alpha1.Application)) {
	t.Helper()
	app := a.Get(t, name)
	change(app)
	if _, err := a.Apps.Update(limited(t), &application.ApplicationUpdateRequest{Application: app}); err != nil {
		t.Fatalf("update application %s: %v", name, err)
	}
}

// TryDelete deletes an Application with all it deployed, and waits until it is gone.
func (a *Argo) TryDelete(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cascade := true
	_, _ = a.Apps.TerminateOperation(ctx, &application.OperationTerminateRequest{Name: &name}) // a deletion waits for it
	_, err := a.Apps.Delete(ctx, &application.ApplicationDeleteRequest{Name: &name, Cascade: &cascade})
	for ; err == nil && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		_, err = a.Apps.Get(ctx, &application.ApplicationQuery{Name: &name})
	}
	if err == nil {
		return errors.New("still there")
	}
	if gone(err) {
		return nil
	}
	return err
}

// gone: to callers that may not see an Application, Argo CD says PermissionDenied where there is none.
func gone(err error) bool {
	return strings.Contains(err.Error(), "not found") || strings.Contains(err.Error(), "PermissionDenied")
}

// Get returns an Application as Argo CD's API server gives it.
func (a *Argo) Get(t testing.TB, name string) *v1alpha1.Application {
	t.Helper()
	app, err := a.Apps.Get(limited(t), &application.ApplicationQuery{Name: &name})
	if err != nil {
		t.Fatalf("get application %s: %v", name, err)
	}
	return app
}

// Refresh makes Argo CD compare an Application with the repository's latest commit now, and returns the result.
func (a *Argo) Refresh(t testing.TB, name string) *v1alpha1.Application {
	t.Helper()
	kind := string(v1alpha1.RefreshTypeNormal)
	app, err := a.Apps.Get(limited(t), &application.ApplicationQuery{Name: &name, Refresh: &kind})
	if err != nil {
		t.Fatalf("refresh application %s: %v", name, err)
	}
	return app
}

// TrySync asks for a sync of the latest commit, or of what an option says. It does not wait.
func (a *Argo) TrySync(t testing.TB, name string, options ...func(*application.ApplicationSyncRequest)) error {
	t.Helper()
	request := &application.ApplicationSyncRequest{Name: &name}
	for _, option := range options {
		option(request)
	}
	_, err := a.Apps.Sync(limited(t), request)
	return err
}

// Sync syncs the latest commit, or what an option says, and returns the operation when it is over.
func (a *Argo) Sync(t testing.TB, name string, options ...func(*application.ApplicationSyncRequest)) *v1alpha1.OperationState {
	t.Helper()
	began := time.Now()
	if err := a.TrySync(t, name, options...); err != nil {
		t.Fatalf("sync application %s: %v", name, err)
	}
	// Argo CD's API server answers from a cache, which for a moment may still hold the operation before.
	return a.WaitSince(t, name, began, 5*time.Minute, func(s *v1alpha1.OperationState) bool { return s.SyncResult != nil })
}

// SyncRevision syncs a commit that is not the latest.
func SyncRevision(sha string) func(*application.ApplicationSyncRequest) {
	return func(r *application.ApplicationSyncRequest) { r.Revision = &sha }
}

// SyncOnly is a selective sync: Argo CD runs no hooks in it.
func SyncOnly(group, kind, namespace, name string) func(*application.ApplicationSyncRequest) {
	return func(r *application.ApplicationSyncRequest) {
		r.Resources = append(r.Resources, &v1alpha1.SyncOperationResource{Group: group, Kind: kind, Namespace: namespace, Name: name})
	}
}

// SyncApply is the apply strategy: Argo CD runs no hooks in it.
func SyncApply(r *application.ApplicationSyncRequest) {
	r.Strategy = &v1alpha1.SyncStrategy{Apply: &v1alpha1.SyncStrategyApply{}}
}

// SyncRetry lets a failed sync be tried again.
func SyncRetry(limit int64, pause string) func(*application.ApplicationSyncRequest) {
	return func(r *application.ApplicationSyncRequest) {
		r.RetryStrategy = &v1alpha1.RetryStrategy{Limit: limit, Backoff: &v1alpha1.Backoff{Duration: pause}}
	}
}

// WaitOperation waits until no operation is wanted or running, and returns the last one.
func (a *Argo) WaitOperation(t testing.TB, name string, limit time.Duration) *v1alpha1.OperationState {
	t.Helper()
	return a.waitState(t, name, limit, func(*v1alpha1.OperationState) bool { return true })
}

// WaitSince waits until an operation that began at or after since is over and as wanted. Commits of other tests move the branch,
// so that an automated sync has no revision to wait for.
func (a *Argo) WaitSince(t testing.TB, name string, since time.Time, limit time.Duration, wanted func(*v1alpha1.OperationState) bool) *v1alpha1.OperationState {
	t.Helper()
	return a.waitState(t, name, limit, func(s *v1alpha1.OperationState) bool {
		return !s.StartedAt.Time.Before(since.Truncate(time.Second)) && wanted(s)
	})
}

func (a *Argo) waitState(t testing.TB, name string, limit time.Duration, wanted func(*v1alpha1.OperationState) bool) *v1alpha1.OperationState {
	t.Helper()
	var state *v1alpha1.OperationState
	Wait(t, "operation of application "+name, limit, func() (bool, string) {
		ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
		defer cancel()
		app, err := a.Apps.Get(ctx, &application.ApplicationQuery{Name: &name}) // the API server may be away for a while
		if err != nil {
			return false, err.Error()
		}
		state = app.Status.OperationState
		return app.Operation == nil && state != nil && state.Phase.Completed() && wanted(state), Describe(app)
	})
	return state
}

// WaitHealthy waits until an Application is Synced and Healthy.
func (a *Argo) WaitHealthy(t testing.TB, name string, limit time.Duration) {
	t.Helper()
	Wait(t, "application "+name+" is Synced and Healthy", limit, func() (bool, string) {
		app := a.Refresh(t, name)
		return app.Status.Sync.Status == v1alpha1.SyncStatusCodeSynced && app.Status.Health.Status == "Healthy", Describe(app)
	})
}

// TryRollback goes back to an entry of the history, as `argocd app rollback` does. It does not wait.
func (a *Argo) TryRollback(t testing.TB, name string, id int64) error {
	t.Helper()
	_, err := a.Apps.Rollback(limited(t), &application.ApplicationRollbackRequest{Name: &name, Id: &id})
	return err
}

// Terminate stops the running operation.
func (a *Argo) Terminate(t testing.TB, name string) {
	t.Helper()
	if _, err := a.Apps.TerminateOperation(limited(t), &application.OperationTerminateRequest{Name: &name}); err != nil {
		t.Fatalf("terminate the operation of application %s: %v", name, err)
	}
}

// Describe tells an Application's state and every result of its last operation.
func Describe(app *v1alpha1.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s", app.Name, app.Status.Sync.Status, app.Status.Health.Status)
	if app.Operation != nil {
		b.WriteString(", an operation is wanted")
	}
	if s := app.Status.OperationState; s != nil {
		fmt.Fprintf(&b, ", operation %s (retry %d): %s", s.Phase, s.RetryCount, s.Message)
		for _, r := range Results(s) {
			fmt.Fprintf(&b, "\n  %s %s %s/%s: %s %s %q", r.SyncPhase, r.Kind, r.Namespace, r.Name, r.Status, r.HookPhase, r.Message)
		}
	}
	for _, c := range app.Status.Conditions {
		fmt.Fprintf(&b, "\n  condition %s: %s", c.Type, c.Message)
	}
	return b.String()
}

// Results are what an operation says of each object: name, phase, message.
func Results(s *v1alpha1.OperationState) v1alpha1.ResourceResults {
	if s == nil || s.SyncResult == nil {
		return nil
	}
	return s.SyncResult.Resources
}
