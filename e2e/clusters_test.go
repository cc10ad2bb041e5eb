// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/heapgate/heapgate/e2e/box"
)

// Workloads of both clusters are heard, each under its own cluster's name.
func testBothClusters(t *testing.T) {
	t.Parallel()
	p := install(t)
	for _, name := range clusters {
		s := p.newShop(t, "both-"+name, name, "warn").quick()
		succeeded(t, s.release(t, p.NewImage(t, "shop-good", "both-"+name)))
	}
	for _, name := range clusters {
		box.Wait(t, "cluster "+name+" hears its shop", time.Minute, func() (bool, string) {
			series, raw := p.query(t, name, `heapgate_target_up{k8s_namespace_name=~"both-.*"}`)
			if len(series) != 1 {
				return false, raw
			}
			got := series[0]
			return got["k8s_cluster_name"] == name && got["k8s_namespace_name"] == "both-"+name && got["heapgate_workload_kind"] == "Deployment" &&
				got["heapgate_workload_name"] == "shop" && got["cloud_region"] == "region-"+name && got["oci_manifest_digest"] != "", raw
		})
	}
}

// One commit of policies reaches both clusters, and every verdict after it carries the new digest.
func testPolicyChange(t *testing.T) {
	p := install(t)
	shops, image := map[string]*shop{}, p.NewImage(t, "shop-good", "policy")
	digests := func(t *testing.T) (all []string) {
		for _, name := range clusters {
			succeeded(t, shops[name].release(t, image))
			all = append(all, shops[name].record(t, image).PolicyDigest)
		}
		return all
	}
	for _, name := range clusters {
		shops[name] = p.newShop(t, "policy-"+name, name, "warn").quick()
	}
	before := digests(t)
	p.commitPolicies(t, "limits: {gc_pause_p99_seconds: 1, gc_cpu_share: 0.33}")
	for _, name := range clusters {
		p.Argo.Refresh(t, "heapgate-policies-"+name)
		p.waitApplication(t, "heapgate-policies-"+name, time.Minute)
		shops[name].note = "after the change"
	}
	after := digests(t)
	if before[0] == "" || before[0] != before[1] || after[0] != after[1] || before[0] == after[0] {
		t.Errorf("policy digests before %q and after %q: want one before and another after, the same on both clusters", before, after)
	}
}

// query asks the store of a cluster, and returns the labels of each series.
func (p *platform) query(t *testing.T, cluster, promql string) (series []map[string]string, raw string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	text, err := p.Cluster(cluster).Kube.CoreV1().Services("heapgate").
		ProxyGet("http", "heapgate-gateway", "store", "/api/v1/query", map[string]string{"query": promql}).DoRaw(ctx)
	if err != nil {
		return nil, err.Error()
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	for _, one := range answer.Data.Result {
		series = append(series, one.Metric)
	}
	return series, string(text)
}
