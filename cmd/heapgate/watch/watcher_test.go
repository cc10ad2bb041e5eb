// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/record"
)

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

func deployment(digest string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"namespace": "shop", "name": "shop", "uid": "u-1", "labels": map[string]any{"heapgate.dev/guarded": "true"}, "annotations": map[string]any{"large": strings.Repeat("x", 1000)}},
		"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "image": "registry.local/shop@" + digest, "env": []any{}}}}}},
	}}
}

func verdicts(t *testing.T, all ...record.Record) *unstructured.Unstructured {
	t.Helper()
	data := map[string]any{}
	for _, r := range all {
		key, err := record.Key("Deployment", "shop", r.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if data[key], err = r.Encode(); err != nil {
			t.Fatal(err)
		}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"namespace": "shop", "name": "heapgate-verdicts"}, "data": data,
	}}
}

// bench is a detector in front of a fake API server, with everything it says.
type bench struct {
	*testing.T
	client  *fake.FakeDynamicClient
	watcher *Watcher
	mu      sync.Mutex
	log     bytes.Buffer
	events  []cluster.Event
	ended   chan struct{}
	stop    context.CancelFunc
}

func start(t *testing.T, change func(*bench, *Settings), objects ...runtime.Object) *bench {
	t.Helper()
	b := &bench{T: t, ended: make(chan struct{})}
	lists := map[schema.GroupVersionResource]string{
		deployments: "DeploymentList", {Group: "apps", Version: "v1", Resource: "statefulsets"}: "StatefulSetList",
		{Group: "apps", Version: "v1", Resource: "daemonsets"}: "DaemonSetList", configMaps.resource: "ConfigMapList",
		gateExceptions.resource: "GateExceptionList",
	}
	b.client = fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)
	settings := Settings{Grace: 30 * time.Minute, MaxWorkloads: 10, Writers: gateway, Log: slog.New(slog.NewTextHandler(b, nil)), Tell: b.tell}
	if change != nil {
		change(b, &settings)
	}
	var err error
	if b.watcher, err = New(b.client, settings); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	go func() { b.watcher.Run(ctx); close(b.ended) }()
	return b
}

// Write takes the log.
func (b *bench) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(p)
}

func (b *bench) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.String()
}

func (b *bench) tell(_ context.Context, e cluster.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	return nil
}

func (b *bench) told() []cluster.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// end stops the detector and proves that nothing of it goes on: synctest fails if a goroutine is left in the bubble.
func (b *bench) end() {
	b.stop()
	<-b.ended
}

func (b *bench) put(resource schema.GroupVersionResource, o *unstructured.Unstructured) {
	b.Helper()
	objects := b.client.Resource(resource).Namespace(o.GetNamespace())
	_, err := objects.Update(b.Context(), o, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = objects.Create(b.Context(), o, metav1.CreateOptions{})
	}
	if err != nil {
		b.Fatal(err)
	}
}

// want is the one line that /metrics has for the workload, after the time for a look.
func (b *bench) want(line string) {
	b.Helper()
	time.Sleep(settle + time.Second)
	synctest.Wait()
	if got := b.metrics("heapgate_workload_unverified{"); got != line {
		b.Fatalf("metrics say %q, want %q", got, line)
	}
}

