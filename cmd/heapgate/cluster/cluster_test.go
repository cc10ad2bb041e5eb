// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
)

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

// answer is one answer of the server, in turn; the last one repeats.
type answer struct {
	code int
	body string
}

func status(code int, reason, message string) answer {
	return answer{code, fmt.Sprintf(`{"apiVersion":"v1","kind":"Status","status":"Failure","code":%d,"reason":%q,"message":%q}`, code, reason, message)}
}

func object(text string) answer { return answer{200, text} }

var (
	starting = status(503, "ServiceUnavailable", "starting")
	missing  = status(404, "NotFound", "not found")
	denied   = status(403, "Forbidden", `deployments.apps "shop" is forbidden: User "system:serviceaccount:shop:gate" cannot get resource "deployments" in API group "apps" in the namespace "shop"`)
	shop     = object(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"shop","namespace":"shop"}}`)
)

type server struct {
	answers  []answer
	requests []string // METHOD PATH BODY
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	query := r.URL.Query()
	query.Del("timeout")
	r.URL.RawQuery = query.Encode()
	s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
	a := s.answers[min(len(s.requests), len(s.answers))-1]
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.code)
	_, _ = io.WriteString(w, a.body)
}

func kubeconfig(t *testing.T, address string) string {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a, namespace: home}}, {name: b, context: {cluster: a, user: a, namespace: away}}]\n"+
		"clusters: [{name: a, cluster: {server: %q}}]\nusers: [{name: a, user: {token: x}}]\n", address)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func connect(t *testing.T, patience time.Duration, answers ...answer) (*server, *cluster.Client) {
	s := &server{answers: answers}
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	client, err := cluster.New(t.Context(), cluster.Options{Kubeconfig: kubeconfig(t, listening.URL), Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	return s, client
}

func TestNamespace(t *testing.T) {
	config := kubeconfig(t, "http://127.0.0.1:1")
	t.Setenv("KUBECONFIG", config)
	for want, o := range map[string]cluster.Options{"home": {}, "away": {Context: "b"}, "given": {Namespace: "given", Context: "b", Kubeconfig: config}} {
		client, err := cluster.New(t.Context(), o)
		if err != nil || client.Namespace() != want {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
	for says, o := range map[string]cluster.Options{"context \"c\" does not exist": {Context: "c"}, "no such file": {Kubeconfig: "nowhere"}} {
		if _, err := cluster.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestPatience: what goes away by itself is tried again; what would stay is not.
func TestPatience(t *testing.T) {
	const long = time.Minute
	for name, tt := range map[string]struct {
		patience time.Duration
		answers  []answer
		tries    int
		err      string
	}{
		"at once":                     {long, []answer{shop}, 1, ""},
		"starting":                    {long, []answer{starting, status(500, "InternalError", "etcd"), shop}, 3, ""},
		"overloaded":                  {long, []answer{status(429, "TooManyRequests", "later"), shop}, 2, ""},
		"conflict":                    {long, []answer{status(409, "Conflict", "changed"), shop}, 2, ""},
		"a denial that passes":        {long, []answer{denied, denied, shop}, 3, ""},
		"a denial that stays":         {long, []answer{denied}, 3, `the ServiceAccount shop/gate may not get deployments.apps shop in the namespace shop; its Role lacks the verb "get" on "deployments"`},
		"not logged in":               {long, []answer{status(401, "Unauthorized", "Unauthorized")}, 3, "Unauthorized"},
		"missing":                     {long, []answer{missing}, 1, "not found"},
		"not patient":                 {-1, []answer{starting, shop}, 1, "starting"},
		"not patient with a denial":   {-1, []answer{denied, shop}, 1, `lacks the verb "get"`},
		"away for longer":             {600 * time.Millisecond, []answer{starting}, 2, "starting"},
		"refused by a policy":         {long, []answer{status(403, "Forbidden", "admission webhook said no: cannot have this")}, 3, "admission webhook said no"},
		"refused, and nobody is told": {long, []answer{status(403, "Forbidden", "forbidden: cannot get that")}, 3, "the ServiceAccount of this process may not get deployments.apps shop"},
		"no JSON":                     {long, []answer{{200, "<html>"}}, 1, "kubernetes: get deployments: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := connect(t, tt.patience, tt.answers...)
			got, err := client.Get(t.Context(), deployments, "shop", "shop")
			if len(s.requests) != tt.tries {
				t.Errorf("%d tries, want %d", len(s.requests), tt.tries)
			}
			switch {
			case tt.err == "" && (err != nil || got["kind"] != "Deployment"):
				t.Errorf("%v, %v", got, err)
			case tt.err != "" && (err == nil || got != nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("%v, %v; want %q", got, err, tt.err)
			}
		})
	}
}

func TestDenied(t *testing.T) {
	_, client := connect(t, -1, denied)
	_, err := client.Get(t.Context(), deployments, "shop", "shop")
	want := &cluster.Denied{Verb: "get", Resource: "deployments", Group: "apps", Namespace: "shop", Name: "shop", User: "system:serviceaccount:shop:gate"}
	if got, ok := cluster.IsDenied(fmt.Errorf("wrapped: %w", err)); !ok || *got != *want {
		t.Errorf("got %+v", got)
	}
	if _, ok := cluster.IsDenied(errors.New("x")); ok || cluster.IsMissing(err) {
		t.Error("anything is taken for a denial")
	}
	if got := (&cluster.Denied{Verb: "list", Resource: "pods", User: "jane"}).Error(); got != `the user jane may not list pods in the whole cluster; its Role lacks the verb "list" on "pods"` {
		t.Error(got)
	}
}

// TestRestart: nobody listens at first.
func TestRestart(t *testing.T) {
	listening := httptest.NewUnstartedServer(&server{answers: []answer{shop}})
	config := kubeconfig(t, "http://"+listening.Listener.Addr().String())
	address := listening.Listener.Addr().String()
	_ = listening.Listener.Close()
	client, err := cluster.New(t.Context(), cluster.Options{Kubeconfig: config})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Impatient().Get(t.Context(), deployments, "shop", "shop"); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Fatalf("nobody listens, and %v", err)
	}
	started := make(chan *http.Server)
	time.AfterFunc(300*time.Millisecond, func() {
		again := &http.Server{Addr: address, Handler: &server{answers: []answer{shop}}}
		go func() { _ = again.ListenAndServe() }()
		started <- again
	})
	_, err = client.Get(t.Context(), deployments, "shop", "shop")
	_ = (<-started).Close()
	if err != nil {
		t.Error(err)
	}
}

func TestInterrupted(t *testing.T) {
	_, client := connect(t, time.Hour, starting)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := client.Get(ctx, deployments, "shop", "shop"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestList(t *testing.T) {
	s, client := connect(t, -1, object(`{"apiVersion":"apps/v1","kind":"DeploymentList","metadata":{},"items":[{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"shop"}}]}`))
	got, err := client.List(t.Context(), deployments, "shop", "a=b")
	if err != nil || len(got) != 1 || got[0]["kind"] != "Deployment" || s.requests[0] != "GET /apis/apps/v1/namespaces/shop/deployments?labelSelector=a%3Db&limit=500" {
		t.Errorf("%v, %v, %q", got, err, s.requests)
	}
	_, client = connect(t, -1, object(`{"apiVersion":"apps/v1","kind":"DeploymentList","metadata":{"continue":"x"},"items":[]}`))
	if got, err := client.List(t.Context(), deployments, "shop", "a=b"); err == nil || got != nil {
		t.Errorf("half of a list is taken for all: %v", got)
	}
}

func TestConfigMap(t *testing.T) {
	_, client := connect(t, -1, object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"1"},"binaryData":{"b":"AAE="}}`))
	got, err := client.ConfigMap(t.Context(), "shop", "x")
	if diff := cmp.Diff(cluster.ConfigMap{Data: map[string]string{"a": "1"}, BinaryData: map[string][]byte{"b": {0, 1}}}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	_, client = connect(t, -1, object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"binaryData":{"b":"?"}}`))
	if _, err := client.ConfigMap(t.Context(), "shop", "x"); err == nil {
		t.Error("binaryData that is no base64 is taken")
	}
}

func TestPatchVerdict(t *testing.T) {
	const path = "/api/v1/namespaces/shop/configmaps"
	created := object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"heapgate-verdicts"}}`)
	verdict := cluster.Verdict{Namespace: "shop", Key: "k", Value: "v", Remove: []string{"old"}, Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"a": "2"}}
	patch := "PATCH " + path + `/heapgate-verdicts {"data":{"k":"v","old":null}}`
	create := "POST " + path + ` {"apiVersion":"v1","data":{"k":"v"},"kind":"ConfigMap","metadata":{"annotations":{"a":"2"},"labels":{"l":"1"},"name":"heapgate-verdicts","namespace":"shop"}}`
	for name, tt := range map[string]struct {
		answers []answer
		want    []string
	}{
		"there":                            {[]answer{created}, []string{patch}},
		"not there":                        {[]answer{missing, created}, []string{patch, create}},
		"not there, and then somebody was": {[]answer{missing, status(409, "AlreadyExists", "exists"), created}, []string{patch, create, patch}},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := connect(t, time.Minute, tt.answers...)
			if err := client.PatchVerdict(t.Context(), verdict); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, s.requests); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPutBinary(t *testing.T) {
	created := object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}`)
	patch := `PATCH /api/v1/namespaces/shop/configmaps/x {"binaryData":{"a":"AAE=","old":null}}`
	create := `POST /api/v1/namespaces/shop/configmaps {"apiVersion":"v1","binaryData":{"a":"AAE="},"kind":"ConfigMap","metadata":{"name":"x","namespace":"shop"}}`
	for name, tt := range map[string]struct {
		answers []answer
		want    []string
	}{
		"there":                            {[]answer{created}, []string{patch}},
		"not there":                        {[]answer{missing, created}, []string{patch, create}},
		"not there, and then somebody was": {[]answer{missing, status(409, "AlreadyExists", "exists"), created}, []string{patch, create, patch}},
	} {
		s, client := connect(t, time.Minute, tt.answers...)
		err := client.PutBinary(t.Context(), "shop", "x", "a", []byte{0, 1}, []string{"old"})
		if diff := cmp.Diff(tt.want, s.requests); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// TestLocked: what was read and has been changed since is not written over, and nobody waits for that to change.
func TestLocked(t *testing.T) {
	verdict := cluster.Verdict{Namespace: "shop", Key: "k", Value: "v", Version: "7"}
	s, client := connect(t, time.Minute, status(409, "Conflict", "changed"), object(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}`))
	if err := client.PatchVerdict(t.Context(), verdict); !cluster.IsConflict(err) || len(s.requests) != 1 ||
		s.requests[0] != `PATCH /api/v1/namespaces/shop/configmaps/heapgate-verdicts {"data":{"k":"v"},"metadata":{"resourceVersion":"7"}}` {
		t.Errorf("%v, %q", err, s.requests)
	}
	exception := map[string]any{"apiVersion": "heapgate.dev/v1alpha1", "kind": "GateException", "metadata": map[string]any{"namespace": "a", "name": "x", "resourceVersion": "7"}}
	s, client = connect(t, time.Minute, status(409, "Conflict", "changed"), object(`{"apiVersion":"heapgate.dev/v1alpha1","kind":"GateException","metadata":{"name":"x"}}`))
	if err := client.UpdateStatus(t.Context(), cluster.Exceptions, exception); !cluster.IsConflict(err) || len(s.requests) != 1 {
		t.Errorf("%v, %q", err, s.requests)
	}
	if err := client.UpdateStatus(t.Context(), cluster.Exceptions, exception); err != nil || !strings.HasPrefix(s.requests[1], "PUT /apis/heapgate.dev/v1alpha1/namespaces/a/gateexceptions/x/status {") {
		t.Errorf("%v, %q", err, s.requests)
	}
	delete(exception["metadata"].(map[string]any), "resourceVersion")
	if err := client.UpdateStatus(t.Context(), cluster.Exceptions, exception); err == nil || len(s.requests) != 2 {
		t.Errorf("a status without a version is written over whatever there is: %v, %q", err, s.requests)
	}
}

