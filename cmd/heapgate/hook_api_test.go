// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"sigs.k8s.io/yaml"
)

// fakeAPI is as much of a Kubernetes API server as the hook talks to: get, list by one label, create, merge patch and update of the status of
// the objects of a YAML file. An object that has a resourceVersion gets another one with each change. Options change it:
//
//	forbid:VERB:RESOURCE  refuses as RBAC does
//	away:N                the first N requests get a 503
type fakeAPI struct {
	mu       sync.Mutex
	objects  map[string]map[string]any // by path, /api/v1/namespaces/shop/configmaps/heapgate-verdicts
	forbid   map[string]bool
	away     int
	requests []string                // VERB PATH
	before   func(verb, path string) // called with the lock held; may be nil
}

var plurals = map[string]string{
	"ConfigMap": "configmaps", "Event": "events", "PodTemplate": "podtemplates", "Pod": "pods", "Job": "jobs", "Deployment": "deployments",
	"StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "Application": "applications",
	"GateException": "gateexceptions",
}

func newFakeAPI(documents string, options ...string) (*fakeAPI, error) {
	a := &fakeAPI{objects: map[string]map[string]any{}, forbid: map[string]bool{}}
	for document := range strings.SplitSeq(documents, "\n---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return nil, err
		}
		if object == nil {
			continue
		}
		root := "/api/"
		if version := textAt(object, "apiVersion"); strings.Contains(version, "/") {
			root = "/apis/"
		}
		plural := plurals[textAt(object, "kind")]
		if plural == "" {
			return nil, fmt.Errorf("unknown kind in %s", document)
		}
		path := fmt.Sprintf("%s%s/namespaces/%s/%s/%s", root, textAt(object, "apiVersion"), textAt(object, "metadata", "namespace"), plural, textAt(object, "metadata", "name"))
		if plural == "gateexceptions" { // counted in, so that it needs a version
			object["metadata"].(map[string]any)["resourceVersion"] = "1"
		}
		a.objects[path] = object
	}
	for _, option := range options {
		word, rest, _ := strings.Cut(option, ":")
		switch word {
		case "forbid":
			a.forbid[rest] = true
		case "away":
			a.away, _ = strconv.Atoi(rest)
		default:
			return nil, fmt.Errorf("unknown option %s", option)
		}
	}
	return a, nil
}

// serve starts the server and returns a kubeconfig for it.
func (a *fakeAPI) serve(dir string) (server *httptest.Server, kubeconfig string, err error) {
	server = httptest.NewServer(a)
	kubeconfig = filepath.Join(dir, "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: fake\ncontexts: [{name: fake, context: {cluster: fake, user: gate, namespace: shop}}]\n"+
		"clusters: [{name: fake, cluster: {server: %q}}]\nusers: [{name: gate, user: {token: canarytoken}}]\n", server.URL)
	return server, kubeconfig, os.WriteFile(kubeconfig, []byte(text), 0o600)
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// /api/v1/namespaces/NAMESPACE/RESOURCE/NAME, and one part more below /apis.
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	skip := 4
	if parts[0] == "apis" {
		skip = 5
	}
	if len(parts) < skip+1 {
		fail(w, 404, "NotFound", r.URL.Path)
		return
	}
	resource, named := parts[skip], len(parts) > skip+1
	verb := map[string]string{"GET": "list", "POST": "create", "PATCH": "patch", "PUT": "update"}[r.Method]
	if r.Method == "GET" && named {
		verb = "get"
	}
	a.requests = append(a.requests, verb+" "+r.URL.Path)
	if a.before != nil {
		a.before(verb, r.URL.Path)
	}
	body, _ := io.ReadAll(r.Body)
	switch {
	case a.away > 0:
		a.away--
		fail(w, 503, "ServiceUnavailable", "the server is starting")
	case a.forbid[verb+":"+resource]:
		fail(w, 403, "Forbidden", fmt.Sprintf(`%s is forbidden: User "system:serviceaccount:shop:heapgate-gate" cannot %s resource %q in API group "" in the namespace %q`, resource, verb, resource, parts[skip-1]))
	default:
		a.answer(w, r, verb, body)
	}
}

func (a *fakeAPI) answer(w http.ResponseWriter, r *http.Request, verb string, body []byte) {
	path := strings.TrimSuffix(r.URL.Path, "/status")
	var given map[string]any
	_ = json.Unmarshal(body, &given)
	switch verb {
	case "list":
		label, value, _ := strings.Cut(r.URL.Query().Get("labelSelector"), "=")
		items := []any{}
		for at, object := range a.objects {
			if strings.HasPrefix(at, path+"/") && (label == "" || textAt(object, "metadata", "labels", label) == value) {
				items = append(items, object)
			}
		}
		reply(w, 200, map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{}, "items": items})
		return
	case "create":
		path += "/" + textAt(given, "metadata", "name")
		if a.objects[path] != nil {
			fail(w, 409, "AlreadyExists", path+" already exists")
			return
		}
		a.objects[path] = given
		reply(w, 201, given)
		return
	}
	object := a.objects[path]
	if object == nil {
		fail(w, 404, "NotFound", path+" not found")
		return
	}
	version := textAt(object, "metadata", "resourceVersion")
	if wanted := textAt(given, "metadata", "resourceVersion"); wanted != "" && wanted != version {
		fail(w, 409, "Conflict", path+" has been modified")
		return
	}
	if (verb == "patch" || verb == "update") && version != "" {
		number, _ := strconv.Atoi(version)
		defer func() { object["metadata"].(map[string]any)["resourceVersion"] = strconv.Itoa(number + 1) }()
	}
	if verb == "update" { // of a status, the only one that there is
		object["status"] = given["status"]
	}
	if verb == "patch" {
		if r.Header.Get("Content-Type") != "application/merge-patch+json" {
			fail(w, 415, "UnsupportedMediaType", r.Header.Get("Content-Type"))
			return
		}
		mergePatch(object, given)
	}
	reply(w, 200, object)
}