func (b *bench) metrics(prefix string) string {
	b.Helper()
	out := httptest.NewRecorder()
	b.watcher.Handler().ServeHTTP(out, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, _ := io.ReadAll(out.Body)
	var lines []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}

func unverified(state State) string {
	value := " 0"
	if state.Unverified() {
		value = " 1"
	}
	return `heapgate_workload_unverified{heapgate_workload_kind="Deployment",heapgate_workload_name="shop",k8s_namespace_name="shop",state="` + string(state) + `"}` + value
}

// The life of one release, and what happens behind the gate's back.
func TestWatchFollowsARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, nil)
		defer b.end()
		b.want("")
		now := func() time.Time { return time.Now().UTC() }

		// PreSync lets it in, the Deployment comes, PostSync passes it. Nobody is told.
		b.put(deployments, deployment(digestA))
		b.put(configMaps.resource, verdicts(t, written(record.Pass, record.PreSync, now())))
		b.want(unverified(Measuring))
		b.put(configMaps.resource, verdicts(t, written(record.Pass, record.PostSync, now())))
		b.want(unverified(Passed))
		if events := b.told(); len(events) != 0 {
			t.Fatalf("Events about a good release: %+v", events)
		}

		// kubectl set image, and back.
		b.put(deployments, deployment(digestB))
		b.want(unverified(None))
		events := b.told()
		if len(events) != 1 || events[0].Reason != "HeapgateUnverified" || events[0].UID != "u-1" || events[0].Type != "Warning" || !strings.Contains(events[0].Message, digestB) {
			t.Fatalf("Events %+v", events)
		}
		b.put(deployments, deployment(digestA))
		b.want(unverified(Passed))

		// The record is deleted; the same Event comes again only after an hour.
		b.put(configMaps.resource, verdicts(t))
		b.want(unverified(None))
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if events = b.told(); len(events) != 2 {
			t.Fatalf("%d Events, want 2: %+v", len(events), events)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if events = b.told(); len(events) != 3 || events[1].Message != events[2].Message || !strings.Contains(events[1].Message, "was deleted") {
			t.Fatalf("%d Events, want a third that repeats the second: %+v", len(events), events)
		}

		// It fails, and somebody makes a pass of that by hand.
		b.put(configMaps.resource, verdicts(t, written(record.Fail, record.PostSync, now())))
		b.want(unverified(Failed))
		b.put(configMaps.resource, verdicts(t, written(record.Pass, record.PostSync, now())))
		b.want(unverified(None))
		if last := b.watcher.Statuses()[0].Reason; !strings.Contains(last, "changed by hand") {
			t.Errorf("reason %q", last)
		}

		// The workload goes, and with it everything about it.
		if err := b.client.Resource(deployments).Namespace("shop").Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		b.want("")
		b.end()
		if len(b.watcher.memory) != 0 {
			t.Error("a workload that is gone is remembered")
		}
	})
}

func TestWatchEndsTheGraceWithoutAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, nil, deployment(digestA), verdicts(t, written(record.Pass, record.PreSync, time.Now())))
		defer b.end()
		b.want(unverified(Measuring))
		time.Sleep(30*time.Minute - 20*time.Second)
		b.want(unverified(Measuring))
		time.Sleep(20 * time.Second)
		b.want(unverified(Inconclusive))
		if !strings.Contains(b.said(), "state=inconclusive was=measuring") || strings.Count(b.said(), "\n") != 1 {
			t.Errorf("log:\n%s", b.said())
		}
	})
}

// An API server that goes away: the last states stay, the metrics say so, and it all comes back.
func TestWatchOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		b := start(t, func(b *bench, _ *Settings) {
			refuse := func(clienttesting.Action) (bool, runtime.Object, error) {
				if down.Load() {
					return true, nil, &url.Error{Op: "Get", URL: "http://api/" + time.Now().String(), Err: errors.New("connection refused")}
				}
				return false, nil, nil
			}
			b.client.PrependReactor("list", "*", refuse)
		}, deployment(digestA))
		defer b.end()
		b.want("")
		if ready := b.get("/healthz"); ready.Code != 503 || !strings.Contains(ready.Body.String(), "connection refused") {
			t.Errorf("/healthz before the first list: %d %s", ready.Code, ready.Body)
		}
		if b.get("/livez").Code != 200 {
			t.Error("/livez fails during an outage: a restart would not help")
		}
		if got := b.metrics("heapgate_watch_synced"); got != "heapgate_watch_synced 0" {
			t.Error(got)
		}
		if got := b.metrics("heapgate_watch_errors_total"); got == "heapgate_watch_errors_total 0" {
			t.Error("the failed lists are not counted")
		}
		time.Sleep(time.Minute)
		if lines := strings.Count(b.said(), "\n"); lines != len(kinds)+1 {
			t.Errorf("%d lines of log about one outage:\n%s", lines, b.said())
		}
		down.Store(false)
		time.Sleep(2 * time.Minute) // client-go's pauses grow to a minute
		b.want(unverified(None))
		if ready := b.get("/healthz"); ready.Code != 200 {
			t.Errorf("/healthz: %d %s", ready.Code, ready.Body)
		}
		if got := b.metrics("heapgate_watch_synced"); got != "heapgate_watch_synced 1" {
			t.Error(got)
		}
	})
}

