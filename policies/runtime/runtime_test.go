// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/heapgate/heapgate/internal/bytesize"
	"github.com/heapgate/heapgate/policies"
)

// program says what the runtime made of its environment. SetGCPercent returns the setting before it.
const program = `package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

func main() {
	fmt.Printf("{\"limit\": %d, \"gogc\": %d, \"procs\": %d}", debug.SetMemoryLimit(-1), debug.SetGCPercent(100), runtime.GOMAXPROCS(0))
}
`

// settings is what a runtime runs with, or that it refused to.
type settings struct {
	Limit   int64 `json:"limit"`
	GOGC    int64 `json:"gogc"`
	Procs   int64 `json:"procs"`
	Refused bool  `json:"-"`
}

// read is what lib/ reads from one text: nil where it is undefined.
type read struct {
	Unlimited          bool
	Bytes, GOGC, Procs *int64
}

var limits = []string{
	"", "off", "0", "1", "512", "512B", "512KiB", "460MiB", "1GiB", "1TiB", "007KiB", "00000000000000000000000001MiB", "9223372036854775807",
	"8388607TiB", "-0", "-00B", "-0KiB", "-MiB", "512Mi", "512M", "512MB", "0.5GiB", "512mib", " 512MiB", "512MiB ", "512K", "MiB", "-1", "-", "-B",
	"-1MiB", "+1", "1PiB", "1e9", "0x10", "1_000", "OFF", "Off", "8388608TiB", "9223372036854775808", "99999999999999999999", "9007199254740993",
	"1B1", "iB", "BB", "1KiBB", "٣",
}

var integers = []string{
	"", "off", "100", "50", "0", "1", "3", "007", "00", "-1", "-100", "-0", "-", "--1", "+50", " 50", "50 ", "100%", "abc", "1.5", "1e2", "0x10", "500m",
	"OFF", "-2147483648", "-2147483649", "2147483648", "9999999999", "99999999999999999999", "-007", "٣",
}

// taken is what the rules refuse and some versions take, each its own: the rules take only what all of them read alike.
var taken = map[string][]string{
	"go":                      {"GOMEMLIMIT=-0", "GOMEMLIMIT=-00B", "GOMEMLIMIT=-0KiB", "GOMEMLIMIT=+1", "GOGC=+50"},
	"/usr/lib/go-1.19/bin/go": {"GOMEMLIMIT=-0", "GOMEMLIMIT=-00B", "GOMEMLIMIT=-0KiB", "GOMEMLIMIT=-MiB", "GOGC=-"},
}

// What the rules take for a number, for off and for malformed is what a real runtime makes of the same text, the newest one and the
// first that had GOMEMLIMIT.
func TestSettingsAreReadAsTheRuntimeReadsThem(t *testing.T) {
	ours := ask(t)
	for _, goTool := range []string{"go", "/usr/lib/go-1.19/bin/go"} {
		t.Run(filepath.ToSlash(strings.Trim(goTool, "/")), func(t *testing.T) {
			if _, err := exec.LookPath(goTool); err != nil {
				t.Skipf("%s is not installed: %v", goTool, err)
			}
			binary := build(t, goTool)
			plain := run(t, binary)
			for _, text := range limits {
				want, said := plain, ours(text)
				switch {
				case said.Bytes != nil:
					want.Limit = *said.Bytes
				case !said.Unlimited:
					want = settings{Refused: true}
				}
				compare(t, want, run(t, binary, "GOMEMLIMIT="+text), slices.Contains(taken[goTool], "GOMEMLIMIT="+text), text)
			}
			for _, text := range integers {
				want, said := plain, ours(text)
				if said.GOGC != nil {
					want.GOGC = *said.GOGC
				}
				if said.Procs != nil {
					want.Procs = *said.Procs
				}
				env := []string{"GOGC=" + text}
				if said.Procs == nil || *said.Procs <= 64 { // A process with millions of processors would only fill the memory.
					env = append(env, "GOMAXPROCS="+text)
				} else {
					want.Procs = plain.Procs
				}
				compare(t, want, run(t, binary, env...), slices.Contains(taken[goTool], "GOGC="+text), text)
			}
		})
	}
}

func compare(t *testing.T, rules, runtime settings, differ bool, text string) {
	t.Helper()
	if diff := cmp.Diff(rules, runtime); (diff != "") != differ {
		t.Errorf("%q: want a difference: %t (-rules +runtime)\n%s", text, differ, diff)
	}
}

// The collector's own settings refuse what the rules do.
func TestSizesAreThoseOfTheCollector(t *testing.T) {
	ours := ask(t)
	for _, text := range limits {
		size, err := bytesize.Parse(text)
		said := ours(text).Bytes
		switch {
		case (err == nil) != (said != nil):
			t.Errorf("%q: internal/bytesize says %d, %v; the rules say %v", text, size, err, said)
		case err == nil && int64(size) != *said:
			t.Errorf("%q: internal/bytesize says %d, the rules say %d", text, size, *said)
		}
	}
}

func build(t *testing.T, goTool string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"main.go": program, "go.mod": "module example.com/program\n\ngo 1.19\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), goTool, "build", "-o", "program", ".")
	command.Dir, command.Env = folder, append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return filepath.Join(folder, "program")
}

func run(t *testing.T, binary string, env ...string) settings {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary)
	var stdout, stderr bytes.Buffer
	command.Env, command.Stdout, command.Stderr = env, &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && strings.Contains(stderr.String(), "malformed GOMEMLIMIT") {
		return settings{Refused: true}
	}
	if err != nil {
		t.Fatalf("%q: %v\n%s", env, err, stderr.String())
	}
	var s settings
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
		t.Fatalf("%q: %v", stdout.String(), err)
	}
	return s
}

// ask is lib/runtime.rego and lib/quantity.rego as one function.
func ask(t *testing.T) func(text string) read {
	t.Helper()
	modules := map[string]string{}
	for _, name := range []string{"lib/runtime.rego", "lib/quantity.rego", "lib/workload.rego"} {
		text, err := fs.ReadFile(policies.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = string(text)
	}
	compiler, err := ast.CompileModules(modules)
	if err != nil {
		t.Fatal(err)
	}
	query, err := rego.New(rego.Compiler(compiler), rego.StrictBuiltinErrors(true), rego.Query(`{
		"Unlimited": count([1 | data.lib.runtime.unlimited(input)]) == 1,
		"Bytes": [n | n := data.lib.quantity.go(input)],
		"GOGC": [n | n := data.lib.runtime.gogc(input)],
		"Procs": [n | n := data.lib.runtime.gomaxprocs(input)],
	}`)).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) read {
		set, err := query.Eval(t.Context(), rego.EvalInput(text))
		if err != nil || len(set) != 1 {
			t.Fatalf("%q: %v, %d results", text, err, len(set))
		}
		said := set[0].Expressions[0].Value.(map[string]any)
		return read{said["Unlimited"].(bool), first(t, said["Bytes"]), first(t, said["GOGC"]), first(t, said["Procs"])}
	}
}

func first(t *testing.T, list any) *int64 {
	t.Helper()
	numbers := list.([]any)
	if len(numbers) == 0 {
		return nil
	}
	n, err := numbers[0].(json.Number).Int64()
	if err != nil || n == math.MinInt64 {
		t.Fatal(numbers[0], err)
	}
	return &n
}
