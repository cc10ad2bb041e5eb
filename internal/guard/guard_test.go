// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/guard"
)

var pinned = "sha256:" + strings.Repeat("0a", 32)

func object(t *testing.T, text string) map[string]any {
	var o map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "DIGEST", pinned)), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestFromObject(t *testing.T) {
	const two = `"spec":{"template":{"spec":{"initContainers":[{"name":"init","image":"i"}],"containers":[{"name":"proxy","image":"proxy:v1"},{"name":"shop","image":"r:5000/shop:v1@DIGEST"}]}}}`
	shop := guard.Workload{Namespace: "n", Kind: "Deployment", Name: "shop", Container: "shop", Image: "r:5000/shop:v1@" + pinned, Digest: pinned}
	proxy := guard.Workload{Namespace: "n", Kind: "Deployment", Name: "shop", Container: "proxy", Image: "proxy:v1"}
	for name, tt := range map[string]struct {
		text    string
		want    guard.Workload
		guarded bool
		err     string
	}{
		"named container": {`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"n","name":"shop","labels":{"heapgate.dev/guarded":"true"},"annotations":{"heapgate.dev/container":"shop"}},` + two + `}`, shop, true, ""},
		"first container": {`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"n","name":"shop","labels":{"heapgate.dev/guarded":"true"}},` + two + `}`, proxy, true, ""},
		"not guarded":     {`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"n","name":"shop","labels":{"heapgate.dev/guarded":"yes"}},` + two + `}`, proxy, false, ""},
		"no labels":       {`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"n","name":"shop"},` + two + `}`, proxy, false, ""},
		"unknown container": {`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"n","name":"shop","labels":{"heapgate.dev/guarded":"true"},"annotations":{"heapgate.dev/container":"nobody"}},` + two + `}`,
			guard.Workload{Namespace: "n", Kind: "Deployment", Name: "shop", Container: "nobody"}, true, `no container "nobody"`},
		"another kind":    {`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"shop"}}`, guard.Workload{Kind: "Job", Name: "shop"}, false, "want a Deployment, StatefulSet or DaemonSet"},
		"another group":   {`{"apiVersion":"evil/v1","kind":"Deployment","metadata":{"name":"shop"},` + two + `}`, guard.Workload{Kind: "Deployment", Name: "shop"}, false, "want a Deployment"},
		"no pod template": {`{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"shop"}}`, guard.Workload{Kind: "DaemonSet", Name: "shop"}, false, "has no containers"},
		"a text for an object": {`{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"shop"},"spec":{"template":"x"}}`,
			guard.Workload{Kind: "DaemonSet", Name: "shop"}, false, "has no containers"},
		"a container without an image": {`{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"shop"},"spec":{"template":{"spec":{"containers":[{"name":"c"}]}}}}`,
			guard.Workload{Kind: "DaemonSet", Name: "shop", Container: "c"}, false, "no image"},
	} {
		t.Run(name, func(t *testing.T) {
			got, guarded, err := guard.FromObject(object(t, tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" || guarded != tt.guarded {
				t.Errorf("guarded %t %s", guarded, diff)
			}
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestDigest(t *testing.T) {
	for _, image := range []string{"shop@" + pinned, "ghcr.io/a/shop:v1@" + pinned, "localhost:5000/shop@" + pinned} {
		if got, err := guard.Digest(image); err != nil || got != pinned {
			t.Errorf("%s: %q, %v", image, got, err)
		}
	}
	for image, says := range map[string]string{
		"shop": "not pinned", "shop:latest": "not pinned", "": "must be REPOSITORY@sha256:", "@" + pinned: "must be", pinned: "not pinned",
		"shop@sha256:" + strings.Repeat("A", 64): "must be", "shop@" + pinned + "0": "must be", "a@b@" + pinned: "must be",
		"shop@sha512:" + strings.Repeat("a", 128): "must be", "a b@" + pinned: "must be", "shop@" + pinned + "\n": "must be", strings.Repeat("a", 600) + "@" + pinned: "must be",
	} {
		if got, err := guard.Digest(image); err == nil || got != "" || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %q, %v; want %q", image, got, err, says)
		}
	}
}