// mergePatch is RFC 7386 for objects.
func mergePatch(object, patch map[string]any) {
	for key, value := range patch {
		below, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(object, key)
		case isObject:
			inner, ok := object[key].(map[string]any)
			if !ok {
				inner = map[string]any{}
				object[key] = inner
			}
			mergePatch(inner, below)
		default:
			object[key] = value
		}
	}
}

func fail(w http.ResponseWriter, code int, reason, message string) {
	reply(w, code, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message})
}

func reply(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

// The script commands that go with it:
//
//	api FILE [OPTION...]   starts an API server with the objects of a YAML file and points $KUBECONFIG to it; with:FILE adds one more object
//	kubeget PATH FILE      writes an object's JSON, with every object below PATH if it is none itself
//	webhook [CODE...]      starts a receiver at $WEBHOOK that answers with these codes in turn, and with the last one ever after
//	notices FILE           writes what it has received
//	asked N                the store was asked N questions since the last `asked`
type fakes struct {
	mu      sync.Mutex
	apis    map[string]*fakeAPI // by $WORK
	stores  map[string]*fakeStore
	notices map[string]*strings.Builder
}

var running = fakes{apis: map[string]*fakeAPI{}, stores: map[string]*fakeStore{}, notices: map[string]*strings.Builder{}}

func startAPI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: api FILE [OPTION...]")
	}
	documents, options := ts.ReadFile(args[0]), []string{}
	for _, option := range args[1:] {
		if more, ok := strings.CutPrefix(option, "with:"); ok {
			documents = strings.TrimSuffix(documents, "\n") + "\n---\n" + ts.ReadFile(more)
		} else {
			options = append(options, option)
		}
	}
	api, err := newFakeAPI(documents, options...)
	ts.Check(err)
	server, kubeconfig, err := api.serve(ts.Getenv("WORK"))
	ts.Check(err)
	ts.Defer(server.Close)
	ts.Setenv("KUBECONFIG", kubeconfig)
	running.mu.Lock()
	defer running.mu.Unlock()
	running.apis[ts.Getenv("WORK")] = api
}

func kubeget(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: kubeget PATH FILE")
	}
	running.mu.Lock()
	api := running.apis[ts.Getenv("WORK")]
	running.mu.Unlock()
	text := api.text(args[0])
	if neg != (text == "") {
		ts.Fatalf("%s: %s", args[0], text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

func (a *fakeAPI) text(path string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for at, object := range a.objects {
		if at == path || strings.HasPrefix(at, path+"/") {
			_ = encoder.Encode(object)
		}
	}
	return out.String()
}

func startWebhook(ts *testscript.TestScript, neg bool, args []string) {
	received := &strings.Builder{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.mu.Lock()
		defer running.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(received, "%s %s\n%s\n", r.Method, r.Header.Get("Authorization"), body)
		if len(args) == 0 {
			return
		}
		code, _ := strconv.Atoi(args[0])
		if len(args) > 1 {
			args = args[1:]
		}
		w.Header().Set("Location", "http://elsewhere.invalid/")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "canarybody")
	}))
	ts.Defer(server.Close)
	ts.Setenv("WEBHOOK", server.URL)
	running.mu.Lock()
	defer running.mu.Unlock()
	running.notices[ts.Getenv("WORK")] = received
}

func notices(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: notices FILE")
	}
	running.mu.Lock()
	defer running.mu.Unlock()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(running.notices[ts.Getenv("WORK")].String()), 0o600))
}

func asked(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: asked N")
	}
	running.mu.Lock()
	store := running.stores[ts.Getenv("WORK")]
	running.mu.Unlock()
	store.mu.Lock()
	defer store.mu.Unlock()
	if got := strconv.Itoa(store.asked); (got == args[0]) == neg {
		ts.Fatalf("the store was asked %s questions", got)
	}
	store.asked = 0
}

// testAPI is a fake API server of a Go test.
func testAPI(t *testing.T, documents string, options ...string) (*fakeAPI, string) {
	api, err := newFakeAPI(documents, options...)
	if err != nil {
		t.Fatal(err)
	}
	server, kubeconfig, err := api.serve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return api, kubeconfig
}
