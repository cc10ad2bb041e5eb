// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/heapgate/heapgate/e2e/box"
)

// A release is held to the one before it, at the same age of its pods and at equal load, which swings: one that is as good passes, one that
// allocates a fifth more for each request is stopped by the line that does so. Two people can let it through, for a while, and that is told.
// What a verdict came of can be looked at again elsewhere.
func testComparison(t *testing.T) {
	t.Parallel()
	p := install(t)
	shop := p.newShop(t, "compare", "two", "warn")
	shop.rate, shop.wave = 60, 0.4
	for key, value := range map[string]string{
		"HEAPGATE_WINDOW": "1m30s", "HEAPGATE_WAIT": "4m", "HEAPGATE_LOOKS": "2", "HEAPGATE_BASELINE": "previous", "HEAPGATE_WARM_UP": "20s",
		"HEAPGATE_BUNDLE": "configmap://compare/heapgate-evidence",
	} {
		shop.settings[key] = value
	}
	first, second, lavish := p.NewImage(t, "shop-good", "first"), p.NewImage(t, "shop-good", "second"), p.NewImage(t, "shop-lavish", "compare")

	t.Run("the first release has nothing to be held to", func(t *testing.T) {
		succeeded(t, shop.release(t, first))
		shop.grows(t, 6*time.Minute) // as old as its successors become while they are measured
	})
	t.Run("a release that is as good passes", func(t *testing.T) {
		succeeded(t, shop.release(t, second))
		shop.runs(t, second)
		shop.grows(t, 6*time.Minute)
	})
	t.Run("one that allocates a fifth more is stopped by name", func(t *testing.T) {
		failed(t, shop.release(t, lavish), "PostSync", "allocat", "main.(*auditTrail).Note", "audit.go:", "ALLOC-001")
		if r := shop.record(t, lavish); r.Verdict != "fail" || r.Admit {
			t.Errorf("record of the lavish digest: %+v", r)
		}
	})
	t.Run("the verdict is replayed on another machine", func(t *testing.T) {
		said := p.elsewhere(t, shop.bundle(t), "replay", "-")
		if !strings.HasPrefix(said, "SAME: ") {
			t.Errorf("replay says\n%s", said)
		}
	})
}

// grows waits until the pods are that old.
func (s *shop) grows(t *testing.T, age time.Duration) {
	t.Helper()
	box.Wait(t, fmt.Sprintf("the pods are %v old", age), age+time.Minute, func() (bool, string) {
		pods := s.cluster.List(t, "pods", s.name, "app=shop")
		for _, pod := range pods {
			if time.Since(pod.GetCreationTimestamp().Time) < age {
				return false, time.Since(pod.GetCreationTimestamp().Time).String()
			}
		}
		return len(pods) > 0, "there is none"
	})
}

// bundle is the newest evidence that the gate has kept.
func (s *shop) bundle(t *testing.T) []byte {
	t.Helper()
	object := s.cluster.Get(t, "configmaps", s.name, "heapgate-evidence")
	if object == nil {
		t.Fatal("no evidence is kept")
	}
	all, _, _ := unstructured.NestedStringMap(object.Object, "binaryData")
	digest := object.GetAnnotations()["heapgate.dev/latest"]
	for key, text := range all {
		if digest == "" || strings.Contains(key, strings.TrimPrefix(digest, "sha256:")) {
			packed, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			return packed
		}
	}
	t.Fatalf("of the evidence there is nothing of %q", digest)
	return nil
}

// elsewhere runs heapgate as another user, without a network, without this one's environment, on what comes from stdin.
func (p *platform) elsewhere(t *testing.T, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command(p.Program("heapgate"), args...)
	cmd.Dir, cmd.Env, cmd.Stdin = "/", []string{"HOME=/", "TZ=Asia/Tokyo"}, strings.NewReader(string(stdin))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("heapgate %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return string(text)
}
