// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const asJSON = "application/json"

func useEtcd(s *session) {
	const base = "http://127.0.0.1:12379/v3/"
	post := func(path, format string, args ...any) error {
		return s.ask(http.MethodPost, base+path, asJSON, fmt.Sprintf(format, args...))
	}
	b64 := func(format string, args ...any) string {
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, format, args...))
	}
	value := b64("%s", strings.Repeat("some value ", 40))
	for user := range 3 {
		s.user(time.Millisecond, func(i int) error {
			return post("kv/put", `{"key":%q,"value":%q}`, b64("/pods/%d/%d", user, i%3000), value)
		})
		s.user(time.Millisecond, func(i int) error { return post("kv/range", `{"key":%q}`, b64("/pods/%d/%d", user, i%3000)) })
	}
	s.user(100*time.Millisecond, func(i int) error {
		return post("kv/range", `{"key":%q,"range_end":%q,"limit":500}`, b64("/pods/%d/%d", i%3, i%10), b64("/pods0"))
	})
	s.user(10*time.Millisecond, func(i int) error { return post("kv/deleterange", `{"key":%q}`, b64("/pods/%d/%d", i%3, i*7%3000)) })
	s.user(5*time.Millisecond, func(i int) error {
		key := b64("/locks/%d", i%20)
		return post("kv/txn", `{"compare":[{"target":"VERSION","result":"GREATER","key":%q,"version":"0"}],"success":[{"requestPut":{"key":%[1]q,"value":%q}}],"failure":[{"requestPut":{"key":%[1]q,"value":%[2]q}},{"requestRange":{"key":%[1]q}}]}`, key, value)
	})
	s.user(50*time.Millisecond, func(i int) error {
		if err := post("lease/grant", `{"TTL":"5","ID":"%d"}`, i+1); err != nil {
			return err
		}
		return post("kv/put", `{"key":%q,"value":%q,"lease":"%d"}`, b64("/leases/%d", i), value, i+1)
	})
	for user := range 5 {
		s.follow(http.MethodPost, base+"watch", asJSON, fmt.Sprintf(`{"create_request":{"key":%q,"range_end":%q,"prev_kv":true}}`, b64("/pods/%d/", user%3), b64("/pods/%d0", user%3)))
	}
	revision := 0
	s.user(10*time.Second, func(int) error { revision += 500; return post("kv/compaction", `{"revision":"%d"}`, revision) })
	s.user(30*time.Second, func(int) error { return post("maintenance/defragment", `{}`) })
	s.user(5*time.Second, func(int) error { return post("maintenance/status", `{}`) })
	s.reader(2*time.Second, "http://127.0.0.1:12379", "/metrics", "/health", "/version")
}

const kubeBase = "https://127.0.0.1:16443"

