// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	gprofile "github.com/google/pprof/profile"
)

// TestProgram scrapes a live process as the Go at hand builds it, and as Go 1.19 does where it is installed. Every
// profile makes the round trip; what a Delta makes of a row of profiles is what google/pprof makes of them.
func TestProgram(t *testing.T) {
	for _, goTool := range []string{"go", "/usr/lib/go-1.19/bin/go"} {
		t.Run(filepath.ToSlash(strings.Trim(goTool, "/")), func(t *testing.T) {
			if _, err := exec.LookPath(goTool); err != nil {
				t.Skip(err)
			}
			address := serve(t, goTool)
			awaitMutex(t, address)
			for _, kind := range []string{"heap", "mutex", "block"} {
				t.Run(kind, func(t *testing.T) { checkDeltas(t, address, kind) })
			}
			t.Run("round trip", func(t *testing.T) {
				for _, page := range []string{"heap", "mutex", "block", "goroutine", "profile?seconds=1", "heap?seconds=1"} {
					body := get(t, address, page)
					want, err := gprofile.ParseData(body)
					if err != nil {
						t.Fatal(err)
					}
					if len(want.Sample) == 0 {
						t.Errorf("%s is empty", page)
					}
					roundTrip(t, want, body)
				}
			})
		})
	}
}

// checkDeltas holds a row of deltas to google/pprof's difference of the same bodies.
func checkDeltas(t *testing.T, address, kind string) {
	t.Helper()
	delta := NewDelta(DeltaLimits{}, nil)
	var before *gprofile.Profile
	changed := 0
	for range 8 {
		body := get(t, address, kind)
		message, stats, err := Convert(decode(t, body), Options{Delta: delta, KeepZeros: true})
		if err != nil {
			t.Fatal(err)
		}
		mustConform(t, message)
		now, err := gprofile.ParseData(body)
		if err != nil {
			t.Fatal(err)
		}
		if before == nil {
			if stats.Delta != OutcomeFirst {
				t.Fatalf("the first is %+v", stats)
			}
			before = now
			continue
		}
		if stats.Delta != OutcomeDelta {
			t.Fatalf("%+v, though the process is the same", stats)
		}
		changed += stats.Samples
		want := difference(t, before, now)
		if diff := gocmp.Diff(written(want), written(back(t, message))); diff != "" {
			t.Fatalf("-google/pprof +ours:\n%s", diff)
		}
		before = now
		time.Sleep(50 * time.Millisecond)
	}
	if changed == 0 {
		t.Error("nothing ever changed")
	}
}

// awaitMutex waits until something was in another's way.
func awaitMutex(t *testing.T, address string) {
	t.Helper()
	for range 200 {
		if p := decode(t, get(t, address, "mutex")); len(p.Samples) > 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("no contention in 10 s")
}

// difference is now with the cumulative columns less before's, by google/pprof's merge.
func difference(t *testing.T, before, now *gprofile.Profile) *gprofile.Profile {
	t.Helper()
	negative := before.Copy()
	ratios := make([]float64, len(now.SampleType))
	for i, sampleType := range now.SampleType {
		if cumulativeTypes[sampleType.Type] {
			ratios[i] = -1
		}
	}
	if err := negative.ScaleN(ratios); err != nil {
		t.Fatal(err)
	}
	merged, err := gprofile.Merge([]*gprofile.Profile{now, negative})
	if err != nil {
		t.Fatal(err)
	}
	last := now.SampleType[len(now.SampleType)-1].Type // of the profile that back reads last
	merged.TimeNanos, merged.DurationNanos = now.TimeNanos, 0
	if cumulativeTypes[last] {
		merged.TimeNanos, merged.DurationNanos = before.TimeNanos, now.TimeNanos-before.TimeNanos
	}
	return merged
}

// serve builds and starts testdata/prog and gives its address. It ends with the test.
func serve(t *testing.T, goTool string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), readFile(t, filepath.Join("testdata", "prog", "main.go")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/prog\n\ngo 1.19\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command(goTool, "build", "-o", "prog", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local")
	if goTool != "go" {
		build.Env = append(build.Env, "GOROOT="+filepath.Dir(filepath.Dir(goTool)))
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	prog := exec.Command(filepath.Join(dir, "prog"))
	stdin, err := prog.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := prog.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := prog.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = prog.Wait()
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

func get(t *testing.T, address, page string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/%s", address, page), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	return body
}
