// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/heapgate/heapgate/e2e/box"
)

// The life of a service: a good release passes, a bad one is stopped by name, and stays stopped.
func testReleases(t *testing.T) {
	t.Parallel()
	p := install(t)
	shop := p.newShop(t, "shop", "one", "deny")
	good, bad := p.NewImage(t, "shop-good", "releases"), p.NewImage(t, "shop-bad", "releases")

	t.Run("a good release passes and rolls out", func(t *testing.T) {
		state := shop.release(t, good)
		succeeded(t, state)
		shop.runs(t, good)
		r := shop.record(t, good)
		if r.Verdict != "pass" || !r.Admit || r.Phase != "PostSync" || r.Application != "shop" || r.Cluster != "one" || !strings.HasPrefix(r.PolicyDigest, "sha256:") {
			t.Errorf("record of the good digest: %+v", r)
		}
	})

	t.Run("self-heal, which runs no hooks, brings back what passed", func(t *testing.T) {
		p.Argo.Update(t, shop.name, func(app *v1alpha1.Application) {
			app.Spec.SyncPolicy.Automated = &v1alpha1.SyncPolicyAutomated{SelfHeal: true}
		})
		defer p.Argo.Update(t, shop.name, func(app *v1alpha1.Application) { app.Spec.SyncPolicy.Automated = nil })
		before := shop.deployment(t).GetUID()
		shop.cluster.Delete(t, "deployments.apps", shop.name, "shop")
		box.Wait(t, "the Deployment is made again", time.Minute, func() (bool, string) {
			d := shop.cluster.Get(t, "deployments.apps", shop.name, "shop")
			return d != nil && d.GetUID() != before, box.Describe(p.Argo.Get(t, shop.name))
		})
		shop.runs(t, good)
		p.Argo.WaitOperation(t, shop.name, time.Minute)
	})

	t.Run("a bad release is stopped in PostSync by the function's name", func(t *testing.T) {
		began := time.Now()
		state := shop.release(t, bad)
		t.Logf("from commit to stopped sync: %v", time.Since(began).Round(time.Second))
		failed(t, state, "PostSync", "main.(*OrderCache).Insert", "cache.go:")
		ran(t, state, "SyncFail")
		r := shop.record(t, bad)
		if r.Verdict != "fail" || r.Admit || !strings.Contains(r.Summary, "main.(*OrderCache).Insert") {
			t.Errorf("record of the bad digest: %+v", r)
		}
		shop.event(t, "HeapgateFail", "main.(*OrderCache).Insert")
	})

	t.Run("going back to the good release needs no measuring", func(t *testing.T) {
		measured := shop.record(t, good).At
		succeeded(t, shop.release(t, good))
		if again := shop.record(t, good).At; again != measured {
			t.Errorf("the good digest was measured at %s and again at %s", measured, again)
		}
		shop.runs(t, good)
	})

	t.Run("a digest that failed before is stopped in PreSync, before any pod changes", func(t *testing.T) {
		before := shop.generation(t)
		state := shop.release(t, bad)
		failed(t, state, "PreSync", "failed before", "main.(*OrderCache).Insert")
		ran(t, state, "SyncFail")
		if after := shop.generation(t); after != before {
			t.Errorf("the Deployment changed: generation %d, before %d", after, before)
		}
		shop.runs(t, good)
	})

	t.Run("auto-sync with retry does not measure its way to green", func(t *testing.T) {
		shop.note = "another commit of the same image"
		shop.commit(t, bad.Ref())
		began := time.Now()
		shop.automate(t)
		p.Argo.Refresh(t, shop.name)
		state := p.Argo.WaitSince(t, shop.name, began, 4*time.Minute, func(s *v1alpha1.OperationState) bool { return s.RetryCount >= 2 })
		failed(t, state, "PreSync", "failed before")
		if r := shop.record(t, bad); r.Verdict != "fail" || r.Admit {
			t.Errorf("record of the bad digest after retries: %+v", r)
		}
		shop.runs(t, good)
	})

	t.Run("the detector knows it all passed", func(t *testing.T) {
		shop.detected(t, "passed")
	})
}

// What a person sees in Argo CD is the sentence itself with the Pod variant, and the exit code with the Job variant.
func testJobVariant(t *testing.T) {
	t.Parallel()
	p := install(t)
	shop := p.newShop(t, "jobs", "two", "warn", "../../deploy/gate")
	shop.settings["HEAPGATE_WAIT"], shop.rate = "0s", 2 // no evidence, at once
	state := shop.release(t, p.NewImage(t, "shop-good", "jobs"))
	failed(t, state, "PostSync", "exit code 20")
}
