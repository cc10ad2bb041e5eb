// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/heapgate/heapgate/policies"
)

const plainPod = `apiVersion: v1
kind: Pod
metadata:
  name: shop
spec:
  containers:
    - name: shop
      image: shop@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
      env:
        - name: GOMEMLIMIT
          value: 460Mi
      resources: {limits: {memory: 512Mi}}
`

func checkedManifests(t *testing.T, text string, flags ...string) (code int, out, problem string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"check", "manifests", "-"}, flags...), streams{strings.NewReader(text), &stdout, &stderr})
	return code, stdout.String(), stderr.String()
}

func wide(text string) string {
	var out bytes.Buffer
	out.WriteString("\xff\xfe")
	for _, unit := range utf16.Encode([]rune(text)) {
		out.WriteByte(byte(unit))
		out.WriteByte(byte(unit >> 8))
	}
	return out.String()
}

// Whatever comes in is judged as it would be applied, or refused with a reason; it is never let through.
func TestHostileManifestsNeverPass(t *testing.T) {
	bomb := "a: &a [x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c]\n", c, c, c-1, c-1)
	}
	for name, test := range map[string]struct {
		text string
		code int
		want string
	}{
		"plain":          {plainPod, exitFail, "stdin:11: deny GOMEM-001"},
		"CRLF":           {strings.ReplaceAll(plainPod, "\n", "\r\n"), exitFail, "stdin:11: deny GOMEM-001"},
		"BOM":            {"\xef\xbb\xbf" + plainPod, exitFail, "stdin:11: deny GOMEM-001"},
		"UTF-16":         {wide(plainPod), exitFail, "stdin:11: deny GOMEM-001"},
		"JSON with tabs": {"{\n\t\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {},\n\t\"spec\": {}\n}", exitInconclusive, "open"},
		"bomb":           {bomb, exitConfig, "anchors and aliases are refused"},
		"merge":          {"x: {a: 1}\ny:\n  <<: {a: 1}\n", exitConfig, "merge keys"},
		"10 MB":          {plainPod + "---\n" + strings.Repeat("# "+strings.Repeat("x", 98)+"\n", 100_000), exitConfig, "want at most 8 MiB"},
		"tabs":           {"apiVersion: v1\n\tkind: Pod\n", exitConfig, "yaml"},
		"key twice":      {strings.Replace(plainPod, "kind: Pod\n", "kind: Pod\nkind: ConfigMap\n", 1), exitConfig, `the key "kind" is given twice`},
		"deep":           {strings.Repeat("{a: ", 300) + "1" + strings.Repeat("}", 300), exitConfig, "levels of nesting"},
		"NaN":            {strings.Replace(plainPod, "memory: 512Mi", "memory: .nan", 1), exitConfig, "want a number that JSON knows"},
		"unfinished":     {plainPod + "---\nkind: {", exitConfig, "yaml"},
		"not UTF-8":      {"a: \xff\xfe\xfd\n", exitConfig, ""},
		"a list":         {"- " + strings.ReplaceAll(plainPod, "\n", "\n  "), exitConfig, "want a Kubernetes object"},
		"no version":     {strings.Replace(plainPod, "apiVersion: v1\n", "", 1), exitConfig, "apiVersion is required"},
		"bare yes":       {strings.Replace(plainPod, "460Mi", "yes", 1), exitInconclusive, "open"},
		"bare number":    {strings.Replace(plainPod, "460Mi", "482344960", 1), exitInconclusive, "open"},
		"null pod":       {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {}\nspec: {template: null}\n", exitInconclusive, "open"},
		"comments only":  {"# nothing\n---\n---\n", exitInconclusive, "No workload among the manifests"},
		"empty":          {"", exitConfig, "stdin is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, problem := checkedManifests(t, test.text)
			if code != test.code || !strings.Contains(out+problem, test.want) {
				t.Errorf("want %d and %q, got %d\n%.600s%.600s", test.code, test.want, code, out, problem)
			}
		})
	}
}

// The form of the report changes nothing of the answer.
func TestExitCodeIsThatOfEveryForm(t *testing.T) {
	for _, form := range manifestOutputs {
		if code, _, _ := checkedManifests(t, plainPod, "-o", form); code != exitFail {
			t.Errorf("-o %s: want %d, got %d", form, exitFail, code)
		}
	}
}

// A name that tries to be a command, markup or an escape sequence is shown as text in every form.
func TestNamesOfManifestsAreOnlyText(t *testing.T) {
	text := strings.Replace(plainPod, "name: shop\nspec", "name: \"x\\n::error::y\\e[31m</failure>| @all\"\nspec", 1)
	for _, form := range manifestOutputs {
		code, out, problem := checkedManifests(t, text, "-o", form)
		if code != exitFail || out == "" {
			t.Fatalf("%s: %d %s", form, code, problem)
		}
		if strings.Contains(out, "\x1b") || strings.Contains(out, "\n::error::y") || form == "junit" && strings.Contains(out, "::y</failure>") || form == "markdown" && strings.Contains(out, "@all") {
			t.Errorf("%s: %s", form, out)
		}
	}
}

// --require-go with rules that never say what is not Go would let everything pass.
func TestRequireGoNeedsItsRule(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, policies.Embedded()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "manifest", "memory", "unset.rego")); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(plainPod, "GOMEMLIMIT", "GREETING", 1)
	if code, _, problem := checkedManifests(t, text, "--policies", dir, "--require-go"); code != exitConfig || !strings.Contains(problem, "--require-go needs the rule GOMEM-002") {
		t.Errorf("exit code %d: %s", code, problem)
	}
	if code, out, problem := checkedManifests(t, text, "--require-go"); code != exitInconclusive {
		t.Errorf("exit code %d: %s%s", code, out, problem)
	}
}
