// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"strings"
	"testing"
)

func TestTree(t *testing.T) {
	files := map[string][]byte{"gate/gc/cpu.rego": []byte("package gate.gc.cpu"), "schemas/limits.json": []byte("{}"), "data/defaults.yaml": []byte("limits: {}")}
	packed, err := Tree(files)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := Tree(files); !bytes.Equal(packed, again) {
		t.Error("the same files were packed to other bytes")
	}
	tree, err := ReadTree(packed)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		seen++
		got, err := fs.ReadFile(tree, name)
		if string(got) != string(files[name]) {
			t.Errorf("%s is %q", name, got)
		}
		return err
	})
	if err != nil || seen != len(files) {
		t.Errorf("%d files, %v", seen, err)
	}
	for _, bad := range []string{"../x.rego", "/x.rego", "a//x.rego", "a/../x.rego", ".x.rego", "..data/x.rego", "x.sh", "x", "", `a\x.rego`, "a/.rego"} {
		if _, err := Tree(map[string][]byte{bad: nil}); err == nil {
			t.Errorf("%q was packed", bad)
		}
	}
}

func TestHostileTrees(t *testing.T) {
	with := func(headers ...zip.FileHeader) []byte {
		var out bytes.Buffer
		archive := zip.NewWriter(&out)
		for _, header := range headers {
			to, err := archive.CreateHeader(&header)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(header.Name, "/") {
				if _, err := to.Write(bytes.Repeat([]byte("0"), 1000)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	link := zip.FileHeader{Name: "a.rego"}
	link.SetMode(fs.ModeSymlink | 0o777)
	for _, c := range []struct {
		name  string
		text  []byte
		words string
	}{
		{"nothing", nil, "not a valid zip"},
		{"no file", with(), "no file"},
		{"a compressed file", with(zip.FileHeader{Name: "a.rego", Method: zip.Deflate}), "is compressed"},
		{"a path upwards", with(zip.FileHeader{Name: "../a.rego"}), "no name of a policy's source"},
		{"a folder", with(zip.FileHeader{Name: "gate/"}), "no name of a policy's source"},
		{"a link", with(link), "no name of a policy's source"},
		{"a file twice", with(zip.FileHeader{Name: "a.rego"}, zip.FileHeader{Name: "a.rego"}), "there twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ReadTree(c.text); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v, want %q", err, c.words)
			}
		})
	}
}
