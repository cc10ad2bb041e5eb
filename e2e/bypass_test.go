// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/heapgate/heapgate/e2e/box"
)

// quick makes the gate answer without measuring: with no evidence, and letting that pass. Only admission and hooks are looked at.
func (s *shop) quick() *shop {
	s.settings["HEAPGATE_WAIT"], s.settings["HEAPGATE_ON_INCONCLUSIVE"], s.rate = "0s", "warn", 2
	return s
}

// withoutGate guards the workload and runs no hook: what a misspelt hook, or a forgotten one, comes to.
func (s *shop) withoutGate() {
	s.component, s.plain = "", true
	s.patches = "  - target: {kind: Deployment}\n    patch: |\n      - {op: add, path: /metadata/labels, value: {heapgate.dev/guarded: \"true\"}}\n"
}

// The nine ways around a sync hook. Each is closed by how the hooks are rendered, stopped by admission, or told by the detector.
func testBypasses(t *testing.T) {
	t.Parallel()
	p := install(t)
	enforced := p.newShop(t, "enforced", "one", "deny").quick()
	loose := p.newShopLabelled(t, "loose", "one", "deny", nil).quick() // an Application that the policy on Applications does not guard
	known, unseen := p.NewImage(t, "shop-good", "known"), p.NewImage(t, "shop-good", "unseen")
	succeeded(t, enforced.release(t, known))
	succeeded(t, loose.release(t, known))
	deployment := box.SyncOnly("apps", "Deployment", "", "shop")

	t.Run("1 selective sync", func(t *testing.T) {
		enforced.commit(t, unseen.Ref())
		refused(t, p.Argo.TrySync(t, "enforced", deployment), "selected resources")
		loose.commit(t, unseen.Ref())
		stoppedByAdmission(t, p.Argo.Sync(t, "loose", deployment), unseen)
		loose.runs(t, known)
	})
	t.Run("2 apply strategy", func(t *testing.T) {
		refused(t, p.Argo.TrySync(t, "enforced", box.SyncApply), "apply")
		stoppedByAdmission(t, p.Argo.Sync(t, "loose", box.SyncApply), unseen)
		loose.runs(t, known)
	})
	t.Run("3 rollback", func(t *testing.T) {
		history := p.Argo.Get(t, "enforced").Status.History
		if len(history) == 0 {
			t.Fatal("no history to go back to")
		}
		refused(t, p.Argo.TryRollback(t, "enforced", history[0].ID), "apply")
	})
	t.Run("4 self-heal, and whatever writes the workload past Argo CD", func(t *testing.T) {
		out, err := enforced.cluster.Kubectl("-n", "enforced", "set", "image", "deployment/shop", "shop="+unseen.Ref())
		if err == nil || !strings.Contains(out, "no verdict is recorded for this digest") {
			t.Errorf("kubectl set image: %v, %s", err, out)
		}
		enforced.runs(t, known)
	})
	t.Run("5 stale result", func(t *testing.T) {
		operation := `{"operation":{"initiatedBy":{"username":"someone"},"sync":{"syncStrategy":{"hook":{}}}}}`
		refused(t, p.Cluster("one").TryPatch(t, "applications.argoproj.io", box.ArgoNamespace, "enforced", operation), "operationState")
		// Where nothing refuses the operation, Argo CD takes the ServiceAccount of the last sync for made, after it deleted it: the gate
		// cannot start and so does not pass. The next ordinary sync makes it again.
		loose.note = "before the stale result"
		succeeded(t, loose.release(t, known))
		loose.settings["HEAPGATE_ON_INCONCLUSIVE"] = "stop"
		loose.commit(t, unseen.Ref())
		began := time.Now()
		p.Cluster("one").Patch(t, "applications.argoproj.io", box.ArgoNamespace, "loose", operation)
		if state := p.Argo.WaitSince(t, "loose", began, 2*time.Minute, func(*v1alpha1.OperationState) bool { return true }); state.Phase != "Failed" {
			t.Errorf("the sync is %s, want Failed: %s", state.Phase, describe(state))
		}
		loose.runs(t, known)
		failed(t, p.Argo.Sync(t, "loose"), "PostSync", "inconclusive")
	})
	t.Run("6 misspelt phase", func(t *testing.T) { lint(t, p, "PreSync,PostSync,SyncFail", "PreSynch,PostSynch", "PreSync") })
	t.Run("7 a name that is used again", func(t *testing.T) { lint(t, p, "generateName: heapgate-\n", "name: heapgate-gate\n", "generateName") })
	t.Run("8 a suspended Job", func(t *testing.T) { lint(t, p, "backoffLimit: 0", "backoffLimit: 0\n    suspend: true", "suspend") })
	t.Run("9 a Job that goes before it is looked at", func(t *testing.T) {
		lint(t, p, "backoffLimit: 0", "backoffLimit: 0\n    ttlSecondsAfterFinished: 0", "ttlSecondsAfterFinished")
	})

	t.Run("a hook that never ran: the detector tells", func(t *testing.T) {
		open := p.newShop(t, "open", "two", "warn").quick()
		open.withoutGate()
		succeeded(t, open.release(t, unseen))
		open.runs(t, unseen)
		open.detected(t, "none")
		open.event(t, "HeapgateUnverified")
	})
	t.Run("the same where admission denies", func(t *testing.T) {
		closed := p.newShop(t, "closed", "two", "deny").quick()
		closed.withoutGate()
		state := closed.release(t, unseen)
		if state.Phase != "Failed" || !strings.Contains(describe(state), "heapgate") {
			t.Errorf("the sync is %s, want Failed by admission: %s", state.Phase, describe(state))
		}
	})
}

func refused(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "heapgate") || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want a refusal by heapgate that says %q", err, says)
	}
}

func stoppedByAdmission(t *testing.T, state *v1alpha1.OperationState, image box.Image) {
	t.Helper()
	if text := describe(state); state.Phase != "Failed" || !strings.Contains(text, "no verdict is recorded") || !strings.Contains(text, image.Digest) {
		t.Errorf("the sync is %s, want Failed with the admission's sentence: %s", state.Phase, text)
	}
}

// lint breaks the rendered Job variant in one place and wants `heapgate check hooks` to find it, and nothing in the original.
func lint(t *testing.T, p *platform, old, broken, says string) {
	t.Helper()
	manifests := p.renderJobs(t)
	if code, out := p.checkHooks(t, manifests); code != 0 {
		t.Fatalf("the component as shipped: exit %d\n%s", code, out)
	}
	code, out := p.checkHooks(t, swap(t, manifests, old, broken))
	if code != 10 || !strings.Contains(out, says) {
		t.Errorf("exit %d, want 10 and %q in\n%s", code, says, out)
	}
}

func (p *platform) renderJobs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"kustomization.yaml": "resources: [shop.yaml]\ncomponents: [deploy/gate]\ntransformers: [deploy/gate/deployment]\n",
		"shop.yaml":          fmt.Sprintf(shopManifest, "", p.Image("shop-good").Ref(), p.Image("load").Ref(), 1, 0.0),
	}
	maps.Copy(files, box.Folder(t, "../deploy/gate", "deploy/gate"))
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p.render(t, dir)
}

func (p *platform) checkHooks(t *testing.T, manifests string) (code int, out string) {
	t.Helper()
	command := exec.Command(p.Program("heapgate"), "check", "hooks", "-")
	command.Stdin = strings.NewReader(manifests)
	text, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(text)
}