func TestEvent(t *testing.T) {
	event := cluster.Event{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "shop", UID: "u", Reason: "HeapgateFail", Type: "Warning", Message: "m",
		Component: "heapgate-gate", At: time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC)}
	s, client := connect(t, time.Minute, object(`{"apiVersion":"v1","kind":"Event","metadata":{"name":"x"}}`))
	if err := client.Event(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(s.requests[0], "/events ")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	name := got["metadata"].(map[string]any)["name"].(string)
	want := map[string]any{
		"apiVersion": "v1", "kind": "Event", "metadata": map[string]any{"namespace": "shop", "name": name}, "reason": "HeapgateFail", "type": "Warning", "message": "m", "count": 1.0,
		"involvedObject": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "shop", "uid": "u"},
		"firstTimestamp": "2026-11-04T12:00:00Z", "lastTimestamp": "2026-11-04T12:00:00Z", "source": map[string]any{"component": "heapgate-gate"},
	}
	if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(name, "shop.") {
		t.Errorf("%s: %s", name, diff)
	}

	// The same words again are the same Event, with a later time; whoever may not patch it leaves it as it is.
	for _, second := range []answer{object(`{"apiVersion":"v1","kind":"Event","metadata":{"name":"x"}}`), denied} {
		s, client = connect(t, time.Minute, status(409, "AlreadyExists", "exists"), second)
		if err := client.Event(t.Context(), event); err != nil {
			t.Error(err)
		}
		if want := "PATCH /api/v1/namespaces/shop/events/" + name + ` {"lastTimestamp":"2026-11-04T12:00:00Z"}`; len(s.requests) != 2 || s.requests[1] != want {
			t.Errorf("%q, want %q", s.requests, want)
		}
	}
	event.Message = strings.Repeat("x", 1025)
	if err := client.Event(t.Context(), event); err == nil {
		t.Error("a message that the API server refuses is sent")
	}
}
