// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/bundle"
)

func TestReadProfiles(t *testing.T) {
	const proto, text = "../../internal/profile/testdata/corpus/caddy.heap.pb.gz", "../../internal/heap/testdata/go1.26/heap.txt"
	const goroutines = "../../internal/profile/testdata/corpus/caddy.goroutine.pb.gz"
	all, err := readProfiles([]string{text, proto, text})
	if err != nil || len(all) != 2 || all[0].file != "heap.txt" || all[1].file != "caddy.heap.pb.gz" {
		t.Fatalf("got %d, %v", len(all), err)
	}
	if _, err := readProfiles([]string{goroutines}); err == nil || !strings.Contains(err.Error(), "got a profile of goroutine, want one of inuse_space") {
		t.Errorf("got %v", err)
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := errors.Join(os.WriteFile(large, all[0].content, 0o600), os.Truncate(large, maxProfile+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := readProfiles([]string{large}); err == nil || !strings.Contains(err.Error(), "at most 16777216 bytes (got 16777217)") {
		t.Errorf("got %v", err)
	}
	// Three heap texts that are whole, and together too much.
	var many []string
	for i := range 3 {
		name := filepath.Join(t.TempDir(), "heap.txt")
		padded := append(bytes.Clone(all[0].content), fmt.Sprintf("# %d%s\n", i, strings.Repeat("\n# x", max(0, 12<<20-len(all[0].content))/4))...)
		if err := os.WriteFile(name, padded, 0o600); err != nil {
			t.Fatal(err)
		}
		many = append(many, name)
	}
	if _, err := readProfiles(many); err == nil || !strings.Contains(err.Error(), "all files together must have at most 33554432 bytes") {
		t.Errorf("got %v", err)
	}
}

// noise does not get smaller by packing.
func noise(seed uint64, size int) givenProfile {
	random, content := rand.NewChaCha8([32]byte{byte(seed)}), make([]byte, size)
	_, _ = random.Read(content)
	return givenProfile{file: fmt.Sprintf("p%d", seed), content: content}
}

// TestFitBundle: profiles are left out, the largest first, until the bundle fits. The evidence and the verdict stay what they are.
func TestFitBundle(t *testing.T) {
	private, _ := keysIn(t)
	r := judged(t, failingImage, gateFlags{image: shopImage}, single(storeNow))
	bare, err := fitBundle(t.Context(), r, maxStored, private)
	if err != nil || bare.warning() != "" || strings.Contains(bare.line("x"), "profile") {
		t.Fatalf("%v: %s", err, bare.warning())
	}
	r.settings.profiles = []givenProfile{noise(1, 300<<10), noise(2, 500<<10), noise(3, 200<<10)}
	for room, want := range map[int]string{
		2 << 20: "", maxStored: "p2", 400 << 10: "p2 p1", 200 << 10: "p2 p1 p3", 0: "p2 p1 p3",
	} {
		kept, err := fitBundle(t.Context(), r, room, private)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := kept.bundle.Bytes()
		if err != nil || room > 0 && len(packed) > room {
			t.Errorf("%d bytes, want at most %d, %v", len(packed), room, err)
		}
		left := 0
		for _, p := range kept.profiles {
			if p.LeftOut != strings.Contains(want, p.File) || p.LeftOut != strings.Contains(kept.warning(), p.File+" (") {
				t.Errorf("room %d: %+v, want left out %q: %s", room, p, want, kept.warning())
			}
			if p.LeftOut {
				left++
			}
			if content, ok := kept.bundle.File("profiles/" + p.SHA256); ok == p.LeftOut || len(content) != p.Bytes && ok {
				t.Errorf("room %d: %s is in the bundle: %t", room, p.File, ok)
			}
		}
		if in := 3 - left; strings.HasSuffix(kept.line("x"), fmt.Sprintf(", with %s", counted(in, "profile"))) != (in > 0) {
			t.Errorf("room %d: %s", room, kept.line("x"))
		}
		for _, name := range []string{bundle.Answers, bundle.Decision, bundle.Input, bundle.Settings} {
			with, _ := kept.bundle.File(name)
			if without, _ := bare.bundle.File(name); !bytes.Equal(with, without) {
				t.Errorf("room %d: %s is another", room, name)
			}
		}
		result := replayOf(t, kept.bundle)
		if !result.same() || len(result.Profiles) != 3 || strings.Count(string(result.text()), "; left out of the bundle\n") != left {
			t.Errorf("room %d:\n%s", room, result.text())
		}
	}
	if r.settings.profiles[1].leftOut {
		t.Error("the report was changed")
	}
}

// TestAFullConfigMap: an API server that refuses the object, because of what else is in it, gets the evidence without profiles.
func TestAFullConfigMap(t *testing.T) {
	var sizes []int
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodGet {
			sizes = append(sizes, len(body))
		}
		if len(body) > 200<<10 {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Too long: must have at most 1048576 bytes","reason":"Invalid","code":422}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"e","namespace":"shop"}}`)
	}))
	defer api.Close()
	config := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], users: [{name: a}], clusters: [{name: a, cluster: {server: %q}}]}", api.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", config)
	r := judged(t, failing, gateFlags{}, single(storeNow))
	r.settings.profiles = []givenProfile{noise(1, 300<<10)}
	kept, err := keepBundle(t.Context(), r, "configmap://shop/e", "")
	if err != nil || len(kept.leftOut()) != 1 || len(sizes) != 2 || kept.warning() == "" {
		t.Errorf("%v, %v: %s", err, sizes, kept.warning())
	}
	// Whoever ran the gate is told, as is whoever looks at the hook; the verdict stays what it is.
	var said bytes.Buffer
	r.settings.bundle = "configmap://shop/e"
	if err := keep(t.Context(), r, streams{err: &said}); err != nil || !strings.Contains(said.String(), "heapgate: warning: --profile: 1 of 1 profile left out") {
		t.Errorf("%v: %s", err, said.String())
	}
	end := &ending{report: r}
	(&hook{io: streams{err: &said}}).keepEvidence(t.Context(), end)
	if strings.Join(end.warnings, "") != kept.warning() || end.bundle != kept.digest || len(end.profiles) != 1 || end.report.verdict.Outcome != r.verdict.Outcome {
		t.Errorf("%q, %s", end.warnings, end.bundle)
	}
}

