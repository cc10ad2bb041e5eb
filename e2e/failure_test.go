// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/e2e/box"
)

// Whatever goes wrong around the gate, nothing passes that was not judged, and no sync hangs.
func testFailures(t *testing.T) {
	t.Parallel()
	p := install(t)
	gate := p.newShop(t, "broken", "one", "warn")
	gate.rate = 2
	gate.settings["HEAPGATE_WAIT"] = "0s"
	image := func(t *testing.T) box.Image {
		return p.NewImage(t, "shop-good", strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())))
	}
	noPass := func(t *testing.T, image box.Image) {
		t.Helper()
		if r := gate.record(t, image); r.Phase == "PostSync" && r.Verdict == "pass" {
			t.Errorf("recorded a pass: %+v", r)
		}
	}

	t.Run("no evidence", func(t *testing.T) {
		i := image(t)
		failed(t, gate.release(t, i), "PostSync", "inconclusive")
		if r := gate.record(t, i); r.Verdict != "inconclusive" || r.Admit {
			t.Errorf("record: %+v", r)
		}
		gate.settings["HEAPGATE_ON_INCONCLUSIVE"] = "warn"
		defer delete(gate.settings, "HEAPGATE_ON_INCONCLUSIVE")
		succeeded(t, gate.release(t, i))
		if r := gate.record(t, i); r.Verdict != "inconclusive" || r.Admit {
			t.Errorf("record after a sync that was let go on: %+v", r)
		}
	})
	t.Run("store down", func(t *testing.T) {
		gate.settings["HEAPGATE_STORE"] = "http://heapgate-gateway.heapgate.svc:9999"
		defer delete(gate.settings, "HEAPGATE_STORE")
		i := image(t)
		failed(t, gate.release(t, i), "PostSync", "error", "9999")
		noPass(t, i)
	})
	t.Run("a verb is missing", func(t *testing.T) {
		gate.patches = `  - target: {kind: ArgoHooks, name: heapgate-access}
    patch: |
      - {op: replace, path: /items/1/rules/5/verbs, value: [get]}
`
		defer func() { gate.patches = "" }()
		i := image(t)
		failed(t, gate.release(t, i), "PreSync", "patch", "configmaps", "heapgate-gate")
		noPass(t, i)
	})
}

// A gate whose pod is taken away has not passed. The Job notices; a bare Pod would leave Argo CD v2 waiting (deploy/README.md).
func testKilledGate(t *testing.T) {
	t.Parallel()
	p := install(t)
	gate := p.newShop(t, "killed", "two", "warn", "../../deploy/gate")
	gate.rate = 2
	gate.settings["HEAPGATE_STORE"] = "http://heapgate-gateway.heapgate.svc:9999" // so that it waits
	image := p.NewImage(t, "shop-good", "killed")
	gate.commit(t, image.Ref())
	if err := p.Argo.TrySync(t, "killed"); err != nil {
		t.Fatal(err)
	}
	pod := gate.waitGate(t, "postsync")
	if out, err := gate.cluster.Kubectl("-n", "killed", "delete", "pod", pod, "--grace-period=0", "--force"); err != nil {
		t.Fatal(out)
	}
	state := p.Argo.WaitOperation(t, "killed", 2*time.Minute)
	failed(t, state, "PostSync")
	if r := gate.record(t, image); r.Phase == "PostSync" && r.Verdict == "pass" {
		t.Errorf("recorded a pass: %+v", r)
	}
}

// An API server that goes away while the gate waits costs time, not the verdict.
func testAPIRestart(t *testing.T) {
	p := install(t)
	gate := p.newShop(t, "restarted", "one", "warn")
	gate.rate = 2
	gate.settings["HEAPGATE_WAIT"], gate.settings["HEAPGATE_STORE"] = "30s", "http://heapgate-gateway.heapgate.svc:9999"
	image := p.NewImage(t, "shop-good", "restarted")
	gate.commit(t, image.Ref())
	if err := p.Argo.TrySync(t, "restarted"); err != nil {
		t.Fatal(err)
	}
	gate.waitGate(t, "postsync")
	p.Restart(t, "one/kube-apiserver")
	gate.cluster.WaitReady(t)
	failed(t, p.Argo.WaitOperation(t, "restarted", 4*time.Minute), "PostSync", "error")
	if r := gate.record(t, image); r.Verdict != "error" || r.Admit {
		t.Errorf("record: %+v", r)
	}
}