func useKube(s *session) {
	send := func(method, path, format string, args ...any) error {
		kind := asJSON
		if method == http.MethodPatch {
			kind = "application/merge-patch+json"
		}
		return s.ask(method, kubeBase+path, kind, fmt.Sprintf(format, args...))
	}
	post, patch := http.MethodPost, http.MethodPatch
	for _, kind := range []string{"Gate", "Rollout", "Probe", "Route"} {
		name := strings.ToLower(kind) + "s"
		s.note(send(post, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%s.corpus.example"},"spec":{"group":"corpus.example","scope":"Namespaced",
"names":{"plural":%[1]q,"singular":%[2]q,"kind":%[3]q},"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","properties":{
"spec":{"type":"object","properties":{"size":{"type":"integer","minimum":0,"default":1},"text":{"type":"string","maxLength":100},"list":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"value":{"type":"string"}}}}},
"x-kubernetes-validations":[{"rule":"self.size < 1000"}]},"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}]}}`, name, strings.ToLower(kind), kind))
	}
	for i := range 10 {
		s.note(send(post, "/api/v1/namespaces", `{"metadata":{"name":"team-%d"}}`, i))
		s.note(send(post, fmt.Sprintf("/api/v1/namespaces/team-%d/serviceaccounts", i), `{"metadata":{"name":"default"}}`))
		s.note(send(post, "/api/v1/nodes", `{"metadata":{"name":"node-%d","labels":{"zone":"a"}},"status":{"capacity":{"cpu":"4","memory":"8Gi","pods":"110"},"conditions":[{"type":"Ready","status":"True"}]}}`, i))
	}
	containers := `[{"name":"main","image":"registry.example/app:v1","env":[{"name":"A","value":"b"}],"resources":{"limits":{"memory":"256Mi"}},"ports":[{"containerPort":8080}],"readinessProbe":{"httpGet":{"path":"/","port":8080}}}]`
	labels := `{"app":"one","version":"v1"}`
	kinds := []struct{ path, spec string }{
		{"/api/v1/namespaces/team-%d/configmaps", `"data":{"a":"` + strings.Repeat("some text ", 100) + `"}`},
		{"/api/v1/namespaces/team-%d/secrets", `"stringData":{"a":"b"}`},
		{"/api/v1/namespaces/team-%d/services", `"spec":{"selector":` + labels + `,"ports":[{"port":80}]}`},
		{"/api/v1/namespaces/team-%d/pods", `"spec":{"nodeName":"node-1","containers":` + containers + `}`},
		{"/apis/apps/v1/namespaces/team-%d/deployments", `"spec":{"selector":{"matchLabels":` + labels + `},"template":{"metadata":{"labels":` + labels + `},"spec":{"containers":` + containers + `}}}`},
		{"/apis/apps/v1/namespaces/team-%d/replicasets", `"spec":{"selector":{"matchLabels":` + labels + `},"template":{"metadata":{"labels":` + labels + `},"spec":{"containers":` + containers + `}}}`},
		{"/apis/batch/v1/namespaces/team-%d/jobs", `"spec":{"template":{"spec":{"restartPolicy":"Never","containers":` + containers + `}}}`},
		{"/apis/rbac.authorization.k8s.io/v1/namespaces/team-%d/roles", `"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]`},
		{"/apis/networking.k8s.io/v1/namespaces/team-%d/ingresses", `"spec":{"defaultBackend":{"service":{"name":"one","port":{"number":80}}}}`},
		{"/apis/coordination.k8s.io/v1/namespaces/team-%d/leases", `"spec":{"holderIdentity":"one"}`},
		{"/apis/corpus.example/v1/namespaces/team-%d/gates", `"apiVersion":"corpus.example/v1","kind":"Gate","spec":{"size":3,"text":"words","list":[{"name":"a","value":"b"}]}`},
		{"/apis/corpus.example/v1/namespaces/team-%d/rollouts", `"apiVersion":"corpus.example/v1","kind":"Rollout","spec":{"size":5,"list":[{"name":"a","value":"b"}]}`},
	}
	for user := range 4 {
		s.user(15*time.Millisecond, func(i int) error {
			kind, team, name := kinds[i%len(kinds)], i%10, i/len(kinds)%60
			path := fmt.Sprintf(kind.path, team)
			switch i / 7 % 8 {
			case 0, 1:
				return send(post, path, `{"metadata":{"name":"thing-%d-%d","labels":%s},%s}`, user, name, labels, kind.spec)
			case 2, 3, 4:
				return send(patch, fmt.Sprintf("%s/thing-%d-%d", path, user, name), `{"metadata":{"annotations":{"changed":"%d"}}}`, i)
			case 5:
				return send(http.MethodDelete, fmt.Sprintf("%s/thing-%d-%d", path, user, (name+30)%60), "")
			}
			return send(http.MethodGet, fmt.Sprintf("%s/thing-%d-%d", path, user, name), "")
		})
	}
	for _, kind := range kinds {
		all := kubeBase + strings.Replace(kind.path, "/namespaces/team-%d", "", 1)
		s.reader(3*time.Second, all, "", "?limit=100", "?labelSelector=app%3Done&resourceVersion=0")
		s.follow(http.MethodGet, all+"?watch=true&allowWatchBookmarks=true&timeoutSeconds=60", "", "")
	}
	s.reader(5*time.Second, kubeBase, "/openapi/v2", "/openapi/v3", "/apis", "/metrics", "/readyz", "/api/v1", "/openapi/v3/apis/apps/v1")
}