// TestAChangedProfile: one byte of a profile in the archive, and nobody replays it.
func TestAChangedProfile(t *testing.T) {
	r := judged(t, failing, gateFlags{}, single(storeNow))
	r.settings.profiles = []givenProfile{noise(1, 1000)}
	place := filepath.Join(t.TempDir(), "b")
	if _, err := keepBundle(t.Context(), r, place, ""); err != nil {
		t.Fatal(err)
	}
	expect(t, 0, "SAME", "replay", place)
	packed, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(place, repacked(t, packed, "profiles/", func(content []byte) { content[500] ^= 1 }), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, "replay", place)
	if code != exitEvidence || !strings.Contains(errs, "evidence bundle (tampered): profiles/") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

// repacked changes the files of an archive whose names begin so, and nothing else.
func repacked(t *testing.T, packed []byte, prefix string, change func([]byte)) []byte {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	from, to := tar.NewReader(unzipped), tar.NewWriter(zipped)
	for header, err := from.Next(); err == nil; header, err = from.Next() {
		content, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(header.Name, prefix) {
			change(content)
		}
		if err := to.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(to.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestBundleOfAFleet: how large the evidence of a comparison is, and that a ConfigMap holds that of 50 pods a side with few sites.
func TestBundleOfAFleet(t *testing.T) {
	parts := []fleetPart{{version: "v1", pods: 50, to: 240, allocation: 1, live: 1}, {version: "v2", pods: 50, from: 60, to: 240, allocation: 1, live: 1}}
	r := compareWith(t, fleet(1, quarter, 240, parts...), gateFlags{version: "v2", window: 40 * time.Minute})
	b := bundled(t, r)
	packed, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	answers, _ := b.File(bundle.Answers)
	t.Logf("50 pods a side, 40 minutes of points every 15 s, 2 sites: the bundle has %d bytes of the %d of a ConfigMap; answers.json inflates to %d", len(packed), maxStored, len(answers))
	if len(packed) > maxStored {
		t.Errorf("a ConfigMap does not hold it")
	}
}
