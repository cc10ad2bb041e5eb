// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import "testing"

// TestHeapgate is what heapgate promises, on real clusters with a real Argo CD. What changes the platform for all runs after
// what can run together.
func TestHeapgate(t *testing.T) {
	install(t)
	t.Run("together", func(t *testing.T) {
		t.Run("releases", testReleases)
		t.Run("job variant", testJobVariant)
		t.Run("both clusters", testBothClusters)
		t.Run("bypasses", testBypasses)
		t.Run("failures", testFailures)
		t.Run("killed gate", testKilledGate)
		t.Run("comparison", testComparison)
	})
	t.Run("policy change", testPolicyChange)
	t.Run("API server restart", testAPIRestart)
	t.Run("uninstall", testUninstall)
}
