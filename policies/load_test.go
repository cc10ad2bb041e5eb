// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var defaultPack = sync.OnceValues(func() (*Pack, error) { return Load(Embedded(), nil) })

// mustLoad loads the embedded rules; those with the default limits once, and a copy for each test.
func mustLoad(tb testing.TB, limits map[string]any) *Pack {
	tb.Helper()
	if limits == nil {
		pack, err := defaultPack()
		if err != nil {
			tb.Fatal(err)
		}
		own := *pack
		return &own
	}
	pack, err := Load(Embedded(), limits)
	if err != nil {
		tb.Fatal(err)
	}
	return pack
}

// files is the embedded tree with other files in place; an empty text takes a file away.
func files(tb testing.TB, changes map[string]string) fstest.MapFS {
	tb.Helper()
	tree := fstest.MapFS{}
	err := fs.WalkDir(Embedded(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Embedded(), name)
		tree[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	for name, text := range changes {
		if delete(tree, name); text != "" {
			tree[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return tree
}

// rule is a whole rule X-001 with the given text after its package.
func rule(body string) map[string]string {
	return map[string]string{"gate/x.rego": ruleHead + body}
}

const ruleHead = `# METADATA
# title: X
# description: X
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: X-001
#   severity: low
#   signal: cycles
#   failure_msg: x
#   solution: x
package gate.x

`

const checked = `checks contains "X-001"

`

func TestLoadRefusesWhatWouldPassInSilence(t *testing.T) {
	embedded := files(t, nil)
	cpuShare := string(embedded["gate/gc/cpu_share.rego"].Data)
	onlyWithin := func(prefixes ...string) fstest.MapFS {
		tree := files(t, nil)
		for name := range tree {
			for _, prefix := range prefixes {
				if strings.HasPrefix(name, prefix) {
					delete(tree, name)
				}
			}
		}
		return tree
	}
	changed := func(old, new string) fstest.MapFS {
		if !strings.Contains(cpuShare, old) {
			t.Fatalf("cpu_share.rego does not contain %q", old)
		}
		return files(t, map[string]string{"gate/gc/cpu_share.rego": strings.Replace(cpuShare, old, new, 1)})
	}
	for name, test := range map[string]struct {
		files fs.FS
		want  []string // all in the error
	}{
		"misspelled input path":    {changed("input.signals.gc_cpu_share", "input.signals.gc_cpu_shares"), []string{"gate/gc/cpu_share.rego:28", "undefined ref", "gc_cpu_shares"}},
		"misspelled limit":         {changed("data.limits.gc_cpu_share", "data.limits.gc_cpu_shares"), []string{"gate/gc/cpu_share.rego:30", "undefined ref"}},
		"syntax error":             {changed("share.value > limit", "share.value > > limit"), []string{"gate/gc/cpu_share.rego:39", "rego_parse_error"}},
		"unknown function":         {changed("is_number(limit)", "is_numbr(limit)"), []string{"gate/gc/cpu_share.rego:34", "undefined function is_numbr"}},
		"unused variable":          {files(t, rule(checked+"deny contains {} if unused := 1\n")), []string{"gate/x.rego:17", "unused"}},
		"network":                  {files(t, rule(checked+"deny contains x if x := http.send({})\n")), []string{"gate/x.rego:17", "undefined function http.send"}},
		"network behind with":      {files(t, rule(checked+"deny contains x if x := count([]) with count as http.send\n")), []string{"gate/x.rego:17", "http"}},
		"clock":                    {files(t, rule(checked+"deny contains x if x := time.now_ns()\n")), []string{"undefined function time.now_ns"}},
		"chance":                   {files(t, rule(checked+"deny contains x if x := rand.intn(\"a\", 9)\n")), []string{"undefined function rand.intn"}},
		"identity":                 {files(t, rule(checked+"deny contains x if x := uuid.rfc4122(\"a\")\n")), []string{"undefined function uuid.rfc4122"}},
		"environment":              {files(t, rule(checked+"deny contains x if x := opa.runtime()\n")), []string{"undefined function opa.runtime"}},
		"name lookup":              {files(t, rule(checked+"deny contains x if x := net.lookup_ip_addr(\"a\")\n")), []string{"undefined function net.lookup_ip_addr"}},
		"sentence by sprintf":      {files(t, rule(checked+"deny contains x if x := sprintf(\"%.1f\", [25])\n")), []string{"undefined function sprintf"}},
		"sentence by template":     {files(t, rule(checked+"deny contains x if x := $\"{input.now}\"\n")), []string{"gate/x.rego:17"}},
		"version 0 syntax":         {files(t, rule(checked+"deny[x] { x := 1 }\n")), []string{"gate/x.rego:17", "`if`"}},
		"unknown namespace":        {files(t, map[string]string{"x.rego": "package main\n\ndeny contains 1\n"}), []string{"x.rego", "package main is never asked"}},
		"no METADATA":              {files(t, map[string]string{"gate/x.rego": "package gate.x\n\ndeny contains 1\n\nchecks contains 2\n"}), []string{"package gate.x has no METADATA"}},
		"no id":                    {changed("id: GC-001", "number: GC-001"), []string{"gate/gc/cpu_share.rego", "custom.id"}},
		"id is no text":            {changed("id: GC-001", "id: 1"), []string{"custom.id", "got 1"}},
		"no solution":              {changed("  solution:", "  answer:"), []string{"custom.solution"}},
		"no title":                 {changed("title: Garbage", "organizations: [Garbage]\n# custom_title: "), []string{"gate/gc/cpu_share.rego"}},
		"no description":           {changed("# description: |", "# organizations: |"), []string{"gate/gc/cpu_share.rego"}},
		"unknown severity":         {changed("severity: high", "severity: hihg"), []string{"want a severity of [critical high medium low], got \"hihg\""}},
		"no schema for the input":  {changed("  - input: schema.evidence\n#", "#"), []string{"want the schemas input: schema.evidence"}},
		"no schema for the limits": {changed("#   - data.limits: schema.limits\n", ""), []string{"data.limits: schema.limits"}},
		"manifest's schema":        {changed("input: schema.evidence", "input: schema.manifest"), []string{"gate/gc/cpu_share.rego:28", "undefined ref"}},
		"evidence in a manifest":   {files(t, map[string]string{"manifest/x.rego": strings.Replace(ruleHead+checked, "gate.x", "manifest.x", 1) + "deny contains {}\n"}), []string{"manifest/x.rego", "want the schemas input: schema.manifest"}},
		"misspelled in a manifest": {manifestRule(t, "input.spce.template"), []string{"manifest/x.rego:17", "undefined ref", "spce"}},
		"no schema of manifests":   {onlyWithin("schemas/manifest.json"), []string{"manifest"}},
		"unknown room":             {files(t, map[string]string{"x.rego": "package rules.x\n\ndeny contains 1\n"}), []string{"x.rego", "package rules.x is never asked"}},
		"just the room":            {files(t, map[string]string{"x.rego": "package manifest\n\ndeny contains 1\n"}), []string{"x.rego", "package manifest is never asked"}},
		"only manifest rules":      {onlyWithin("gate/"), []string{"no package below gate"}},
		"id used twice":            {changed("id: GC-001", "id: GC-002"), []string{"id GC-002 is already the id of gate/gc/cpu_share.rego"}},
		"misspelled set":           {files(t, rule(checked+"denny contains {} if true\n")), []string{"gate/x.rego:17", "the set denny is never asked"}},
		"deny is no set":           {files(t, rule(checked+"deny := {}\n")), []string{"gate/x.rego:17", "deny must be a set"}},
		"no checks":                {files(t, rule("deny contains {}\n")), []string{"package gate.x", "want checks and at least one"}},
		"nothing but checks":       {files(t, rule(checked)), []string{"package gate.x", "want checks and at least one"}},
		"empty folder":             {fstest.MapFS{}, []string{"no .rego file found"}},
		"absent folder":            {os.DirFS("testdata/absent"), []string{"no such file"}},
		"only libraries":           {onlyWithin("gate/"), []string{"no package below gate"}},
		"no schemas":               {onlyWithin("schemas/"), []string{"schemas/evidence.json is missing"}},
		"schema is no JSON":        {files(t, map[string]string{"schemas/limits.json": "{"}), []string{"schemas/limits.json"}},
		"schema is no schema":      {files(t, map[string]string{"schemas/limits.json": `{"type": 1}`}), []string{"limits"}},
		"no limits":                {onlyWithin("data/"), []string{"data/defaults.yaml is missing"}},
		"defaults without a limit": {files(t, map[string]string{"data/defaults.yaml": "limits: {gc_cpu_share: 0.1}"}), []string{"limits", "heap_live_share"}},
		"defaults are no YAML":     {files(t, map[string]string{"data/defaults.yaml": "limits: {"}), []string{"data/defaults.yaml"}},
		"data from elsewhere":      {files(t, rule(checked+"deny contains x if x := data.limit.cycles\n")), []string{"gate/x.rego:17", "data.limit.cycles"}},
		"absent library":           {files(t, rule(checked+"deny contains x if x := data.lib.reding.x\n")), []string{"gate/x.rego:17", "data.lib.reding.x"}},
		"library reads the input":  {files(t, map[string]string{"lib/x.rego": "package lib.x\n\ny := input.nwo\n"}), []string{"lib/x.rego:3", "input.nwo"}},
		"library reads limits":     {files(t, map[string]string{"lib/x.rego": "package lib.x\n\ny := data.limits.nwo\n"}), []string{"lib/x.rego:3", "data.limits.nwo"}},
		"large file":               {files(t, rule(strings.Repeat("# \n", maxFileBytes/3))), []string{"gate/x.rego is larger than 1048576 bytes"}},
		"many files":               {many(t), []string{"more than 1000 files"}},
	} {
		t.Run(name, func(t *testing.T) {
			pack, err := Load(test.files, nil)
			var compile *CompileError
			if pack != nil || !errors.As(err, &compile) {
				t.Fatalf("want a *CompileError and no pack, got %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in the error, got %v", want, err)
				}
			}
		})
	}
}

// manifestRule is a rule below manifest that reads a path.
func manifestRule(t *testing.T, path string) fstest.MapFS {
	text := strings.NewReplacer("gate.x", "manifest.x", "schema.evidence", "schema.manifest").Replace(ruleHead + checked)
	return files(t, map[string]string{"manifest/x.rego": text + "deny contains x if x := " + path + "\n"})
}

func many(t *testing.T) fstest.MapFS {
	tree := files(t, nil)
	for i := range maxFiles {
		tree["lib/"+strings.Repeat("x", i+1)+".rego"] = &fstest.MapFile{Data: []byte("package lib.x\n")}
	}
	return tree
}

func TestFolderAndEmbeddedPackAreTheSame(t *testing.T) {
	folder, err := Load(os.DirFS("."), nil)
	if err != nil {
		t.Fatal(err)
	}
	embedded := mustLoad(t, nil)
	if diff := cmp.Diff(embedded.Rules(), folder.Rules()); diff != "" {
		t.Error(diff)
	}
	if folder.Digest() != embedded.Digest() {
		t.Errorf("want one digest, got %s for the folder and %s embedded", folder.Digest(), embedded.Digest())
	}
}

// A mounted ConfigMap: ..data is a link to a folder with a time in its name, everything else links into ..data.
func TestMountedConfigMapIsAPack(t *testing.T) {
	mount := t.TempDir()
	if err := os.CopyFS(filepath.Join(mount, "..2026_11_21"), Embedded()); err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(mount, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..2026_11_21", "..data")
	for _, folder := range []string{"gate", "lib", "manifest", "schemas", "data"} {
		link("..data/"+folder, folder)
	}
	pack, err := Load(os.DirFS(mount), nil)
	if err != nil {
		t.Fatal(err)
	}
	if pack.Digest() != mustLoad(t, nil).Digest() {
		t.Error("want the digest of the embedded pack")
	}

	link("../lib", "gate/deeper")
	if _, err := Load(os.DirFS(mount), nil); err == nil || !strings.Contains(err.Error(), "gate/deeper is a link to a folder") {
		t.Errorf("want deeper links to be refused, got %v", err)
	}
}

func TestTheRulesOfThisVersion(t *testing.T) {
	var got []string
	for _, rule := range mustLoad(t, nil).Rules() {
		got = append(got, rule.ID+" "+rule.Package)
	}
	want := []string{
		"ALLOC-001 gate.alloc.regression",
		"EVID-001 gate.evidence.signals", "EVID-002 gate.evidence.targets", "EVID-003 gate.evidence.windows", "EVID-004 gate.evidence.comparison",
		"EXC-001 gate.override.exception",
		"GC-001 gate.gc.cpu_share", "GC-002 gate.gc.pause", "GC-003 gate.gc.limit_pressure", "GC-004 gate.gc.regression",
		"HEAD-001 gate.headroom.regression", "HEAD-002 gate.headroom.share",
		"HEAP-001 gate.heap.live_share", "HEAP-002 gate.heap.regression",
		"LEAK-001 gate.leak.time_to_limit", "MAP-001 gate.maps.growth",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHiddenFilesTestsAndOtherDataAreNoPartOfAPack(t *testing.T) {
	tree := files(t, map[string]string{
		"..data/gate/x.rego":     "package main",
		".git/x.rego":            "package main",
		"gate/.x.rego":           "package main",
		"gate/x_test.rego":       "package main",
		"testdata/x.rego":        "package main",
		"gate/data.json":         `{"limits": {"gc_cpu_share": 9}}`,
		"data/other.yaml":        "limits: {gc_cpu_share: 9}",
		"capabilities.json":      `{"builtins": []}`,
		"schemas/deeper/x.json":  "{",
		"gate/gc/cpu_share.json": "{",
	})
	pack, err := Load(tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	if pack.Digest() != mustLoad(t, nil).Digest() {
		t.Error("want files that decide nothing to change nothing")
	}
}

func TestDigestChangesWithWhateverDecides(t *testing.T) {
	digests := map[string]string{mustLoad(t, nil).Digest(): "nothing changed"}
	add := func(what, digest string) {
		if other, taken := digests[digest]; taken {
			t.Errorf("%s: want a digest of its own, got that of %q", what, other)
		}
		digests[digest] = what
		if !strings.HasPrefix(digest, "sha256:") || len(digest) != len("sha256:")+64 {
			t.Errorf("want sha256: and 64 digits, got %s", digest)
		}
	}
	add("limits", mustLoad(t, map[string]any{"gc_cpu_share": 0.3}).Digest())
	for name, file := range files(t, nil) {
		if isTest(name) || name == "data/defaults.yaml" {
			continue
		}
		pack, err := Load(files(t, map[string]string{name: string(file.Data) + "\n"}), nil)
		if err != nil {
			t.Fatal(err)
		}
		add(name, pack.Digest())
	}
}

func TestDigestIsThatOfTheValues(t *testing.T) {
	want := mustLoad(t, nil).Digest()
	comments, err := Load(files(t, map[string]string{
		"data/defaults.yaml": string(files(t, nil)["data/defaults.yaml"].Data) + "# a comment\n",
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	same := map[string]any{"gc_cpu_share": 0.25, "map_growth": map[string]any{"min_windows": 3.0, "min_samples": uint8(4)}}
	for what, pack := range map[string]*Pack{"comments": comments, "defaults given again": mustLoad(t, same)} {
		if pack.Digest() != want {
			t.Errorf("%s: want the same digest", what)
		}
	}
	for range 20 {
		if got := mustLoad(t, maps.Clone(same)).Digest(); got != want {
			t.Fatal("want the digest to be independent of the order of maps")
		}
	}
}
