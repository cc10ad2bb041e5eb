// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"gopkg.in/yaml.v3"
)

// replica is one of several collectors that share targets, and what it has heard since it was last asked.
type replica struct {
	stop  func()
	mu    sync.Mutex
	heard map[string]int
}

func (*replica) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (r *replica) ConsumeMetrics(_ context.Context, m pmetric.Metrics) error {
	id, _ := m.ResourceMetrics().At(0).Resource().Attributes().Get(attrInstanceID)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard[id.Str()]++
	return nil
}

// forget empties what was heard.
func (r *replica) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.heard)
}

func (r *replica) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.heard))
}

// begin starts a replica with a discovery.
func begin(t *testing.T, discovery DiscoveryConfig) *replica {
	t.Helper()
	cfg := createDefaultConfig()
	cfg.CollectionInterval = 200 * time.Millisecond
	cfg.HTTP.Timeout, cfg.Cost.MaxCPUShare = 5*time.Second, 1
	cfg.Discovery = discovery
	if err := cfg.Discovery.validate(); err != nil {
		t.Fatal(err)
	}
	r := &replica{heard: map[string]int{}}
	one, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	r.stop = sync.OnceFunc(func() {
		if err := one.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// processes are that many targets of their own; it gives their addresses.
func processes(t *testing.T, n int) (addresses []string) {
	t.Helper()
	for range n {
		addresses = append(addresses, strings.TrimPrefix(server(t, fake(func() string { return heapText(3, 1000) })), "http://"))
	}
	slices.Sort(addresses)
	return addresses
}

// heardOnce waits until the replicas hear all targets, and checks in what they hear from then on that none is heard twice.
func heardOnce(t *testing.T, addresses []string, replicas ...*replica) {
	t.Helper()
	all := func() (ids []string) {
		for _, r := range replicas {
			ids = append(ids, r.ids()...)
		}
		slices.Sort(ids)
		return ids
	}
	eventually(t, fmt.Sprintf("%d replicas hear %d targets", len(replicas), len(addresses)), func() bool {
		return slices.Equal(slices.Compact(all()), addresses)
	})
	time.Sleep(200 * time.Millisecond) // of visits that were under way when shares changed
	for _, r := range replicas {
		r.forget()
	}
	eventually(t, "every target is heard again", func() bool { return len(all()) >= len(addresses) })
	time.Sleep(400 * time.Millisecond)
	if got := all(); !slices.Equal(got, addresses) {
		t.Errorf("heard %d targets, %d of them different; want each of %d by one replica", len(got), len(slices.Compact(got)), len(addresses))
	}
	for i, r := range replicas {
		if n := len(r.ids()); n < len(addresses)/len(replicas)/3 {
			t.Errorf("replica %d hears only %d of %d targets", i, n, len(addresses))
		}
	}
}

// shard is a discovery from a file that leaves one of n shares of its targets.
func shard(file string, i, n int) DiscoveryConfig {
	return DiscoveryConfig{
		FileSDConfigs: []map[string]any{{"files": []any{file}}},
		RelabelConfigs: []map[string]any{
			{"source_labels": []any{"__address__"}, "action": "hashmod", "modulus": n, "target_label": "__tmp_shard"},
			{"source_labels": []any{"__tmp_shard"}, "action": "keep", "regex": fmt.Sprint(i)},
		},
		AllowNetworks: []string{"127.0.0.0/8"},
	}
}

// listFile writes the targets where file_sd_configs finds them.
func listFile(t *testing.T, addresses []string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "targets.json")
	text, err := json.Marshal([]any{map[string]any{"targets": addresses, "labels": map[string]string{"__heapgate_workload_name": "api"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// With hashmod, a share is silent while its replica is away, and is taken over when the others get the new modulus.
func TestThreeCollectorsShareByHash(t *testing.T) {
	addresses := processes(t, 60)
	file := listFile(t, addresses)
	replicas := []*replica{begin(t, shard(file, 0, 3)), begin(t, shard(file, 1, 3)), begin(t, shard(file, 2, 3))}
	heardOnce(t, addresses, replicas...)

	lost := replicas[1].ids()
	replicas[1].stop()
	left := slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return slices.Contains(lost, a) })
	replicas[0].forget()
	replicas[2].forget()
	time.Sleep(600 * time.Millisecond)
	heardOnce(t, left, replicas[0], replicas[2]) // and nobody hears the rest

	replicas[1] = begin(t, shard(file, 1, 3)) // the pod of the StatefulSet comes back
	heardOnce(t, addresses, replicas...)

	for i, r := range replicas { // one less for good
		r.stop()
		if i < 2 {
			replicas[i] = begin(t, shard(file, i, 2))
		}
	}
	heardOnce(t, addresses, replicas[0], replicas[1])
}

// allocator is the HTTP side of the OpenTelemetry operator's target allocator: it shares a job's targets among collectors.
type allocator struct {
	mu         sync.Mutex
	addresses  []string
	collectors []string
}

func (a *allocator) set(collectors ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.collectors = collectors
}

// ServeHTTP answers /jobs/go/targets?collector_id=... with one group for each target.
func (a *allocator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	mine := slices.Index(a.collectors, r.URL.Query().Get("collector_id"))
	if r.URL.Path != "/jobs/go/targets" || mine < 0 {
		http.NotFound(w, r)
		return
	}
	groups := []any{}
	for i, address := range a.addresses {
		if i%len(a.collectors) == mine {
			groups = append(groups, map[string]any{"targets": []string{address}, "labels": map[string]string{"__heapgate_workload_name": "api"}})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(groups)
}

// The target allocator gives the targets of a collector that is gone to the others.
func TestThreeCollectorsShareByTargetAllocator(t *testing.T) {
	a := &allocator{addresses: processes(t, 60)}
	names := []string{"c-0", "c-1", "c-2"}
	a.set(names...)
	at := httptest.NewServer(a)
	t.Cleanup(at.Close)
	var replicas []*replica
	for _, name := range names {
		replicas = append(replicas, begin(t, DiscoveryConfig{
			HTTPSDConfigs: []map[string]any{{"url": at.URL + "/jobs/go/targets?collector_id=" + name, "refresh_interval": "100ms"}},
			AllowNetworks: []string{"127.0.0.0/8"},
		}))
	}
	heardOnce(t, a.addresses, replicas...)
	replicas[2].stop()
	a.set(names[:2]...)
	time.Sleep(200 * time.Millisecond) // the lists are asked for again
	for _, r := range replicas {
		r.forget()
	}
	heardOnce(t, a.addresses, replicas[0], replicas[1])
	replicas[2] = begin(t, DiscoveryConfig{
		HTTPSDConfigs: []map[string]any{{"url": at.URL + "/jobs/go/targets?collector_id=c-2", "refresh_interval": "100ms"}},
		AllowNetworks: []string{"127.0.0.0/8"},
	})
	a.set(names...)
	time.Sleep(200 * time.Millisecond)
	for _, r := range replicas {
		r.forget()
	}
	heardOnce(t, a.addresses, replicas...)
}

// A pod has one entry for each container and port: shards are made of its UID, or it would be in several.
func TestPodsAreSharedByUID(t *testing.T) {
	var standard []map[string]any
	if err := yaml.Unmarshal(defaultRelabel, &standard); err != nil {
		t.Fatal(err)
	}
	heard := map[string]int{}
	for i := range 3 {
		mine := append(slices.Clone(standard),
			map[string]any{"source_labels": []any{"__meta_kubernetes_pod_uid"}, "action": "hashmod", "modulus": 3, "target_label": "__tmp_shard"},
			map[string]any{"source_labels": []any{"__tmp_shard"}, "action": "keep", "regex": fmt.Sprint(i)})
		for n := range 300 {
			group := pod("@scrape=true @port=6060", one, one+" pod_container_port_number=80", one+" pod_container_port_number=81")
			for name, value := range set(fmt.Sprintf("pod_uid=u-%d pod_name=api-%d", n, n)) {
				group.Labels[name] = value
			}
			specs, _ := translate(t, group, mine...)
			for _, s := range specs {
				heard[s.ID]++
			}
		}
	}
	if len(heard) != 300 {
		t.Errorf("%d pods are visited; want 300", len(heard))
	}
	for id, n := range heard {
		if n != 1 {
			t.Errorf("%s is visited by %d collectors", id, n)
		}
	}
}