func (b *bench) get(path string) *httptest.ResponseRecorder {
	out := httptest.NewRecorder()
	b.watcher.Handler().ServeHTTP(out, httptest.NewRequest(http.MethodGet, path, nil))
	return out
}

// Without the records nothing is known of any workload: that is no reason to call all of them unverified.
func TestWatchSaysNothingBeforeItHasReadEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(b *bench, _ *Settings) {
			b.client.PrependReactor("list", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("not yet") })
		}, deployment(digestA))
		defer b.end()
		b.want("")
		time.Sleep(time.Minute)
		b.want("")
		if events := b.told(); len(events) != 0 {
			t.Errorf("Events %+v", events)
		}
	})
}

// More workloads than may be looked at are not passed over in silence.
func TestWatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var objects []runtime.Object
		for _, name := range []string{"a", "b", "c"} {
			d := deployment(digestA)
			d.SetName(name)
			objects = append(objects, d)
		}
		b := start(t, func(_ *bench, s *Settings) { s.MaxWorkloads = 2; s.Cluster = "prod" }, objects...)
		defer b.end()
		time.Sleep(settle + time.Second)
		synctest.Wait()
		if got := strings.Count(b.metrics("heapgate_workload_unverified{"), "\n") + 1; got != 2 {
			t.Errorf("%d workloads, want 2", got)
		}
		if got := b.metrics("heapgate_watch_synced"); got != `heapgate_watch_synced{k8s_cluster_name="prod"} 0` {
			t.Error(got)
		}
		if !strings.Contains(b.said(), "raise --max-workloads") {
			t.Errorf("log:\n%s", b.said())
		}
	})
}

// A slow API server takes no Events for a while: looking goes on, and what is left out is counted.
func TestSlowEventsDoNotHoldUpTheLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ *bench, s *Settings) {
			s.Tell = func(ctx context.Context, _ cluster.Event) error { <-ctx.Done(); return ctx.Err() }
			s.MaxWorkloads = 1000
		})
		defer b.end()
		b.want("") // the fake forgets what happens between its list and its watch
		for i := range 100 {
			d := deployment(digestA)
			d.SetName("shop-" + strings.Repeat("x", i+1))
			b.put(deployments, d)
		}
		time.Sleep(settle + time.Second)
		synctest.Wait()
		if got := len(b.watcher.Statuses()); got != 100 {
			t.Errorf("%d workloads looked at, want 100", got)
		}
		if got := b.watcher.errors.Load(); got != 100-64-1 { // in the queue, and in the hand of tell
			t.Errorf("%d Events counted as left out", got)
		}
	})
}

func TestSlimKeepsWhatDecisionsNeed(t *testing.T) {
	u := deployment(digestA)
	u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "x"}})
	kept, err := slim(u)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := kept.(*unstructured.Unstructured).MarshalJSON()
	want := `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"heapgate.dev/guarded":"true"},"name":"shop","namespace":"shop","uid":"u-1"},` +
		`"spec":{"template":{"spec":{"containers":[{"image":"registry.local/shop@` + digestA + `","name":"app"}]}}}}` + "\n"
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	long := written(record.Fail, record.PostSync, noon)
	long.Summary = strings.Repeat("ä", record.MaxSummary/2)
	cm := verdicts(t, long)
	key, _ := record.Key("Deployment", "shop", digestA)
	cm.SetManagedFields([]metav1.ManagedFieldsEntry{
		{Manager: "argocd", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{}}`)},
		{Manager: "kubectl-edit", FieldsV1: metav1.NewFieldsV1(`{"f:data":{".":{},"f:` + key + `":{}}}`)},
		{Manager: "broken", FieldsV1: metav1.NewFieldsV1(`{"f:data":[]}`)},
		{Manager: "empty"},
	})
	again, _ := slim(cm)
	records := again.(*records)
	if e := records.find(shop(digestA)); e == nil || e.writer != "kubectl-edit" || e.problem != nil || len(e.record.Summary) > maxReason+3 || !strings.HasSuffix(e.record.Summary, "...") {
		t.Errorf("entry %+v", e)
	}
	if records.find(shop(digestB)) != nil {
		t.Error("found a record of another digest")
	}
	if twice, _ := slim(again); twice != again {
		t.Error("slim changes what is slim already")
	}
}
