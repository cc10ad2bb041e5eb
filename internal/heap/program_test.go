// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/stacktext"
)

var (
	update = flag.Bool("update", false, "rewrite the fixtures; with -run TestProgram also record testdata/go1.NN")
	goTool = flag.String("go", "go", "the go command that TestProgram builds with; to record an older version give it with -update")
)

// mainClass is the class that most bytes of each function of testdata/prog/maps must get, in every Go version.
var mainClass = map[string]Class{
	"main.growInt64":         MapGrow,
	"main.growString":        MapGrow,
	"main.growGeneric":       MapGrow,
	"main.put":               MapGrow, // inlined into growInlined
	"main.growSmall":         MapGrow,
	"main.(*Cache[...]).Put": MapGrow,
	"main.labelledWork":      MapGrow, // runs below runtime/pprof.Do
	"main.presized":          MapMake,
	"main.boxed":             MapBox,
	"main.cloned":            MapClone,
	"main.syncMap":           SyncMap,
	"main.reflected":         MapGrow,
	"main.values":            Value,
}

// TestProgram runs testdata/prog/maps as this toolchain builds it, with every allocation sampled, and holds the classes
// and the bytes to what the program saw inside. With -update it records the run as a fixture.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	entries := "1000000"
	args := []string{"build", "-o", "prog"}
	if *update {
		entries = "20000"
		args = append(args, "-trimpath") // fixtures have no paths of this machine, and are smaller
	}
	for _, file := range []string{"main.go", "clone.go", "noclone.go"} {
		copyFile(t, filepath.Join("testdata", "prog", "maps", file), filepath.Join(dir, file))
	}
	write(t, filepath.Join(dir, "go.mod"), "module example.com/prog\n\ngo 1.19\n")
	runIn(t, dir, *goTool, append(args, ".")...)
	truth := runIn(t, dir, "./prog", "heap.txt", "symbols.txt", entries, "1")
	write(t, filepath.Join(dir, "truth.txt"), truth)
	checkRun(t, dir)
	if *update {
		version := regexp.MustCompile(`go1\.\d+`).FindString(runIn(t, dir, *goTool, "version"))
		fixture := filepath.Join("testdata", version)
		if err := os.MkdirAll(fixture, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"heap.txt", "symbols.txt", "truth.txt"} {
			copyFile(t, filepath.Join(dir, file), filepath.Join(fixture, file))
		}
	}
}

// TestFixtures reads the recorded runs: texts with old maps and with Swiss maps.
func TestFixtures(t *testing.T) {
	for _, dir := range fixtures(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			snapshot := checkRun(t, dir)
			golden(t, filepath.Join(dir, "sites.txt"), table(snapshot))
		})
	}
}

// checkRun reads one run of the program: nothing may be unresolved, each function has its class, and what the profile
// says of a function is what the program measured.
func checkRun(t *testing.T, dir string) Snapshot {
	t.Helper()
	s := snapshotOf(t, filepath.Join(dir, "heap.txt"), filepath.Join(dir, "symbols.txt"))
	if s.Rate != 1 || s.Unresolved != 0 || len(s.Warnings) != 0 {
		t.Fatalf("rate %d, unresolved %d, warnings %q; want 1, 0 and none", s.Rate, s.Unresolved, s.Warnings)
	}
	if s.Observer.AllocObjects == 0 {
		t.Error("the observer allocated nothing, though it wrote the profile")
	}
	bytes := map[string]int64{}  // by function
	largest := map[string]Site{} // by function
	for _, site := range s.Sites {
		bytes[site.Function] += site.AllocBytes
		if site.AllocBytes > largest[site.Function].AllocBytes {
			largest[site.Function] = site
		}
		if site.StdErrBytes != 0 {
			t.Errorf("%s has a standard error of %g, though everything is sampled", site.Function, site.StdErrBytes)
		}
	}
	truth := readTruth(t, filepath.Join(dir, "truth.txt"))
	for function, class := range mainClass {
		if site, ok := largest[function]; !ok && !(class == MapClone && truth["main.clone"] == 0) {
			t.Errorf("no site %s", function)
		} else if ok && site.Class != class {
			t.Errorf("%s is %s, want %s", function, site.Class, class)
		}
		want, ok := truth[function]
		elsewhere := want / 50 // threads that the runtime started meanwhile are in MemStats too
		if function == "main.growInt64" {
			elsewhere = want / 1000
		}
		if got := bytes[function]; ok && (got > want || got < want-elsewhere) {
			t.Errorf("%s allocated %d by the profile, %d by MemStats", function, got, want)
		}
	}
	return s
}

func readTruth(t *testing.T, file string) map[string]int64 {
	t.Helper()
	truth := map[string]int64{}
	for line := range strings.Lines(read(t, file)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _, err := stacktext.Decimal([]byte(number))
		if err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
		truth[name] = n
	}
	return truth
}

func runIn(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.String())
	}
	return string(out)
}
