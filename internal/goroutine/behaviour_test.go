// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

func expand(in []byte) string {
	text, _, _ := strings.Cut(string(in), "CUT\n") // a text without a newline at its end
	return strings.NewReplacer(`\xff`, "\xff", `\e`, "\x1b").Replace(text)
}

// eachFixture runs the text files of a folder: `-- in --` (a goroutine text), `-- symbols --` (of /debug/pprof/symbol),
// `-- out --`.
func eachFixture(t *testing.T, folder string, show func(t *testing.T, in, symbols string) string) {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s (%v)", folder, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, part := range archive.Files {
				parts[part.Name] = string(part.Data)
			}
			got := show(t, expand([]byte(parts["in"])), parts["symbols"])
			if *update {
				setPart(archive, "out", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != parts["out"] {
				t.Errorf("got\n%s\nwant\n%s", got, parts["out"])
			}
		})
	}
}

func setPart(archive *txtar.Archive, name, data string) {
	for i := range archive.Files {
		if archive.Files[i].Name == name {
			archive.Files[i].Data = []byte(data)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(data)})
}

// TestBehaviour shows what a text says.
func TestBehaviour(t *testing.T) {
	eachFixture(t, "behaviour", func(t *testing.T, in, symbols string) string {
		s := parse(t, in).Snapshot(lookup(t, symbols))
		checkSums(t, s)
		return table(s)
	})
}

// TestRefused shows why a text is refused as a whole.
func TestRefused(t *testing.T) {
	eachFixture(t, "refused", func(t *testing.T, in, _ string) string {
		text, err := Parse(strings.NewReader(in), Limits{})
		if err == nil || text != nil {
			t.Fatalf("got a text and error %v, want an error alone", err)
		}
		return err.Error() + "\n"
	})
}

// TestGrowFixtures reads the texts of processes that do nothing but fill maps.
func TestGrowFixtures(t *testing.T) {
	for _, version := range []string{"go1.19", "go1.26"} {
		dir := filepath.Join("testdata", version)
		s := parse(t, read(t, filepath.Join(dir, "grow.txt"))).Snapshot(lookup(t, read(t, filepath.Join(dir, "grow_symbols.txt"))))
		checkSums(t, s)
		if s.InMap != 8 || s.Unresolved != 0 {
			t.Errorf("%s: %d goroutines in maps, %d names missing; want all 8 that grow, and 0", version, s.InMap, s.Unresolved)
		}
		golden(t, filepath.Join(dir, "grow_sites.txt"), table(s))
	}
}

// TestStandardLibrary holds isPassedOver to the packages of this toolchain.
func TestStandardLibrary(t *testing.T) {
	out, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		for _, function := range []string{".F", ".(*T).M", ".F[...]", ".F.func1"} {
			if !isPassedOver(path + function) {
				t.Errorf("%s is not passed over", path+function)
			}
		}
	}
	for _, function := range []string{
		"main.main", "main.F[go.shape.int]", "main.(*T[net/http.Header]).M", "golang.org/x/net/http2.(*serverConn).readFrames", "go.uber.org/zap.F",
		"timer.F", "example.com/net/http.F", "k8s.io/client-go/tools/cache.(*Reflector).Run", "", "0x10",
	} {
		if isPassedOver(function) {
			t.Errorf("%s is passed over", function)
		}
	}
}
