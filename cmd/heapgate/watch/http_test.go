// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// apiServer speaks list and watch as Kubernetes does, for one Deployment and no record.
type apiServer struct {
	mu       sync.Mutex
	forbid   string // resource
	away     bool
	hangUp   chan struct{} // ends every open watch
	selected map[string]bool
}

func (a *apiServer) set(forbid string, away bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forbid, a.away = forbid, away
	close(a.hangUp)
	a.hangUp = make(chan struct{})
}

func (a *apiServer) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	resource, query := filepath.Base(in.URL.Path), in.URL.Query()
	verb := "list"
	if query.Get("watch") == "true" {
		verb = "watch"
	}
	a.mu.Lock()
	forbid, away, hangUp := a.forbid == resource, a.away, a.hangUp
	a.selected[fmt.Sprintf("%s %s %s%s", verb, in.URL.Path, query.Get("labelSelector"), query.Get("fieldSelector"))] = true
	a.mu.Unlock()
	out.Header().Set("Content-Type", "application/json")
	status := func(code int, reason string) {
		out.WriteHeader(code)
		_ = json.NewEncoder(out).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason + " of " + resource})
	}
	switch {
	case away:
		status(503, "ServiceUnavailable")
	case forbid:
		status(403, "Forbidden")
	case verb == "watch" && query.Get("sendInitialEvents") != "":
		status(422, "Invalid") // an API server of before streaming lists
	case verb == "watch":
		_ = http.NewResponseController(out).Flush()
		select {
		case <-hangUp:
		case <-in.Context().Done():
		}
	default:
		items := []any{}
		if resource == "deployments" {
			items = append(items, deployment(digestA).Object)
		}
		_ = json.NewEncoder(out).Encode(map[string]any{"kind": "List", "apiVersion": "v1", "metadata": map[string]any{"resourceVersion": "1"}, "items": items})
	}
}

// Over a real connection: what is asked for is what RBAC allows, a missing verb is named, an outage is seen and outlasted, and the end
// leaves nothing running.
func TestWatchOverHTTP(t *testing.T) {
	api := &apiServer{hangUp: make(chan struct{}), selected: map[string]bool{}, forbid: "configmaps"}
	server := httptest.NewServer(api)
	defer server.Close()
	kubeconfig := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nclusters: [{name: a, cluster: {server: %q}}]\nusers: [{name: a, user: {}}]\n", server.URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := cluster.New(t.Context(), cluster.Options{Kubeconfig: kubeconfig, Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := New(client.Dynamic(), Settings{Grace: time.Minute, MaxWorkloads: 10, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { watcher.Run(ctx) })
	running.Go(func() {
		if err := Serve(ctx, listener, watcher.Handler(), nil); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	eventually := func(path, want string) {
		t.Helper()
		body := ""
		for range 300 {
			if body = fetch(t, "http://"+listener.Addr().String()+path); strings.Contains(body, want) {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatalf("%s says %s, want %s", path, body, want)
	}
	eventually("/healthz", `503 not ready: the ServiceAccount of this process may not list configmaps heapgate-verdicts in the whole cluster; its Role lacks the verb "list" on "configmaps"`)
	api.set("", false)
	eventually("/healthz", "200 ok")
	eventually("/metrics", unverified(None))
	eventually("/metrics", "heapgate_watch_synced 1")

	api.set("", true)
	eventually("/metrics", "heapgate_watch_synced 0")
	eventually("/metrics", unverified(None))
	eventually("/healthz", "200 ok")
	api.set("", false)
	eventually("/metrics", "heapgate_watch_synced 1")

	api.mu.Lock()
	defer api.mu.Unlock()
	var asked []string
	for request := range api.selected {
		asked = append(asked, request)
	}
	slices.Sort(asked)
	want := []string{
		"list /api/v1/configmaps metadata.name=heapgate-verdicts", "list /apis/apps/v1/daemonsets heapgate.dev/guarded=true",
		"list /apis/apps/v1/deployments heapgate.dev/guarded=true", "list /apis/apps/v1/statefulsets heapgate.dev/guarded=true",
		"list /apis/heapgate.dev/v1alpha1/namespaces/heapgate-exceptions/gateexceptions ",
		"watch /api/v1/configmaps metadata.name=heapgate-verdicts", "watch /apis/apps/v1/daemonsets heapgate.dev/guarded=true",
		"watch /apis/apps/v1/deployments heapgate.dev/guarded=true", "watch /apis/apps/v1/statefulsets heapgate.dev/guarded=true",
		"watch /apis/heapgate.dev/v1alpha1/namespaces/heapgate-exceptions/gateexceptions ",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q\nwant  %q", asked, want)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}
