// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/bundle"
	"github.com/heapgate/heapgate/internal/promapi"
)

// The canaries: none of them may sing in any output. They hold what has another form in a URL and in the two alphabets of base64.
const (
	canaryUser     = "canary-user-7f3a"
	canaryPassword = "canary?pass>word~9c1e"
	canaryToken    = "canary.token~+/8d2b=="
	canaryHeader   = "canary tenant>?55aa"
	canaryKey      = "canary-key-0b0b"
)

// canaryWords of a store that puts them into labels are without the names of a user and of a tenant: these may well be those of a function or a
// namespace too, and labels tell targets apart.
func canaryWords(inLabels bool) []string {
	all := []string{canaryPassword, canaryToken, canaryKey, canaryUser + ":" + canaryPassword}
	if !inLabels {
		all = append(all, canaryUser, canaryHeader)
	}
	return all
}

// songs are all forms in which canaries may appear. The base64 of a text within another text depends on where it begins: three of each.
func songs(canaries []string) map[string]string {
	all := map[string]string{}
	for _, canary := range canaries {
		all[canary] = "as it is"
		all[url.QueryEscape(canary)] = "in a query"
		all[url.PathEscape(canary)] = "in a path"
		all[hex.EncodeToString([]byte(canary))] = "in hex"
		quoted, _ := json.Marshal(canary)
		all[strings.Trim(string(quoted), `"`)] = "in JSON"
		for shift := range 3 {
			text := append(make([]byte, shift), canary...)
			for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				// The first and the last characters depend on the neighbours.
				all[alphabet.EncodeToString(text)[4:len(canary)*4/3-2]] = "in base64"
			}
		}
	}
	return all
}

// silent looks for every canary in a text, and in all that is packed or encoded in it.
func silent(t *testing.T, canaries []string, where string, text []byte) {
	t.Helper()
	for song, how := range songs(canaries) {
		if at := bytes.Index(text, []byte(song)); at >= 0 {
			t.Errorf("%s holds a canary %s: ...%.200q", where, how, text[max(0, at-60):])
			return
		}
	}
}

// TestSongs: the search finds what it looks for.
func TestSongs(t *testing.T) {
	for _, text := range []string{
		canaryToken, url.QueryEscape("x=" + canaryPassword), base64.StdEncoding.EncodeToString([]byte(canaryUser + ":" + canaryPassword)),
		base64.URLEncoding.EncodeToString([]byte("a " + canaryHeader + " b")), base64.StdEncoding.EncodeToString([]byte("ab" + canaryToken)), "..." + hex.EncodeToString([]byte(canaryKey)),
	} {
		found := false
		for song := range songs(canaryWords(false)) {
			found = found || strings.Contains(text, song)
		}
		if !found {
			t.Errorf("%s is not found", text)
		}
	}
}

// hostileStore tells back whatever it is told, in one place of its answers.
type hostileStore struct{ way string }

