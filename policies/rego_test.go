// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"gopkg.in/yaml.v3"
)

// regoText is every .rego file of this folder, tests included, by path.
func regoText(tb testing.TB) map[string]string {
	tb.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".rego" {
			return err
		}
		text, err := os.ReadFile(name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.rego") }

func parse(tb testing.TB, text map[string]string) map[string]*ast.Module {
	tb.Helper()
	modules := map[string]*ast.Module{}
	for file, content := range text {
		module, err := ast.ParseModuleWithOpts(file, content, parserOptions())
		if err != nil {
			tb.Fatal(err)
		}
		modules[file] = module
	}
	return modules
}

func readYAML(tb testing.TB, name string) map[string]any {
	tb.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	var document map[string]any
	if err := yaml.Unmarshal(text, &document); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return document
}

func embeddedSchemas(tb testing.TB) map[string]schema {
	tb.Helper()
	src, err := readSource(Embedded())
	if err != nil {
		tb.Fatal(err)
	}
	schemas, err := src.parseSchemas()
	if err != nil {
		tb.Fatal(err)
	}
	return schemas
}

// regoStore holds what the tests in Rego read: data.limits and data.passing.
func regoStore(tb testing.TB) storage.Store {
	tb.Helper()
	data := readYAML(tb, "data/defaults.yaml")
	maps.Copy(data, readYAML(tb, "testdata/passing.yaml"))
	return inmem.NewFromObject(data)
}

func TestRegoUnitTestsCoverEveryLine(t *testing.T) {
	modules, coverage, store := parse(t, regoText(t)), cover.New(), regoStore(t)
	runner := tester.NewRunner().SetCompiler(newCompiler(embeddedSchemas(t))).SetStore(store).RaiseBuiltinErrors(true).
		SetCoverageQueryTracer(coverage).SetModules(modules)
	passed := 0
	err := storage.Txn(t.Context(), store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		results, err := runner.RunTests(t.Context(), txn)
		if err != nil {
			return err
		}
		for result := range results {
			if result.Pass() {
				passed++
				continue
			}
			t.Errorf("%s: %s.%s %v", result.Location, result.Package, result.Name, result.Error)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if passed < 60 {
		t.Errorf("want at least 60 tests in Rego, got %d", passed)
	}
	for file, report := range coverage.Report(modules).Files {
		for _, lines := range report.NotCovered {
			t.Errorf("%s:%d-%d is not covered by a test", file, lines.Start.Row, lines.End.Row)
		}
	}
}

// Each rule and each condition of a rule is left out in turn: some test must notice. The tests beside the file are asked first, with no
// more than they import, and all tests only if these notice nothing.
func TestRegoUnitTestsNoticeEveryMissingCondition(t *testing.T) {
	text, store := regoText(t), regoStore(t)
	original := parse(t, text)
	if !testsPass(t, store, parse(t, text)) {
		t.Fatal("want all tests to pass before anything is left out")
	}
	left := 0
	for _, file := range slices.Sorted(maps.Keys(original)) {
		if isTest(file) {
			continue
		}
		beside := strings.Replace(file, ".rego", "_test.rego", 1)
		near := imported(original, file, beside)
		for i, mutant := range mutants(original[file]) {
			// With -short a sample: every fourth, each time the same.
			if testing.Short() && i%4 != 0 {
				continue
			}
			left++
			noticed := original[beside] != nil && !testsPass(t, store, with(original, near, file, mutant))
			if !noticed && strings.HasPrefix(file, "lib/") {
				noticed = !testsPass(t, store, with(original, slices.Collect(maps.Keys(original)), file, mutant))
			}
			if !noticed {
				t.Errorf("%s: no test fails without %s", mutant.at, mutant.what)
			}
		}
	}
	t.Logf("%d rules and conditions left out", left)
}

// with copies the named modules, since the compiler rewrites them in place, and puts a mutant in its place.
func with(original map[string]*ast.Module, names []string, file string, changed mutant) map[string]*ast.Module {
	modules := map[string]*ast.Module{}
	for _, name := range names {
		modules[name] = original[name].Copy()
	}
	modules[file] = changed.module
	return modules
}

// imported is files and what they import, however many steps away.
func imported(modules map[string]*ast.Module, files ...string) []string {
	seen := map[string]bool{}
	for len(files) > 0 {
		file := files[0]
		files = files[1:]
		if seen[file] || modules[file] == nil {
			continue
		}
		seen[file] = true
		for name, module := range modules {
			for _, one := range modules[file].Imports {
				if ref, ok := one.Path.Value.(ast.Ref); ok && ref.Equal(module.Package.Path) {
					files = append(files, name)
				}
			}
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// testsPass asks for all tests of the modules in one query. No schemas: a mutant may only fail for what it does.
func testsPass(t *testing.T, store storage.Store, modules map[string]*ast.Module) bool {
	t.Helper()
	var query strings.Builder
	for _, module := range modules {
		for _, rule := range module.Rules {
			if name := rule.Head.Ref().String(); strings.HasPrefix(name, tester.TestPrefix) {
				fmt.Fprintf(&query, "%s.%s == true\n", module.Package.Path, name)
			}
		}
	}
	compiler := ast.NewCompiler()
	if compiler.Compile(modules); compiler.Failed() {
		return false
	}
	set, err := rego.New(rego.Compiler(compiler), rego.Store(store), rego.StrictBuiltinErrors(true), rego.Query(query.String())).
		Eval(t.Context())
	return err == nil && len(set) > 0
}

type mutant struct {
	module   *ast.Module
	at, what string
}

func mutants(module *ast.Module) []mutant {
	var all []mutant
	for i, rule := range module.Rules {
		without := module.Copy()
		without.Rules = slices.Delete(without.Rules, i, i+1)
		all = append(all, mutant{without, rule.Loc().String(), "the rule " + rule.Head.String()})
		if len(rule.Body) < 2 {
			continue
		}
		for j, expr := range rule.Body {
			relaxed := module.Copy()
			relaxed.Rules[i].Body = slices.Delete(relaxed.Rules[i].Body, j, j+1)
			all = append(all, mutant{relaxed, expr.Loc().String(), "the condition " + expr.String()})
		}
	}
	return all
}

func TestRegoIsFormatted(t *testing.T) {
	for file, text := range regoText(t) {
		formatted, err := format.SourceWithOpts(file, []byte(text), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if string(formatted) != text {
			t.Errorf("%s is not formatted: opa fmt --write policies", file)
		}
	}
}

// What opa check --strict --schema schemas --capabilities capabilities.json does on this folder, tests included.
func TestOPACheckAcceptsTheFolder(t *testing.T) {
	caps, err := ast.LoadCapabilitiesFile("capabilities.json")
	if err != nil {
		t.Fatal(err)
	}
	if caps.AllowNet == nil {
		t.Error("capabilities.json: want allow_net: [], got none, which OPA reads as any host")
	}
	schemas, err := loader.Schemas("schemas")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := loader.NewFileLoader().WithRegoVersion(ast.RegoV1).WithProcessAnnotation(true).WithCapabilities(caps).
		Filtered([]string{"."}, func(_ string, info fs.FileInfo, _ int) bool {
			return !info.IsDir() && filepath.Ext(info.Name()) != ".rego"
		})
	if err != nil {
		t.Fatal(err)
	}
	compiler := ast.NewCompiler().WithCapabilities(caps).WithSchemas(schemas).WithStrict(true).WithUseTypeCheckAnnotations(true)
	if compiler.Compile(loaded.ParsedModules()); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
}

func TestFolderIsABundle(t *testing.T) {
	reader := bundle.NewCustomReader(bundle.NewDirectoryLoader(".")).WithProcessAnnotations(true).WithCapabilities(capabilities())
	read, err := reader.Read()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(read.Modules), len(regoText(t)); got != want {
		t.Errorf("want %d modules in the bundle, got %d", want, got)
	}
}
