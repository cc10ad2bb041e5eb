// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"gopkg.in/yaml.v3"
)

// ocb's --skip-get-modules skips its version checks too, so the manifest is held to go.mod here.
func TestManifestEqualsGoMod(t *testing.T) {
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(mod.Replace) > 0 {
		t.Errorf("go.mod has %d replace directives: go install would refuse the module", len(mod.Replace))
	}
	versions := map[string]string{}
	for _, r := range mod.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}
	manifest := readManifest(t)
	checked := 0
	for class, components := range manifest.components() {
		for _, c := range components {
			path, version, ok := strings.Cut(c.GoMod, " ")
			if !ok {
				t.Errorf("%s: %q has no version", class, c.GoMod)
				continue
			}
			if path == mod.Module.Mod.Path {
				if version != "v"+manifest.Dist.Version {
					t.Errorf("%s: our own version is %s, dist.version is %s", class, version, manifest.Dist.Version)
				}
				continue
			}
			if versions[path] != version {
				t.Errorf("%s: builder-config.yaml has %s %s, go.mod has %q", class, path, version, versions[path])
			}
			checked++
		}
	}
	if checked < 15 {
		t.Errorf("only %d components were compared: is the manifest read at all?", checked)
	}
}

// The cloud build is this one with another import of the receiver.
func TestCloudManifestDiffersInOneImport(t *testing.T) {
	lines := func(name string) (dist, rest string) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ = bytes.Cut(text, []byte("\ndist:"))
		head, tail, _ := strings.Cut(string(text), "\nreceivers:")
		return head, tail
	}
	dist, rest := lines("../builder-config.yaml")
	cloudDist, cloudRest := lines("../builder-config-cloud.yaml")
	const plain, cloud = "import: github.com/heapgate/heapgate/receiver\n", "import: github.com/heapgate/heapgate/receiver/cloud\n"
	if strings.Count(rest, plain) != 1 || cloudRest != strings.Replace(rest, plain, cloud, 1) {
		t.Error("builder-config-cloud.yaml has other components than builder-config.yaml")
	}
	version := regexp.MustCompile(`version: .*`)
	if version.FindString(dist) == "" || version.FindString(cloudDist) != version.FindString(dist) {
		t.Errorf("the cloud build is %q, the plain one %q", version.FindString(cloudDist), version.FindString(dist))
	}
}

// What the clouds' libraries weigh is not in the plain build.
func TestPlainBuildLinksNoCloud(t *testing.T) {
	text, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "github.com/prometheus/prometheus/discovery/http\n") {
		t.Error("http_sd_configs are not in the build: are the dependencies read at all?")
	}
	for _, library := range []string{
		"github.com/prometheus/prometheus/discovery/aws", "github.com/prometheus/prometheus/discovery/azure", "github.com/prometheus/prometheus/discovery/gce",
		"github.com/aws/aws-sdk-go-v2/service/ec2", "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v5", "google.golang.org/api/compute/v1",
	} {
		if strings.Contains(string(text), library+"\n") {
			t.Errorf("the build links %s", library)
		}
	}
}

// make race takes the packages that import what the test reads from the Makefile: every go statement must be in one of them.
func TestWhatMayRaceIsRaced(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var marks []string
	for _, mark := range regexp.MustCompile(`\(eq \. ("[a-z/]+")\)`).FindAllSubmatch(makefile, -1) {
		marks = append(marks, string(mark[1]))
	}
	starts, found := 0, regexp.MustCompile(`(?m)^\s+go [\w.]+\(`)
	imports := map[string]bool{} // by folder: whether it imports a mark
	var folders []string
	err = filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		name := entry.Name()
		if err == nil && entry.IsDir() && (name == "testdata" || name == "e2e" || strings.HasPrefix(name, "_") || path == "../bin" || path == "../policies/vap/cel" || path == "../.git") {
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		folder := filepath.Dir(path)
		for _, mark := range marks {
			imports[folder] = imports[folder] || bytes.Contains(text, []byte("\n\t"+mark+"\n"))
		}
		if n := len(found.FindAll(text, -1)); n > 0 {
			starts, folders = starts+n, append(folders, folder)
		}
		return err
	})
	if err != nil || starts < 10 || len(marks) < 3 {
		t.Fatalf("%v: %d go statements, imports %q: are they read at all?", err, starts, marks)
	}
	for _, folder := range folders {
		if !imports[folder] {
			t.Errorf("%s starts goroutines and imports none of %q: make race would not run its tests", folder, marks)
		}
	}
}

type manifest struct {
	Dist struct {
		Version string `yaml:"version"`
	} `yaml:"dist"`
	Receivers  []manifestEntry `yaml:"receivers"`
	Processors []manifestEntry `yaml:"processors"`
	Exporters  []manifestEntry `yaml:"exporters"`
	Extensions []manifestEntry `yaml:"extensions"`
	Connectors []manifestEntry `yaml:"connectors"`
	Providers  []manifestEntry `yaml:"providers"`
}

type manifestEntry struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import"`
	Name   string `yaml:"name"`
}

func (m manifest) components() map[string][]manifestEntry {
	return map[string][]manifestEntry{
		"receivers": m.Receivers, "processors": m.Processors, "exporters": m.Exporters,
		"extensions": m.Extensions, "connectors": m.Connectors, "providers": m.Providers,
	}
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	text, err := os.ReadFile("../builder-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Every Go package says what it is.
func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata" || entry.Name() == "bin" || entry.Name() == "metadata" || entry.Name() == "metadatatest") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		documented[dir] = documented[dir] || strings.Contains(string(text), "\n// Package ") || strings.Contains(string(text), "\n// Command ") || strings.Contains(string(text), "// Program heapgate-collector")
		if !strings.Contains(string(text), "Code generated by") && !strings.HasPrefix(string(text), "// Copyright The heapgate authors\n// SPDX-License-Identifier: Apache-2.0\n") {
			t.Errorf("%s does not start with the licence lines", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, ok := range documented {
		if !ok && dir != "../distro" {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}