// heard is everything secret that a request holds, as it is and as the store can read it.
func heard(r *http.Request) string {
	words := []string{}
	for _, values := range r.Header {
		words = append(words, values...)
	}
	if user, password, ok := r.BasicAuth(); ok {
		words = append(words, user, password, user+":"+password)
	}
	return strings.Join(append(words, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")), " ")
}

func (s hostileStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	said := heard(r)
	quoted, _ := json.Marshal(said)
	end := time.Now().Unix() / 15 * 15
	labels := `"instance":"a:1","k8s_namespace_name":"shop","heapgate_workload_name":"shop"`
	warnings := `[]`
	switch s.way {
	case "error":
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprintf(w, `{"status":"error","errorType":"execution","error":%s}`, quoted)
		return
	case "body":
		http.Error(w, said, http.StatusForbidden)
		return
	case "redirect":
		w.Header().Set("Location", "http://elsewhere/?"+url.QueryEscape(said))
		w.WriteHeader(http.StatusFound)
		return
	case "garbage":
		_, _ = fmt.Fprintf(w, `{"status":%s}`, quoted)
		return
	case "warnings":
		warnings = fmt.Sprintf("[%s]", quoted)
	case "label":
		labels = fmt.Sprintf(`"instance":%s,"service_version":%s,"code_function_name":%s`, quoted, quoted, quoted)
	case "label name":
		labels = fmt.Sprintf(`"instance":"a:1",%s:"x"`, quoted)
	}
	if strings.HasSuffix(r.URL.Path, "/query") {
		_, _ = fmt.Fprintf(w, `{"status":"success","warnings":%s,"data":{"resultType":"vector","result":[{"metric":{%s},"value":[%d,"1"]}]}}`, warnings, labels, end)
		return
	}
	var points []string
	for i := range 40 {
		points = append(points, fmt.Sprintf(`[%d,"1"]`, end-int64(39-i)*15))
	}
	_, _ = fmt.Fprintf(w, `{"status":"success","warnings":%s,"data":{"resultType":"matrix","result":[{"metric":{%s},"values":[%s]}]}}`, warnings, labels, strings.Join(points, ","))
}

// TestNoCanarySings runs the gate against a store that tells secrets back in every way it can, with every way of giving them, and looks for
// them in all that is printed and kept.
func TestNoCanarySings(t *testing.T) {
	private, public := keysIn(t)
	for _, way := range []string{"error", "body", "redirect", "garbage", "warnings", "label", "label name"} {
		server := httptest.NewServer(hostileStore{way})
		defer server.Close()
		for credentials, args := range canaryFlags(t, server.URL) {
			t.Run(way+" "+credentials, func(t *testing.T) { listen(t, canaryWords(strings.HasPrefix(way, "label")), args, private, public) })
		}
	}
}

// TestNoCanarySingsOnTheCommandLine is the whole command, with its progress and its mistakes.
func TestNoCanarySingsOnTheCommandLine(t *testing.T) {
	server := httptest.NewServer(hostileStore{"error"})
	defer server.Close()
	all := canaryFlags(t, server.URL)
	for _, args := range [][]string{
		append([]string{"--wait", "1s"}, all["userinfo"]...), append(all["userinfo"], all["token"][2:4]...), append(all["token"], "--header", canaryHeader),
		append(all["token"], "--header", "X-Key="+canaryKey+"\n"), {"--store", "http://" + canaryUser + ":" + canaryPassword + "@[::1"},
	} {
		code, out, errs := command(t, append([]string{"gate", "--workload", "shop/shop", "--explain"}, args...)...)
		if code != exitEvidence && code != exitConfig {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
		silent(t, canaryWords(false), "output", []byte(out+errs))
	}
}

// canaryFlags are the ways to give a store credentials.
func canaryFlags(t *testing.T, address string) map[string][]string {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	host := strings.TrimPrefix(address, "http://")
	tenant := []string{"--header", "X-Scope-OrgID=" + canaryHeader, "--header", "X-Key=" + canaryKey}
	return map[string][]string{
		"userinfo":      append([]string{"--store", "http://" + url.UserPassword(canaryUser, canaryPassword).String() + "@" + host}, tenant...),
		"token":         append([]string{"--store", address, "--bearer-token-file", file("token", canaryToken)}, tenant...),
		"password":      append([]string{"--store", address, "--basic-user", canaryUser, "--basic-password-file", file("password", canaryPassword)}, tenant...),
		"authorization": append([]string{"--store", address, "--header", "Authorization=Token " + canaryToken}, tenant...),
	}
}

// listen makes one look and writes it in every form, keeps it, and reads what was kept.
func listen(t *testing.T, canaries, credentials []string, private, public string) {
	var flags gateFlags
	cmd := &cobra.Command{}
	flags.register(cmd)
	if err := cmd.ParseFlags(append([]string{"--workload", "shop/shop", "--image", shopImage, "--explain"}, credentials...)); err != nil {
		t.Fatal(err)
	}
	s, err := flags.settings()
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	judge, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	r := lookOnce(t.Context(), s, client, judge, single(time.Now()))
	if r.exitCode() == exitPass {
		t.Errorf("passed on the word of such a store: %s", r.verdict.Summary)
	}
	var out bytes.Buffer
	for _, form := range outputs {
		if err := r.write(&out, form); err != nil {
			t.Fatal(err)
		}
	}
	newProgress(&out, nil).waiting(r, time.Now())
	place := filepath.Join(t.TempDir(), "bundle")
	if _, err := keepBundle(t.Context(), r, place, private); err != nil {
		_, _ = fmt.Fprintln(&out, err)
	} else {
		rummage(t, canaries, place)
		b, err := readBundle(t.Context(), place, streams{})
		if err != nil {
			t.Fatal(err)
		}
		result := replayOf(t, b)
		if !result.same() {
			t.Errorf("%s", result.text())
		}
		for _, form := range bundleOutputs {
			if err := result.write(&out, form); err != nil {
				t.Fatal(err)
			}
			_, said, errs := command(t, "verify", place, "--key", public, "-o", form)
			out.WriteString(said + errs)
		}
	}
	silent(t, canaries, "output", out.Bytes())
}

// rummage looks into every file of a bundle, and into what is signed.
func rummage(t *testing.T, canaries []string, place string) {
	t.Helper()
	packed, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	silent(t, canaries, place, packed)
	b, err := bundle.Read(packed, bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	silent(t, canaries, "manifest", b.Manifest())
	for _, name := range b.Names() {
		text, _ := b.File(name)
		silent(t, canaries, name, text)
	}
	for line := range bytes.Lines(b.Attestation()) {
		silent(t, canaries, "attestation", line)
		var envelope struct{ Payload string }
		if err := json.Unmarshal(line, &envelope); err != nil {
			t.Fatal(err)
		}
		payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		silent(t, canaries, "statement", payload)
	}
}
