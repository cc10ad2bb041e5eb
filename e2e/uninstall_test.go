// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/e2e/box"
)

// testUninstall is the last: it takes the platform away for all.
func testUninstall(t *testing.T) {
	p := install(t)
	s := p.newShop(t, "leaving", "one", "deny").quick()
	succeeded(t, s.release(t, p.NewImage(t, "shop-good", "leaving")))
	if err := p.Argo.TryDelete("leaving"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"deployments.apps", "pods", "jobs.batch", "podtemplates", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io", "configmaps", "serviceaccounts"} {
		box.Wait(t, kind+" of a deleted Application are gone", time.Minute, func() (bool, string) {
			left := names(s.cluster, t, kind, "leaving")
			return len(left) == 0, strings.Join(left, " ")
		})
	}

	one := p.Cluster("one")
	one.Delete(t, "applicationsets.argoproj.io", box.ArgoNamespace, "heapgate")
	for _, name := range clusters {
		c := p.Cluster(name)
		for _, kind := range []string{"deployments.apps", "daemonsets.apps", "services", "configmaps", "serviceaccounts", "networkpolicies.networking.k8s.io"} {
			box.Wait(t, kind+" in cluster "+name+" are gone", 3*time.Minute, func() (bool, string) {
				left := names(c, t, kind, "heapgate")
				return len(left) == 0, strings.Join(left, " ")
			})
		}
		for _, kind := range []string{"clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
			"validatingadmissionpolicies.admissionregistration.k8s.io", "validatingadmissionpolicybindings.admissionregistration.k8s.io"} {
			box.Wait(t, kind+" in cluster "+name+" are gone", time.Minute, func() (bool, string) {
				var left []string
				for _, n := range names(c, t, kind, "") {
					if strings.HasPrefix(n, "heapgate") && !strings.HasPrefix(n, "heapgate-no-hook-skip") { // of the cluster with Argo CD, installed by hand
						left = append(left, n)
					}
				}
				return len(left) == 0, strings.Join(left, " ")
			})
		}
	}
}

// names lists what is in a namespace, without what Kubernetes itself puts there.
func names(c *box.Cluster, t *testing.T, kind, namespace string) (all []string) {
	for _, object := range c.List(t, kind, namespace, "") {
		if n := object.GetName(); n != "kube-root-ca.crt" && n != "default" {
			all = append(all, n)
		}
	}
	return all
}
