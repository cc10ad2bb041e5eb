// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzParse: a text or an error, never both; nothing negative; the sites and the observer are the total; names are
// valid; a text without its end is refused; what a text says does not depend on the pieces it comes in.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"behaviour", "refused"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern, "*.txtar"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add([]byte(expand(archive.Files[0].Data)))
		}
	}
	f.Add(synthetic(1 << 12))
	f.Fuzz(func(t *testing.T, text []byte) {
		limits := Limits{Bytes: 1 << 16, LineBytes: 1 << 13, Groups: 50, Addresses: 200, NameBytes: 64}
		parsed, err := Parse(bytes.NewReader(text), limits)
		if (parsed == nil) == (err == nil) {
			t.Fatalf("got text %v and error %v", parsed != nil, err)
		}
		dripped, errDripped := Parse(iotest.OneByteReader(bytes.NewReader(text)), limits)
		if (err == nil) != (errDripped == nil) || err != nil && err.Error() != errDripped.Error() {
			t.Fatalf("got error %v, byte by byte %v", err, errDripped)
		}
		if err != nil {
			if len(err.Error()) > 500 || !utf8.ValidString(err.Error()) {
				t.Errorf("error of %d bytes: %q", len(err.Error()), err)
			}
			return
		}
		for _, symbol := range []func(uint64) (string, bool){
			func(uint64) (string, bool) { return "", false },
			func(a uint64) (string, bool) {
				return [...]string{"runtime.hashGrow", "runtime.gcAssistAlloc"}[a%2], true
			},
		} {
			s := parsed.Snapshot(symbol)
			checkSums(t, s)
			if got, want := table(dripped.Snapshot(symbol)), table(s); got != want {
				t.Errorf("byte by byte it says\n%s\nand as a whole\n%s", got, want)
			}
			for _, site := range s.Sites {
				if !utf8.ValidString(site.Function) || !utf8.ValidString(site.File) || strings.ContainsAny(site.Function, "\x1b\x00") {
					t.Errorf("name %q in %q", site.Function, site.File)
				}
			}
		}
		if end := bytes.LastIndex(text, []byte("# DebugGC")); end > 0 && !bytes.Contains(text, []byte("# MaxRSS")) {
			if cut, err := Parse(bytes.NewReader(text[:end]), limits); cut != nil || err == nil {
				t.Error("a text without its end is accepted")
			}
		}
	})
}

func FuzzParseSymbols(f *testing.F) {
	f.Add([]byte("num_symbols: 1\n0x10 runtime.hashGrow\n"))
	f.Add([]byte("0x10"))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, err := ParseSymbols(bytes.NewReader(text), Limits{Bytes: 1 << 12, LineBytes: 1 << 10, NameBytes: 64})
		if (names == nil) == (err == nil) {
			t.Fatalf("got %v and error %v", names, err)
		}
		for address, name := range names {
			if name == "" || !utf8.ValidString(name) {
				t.Errorf("%#x is %q", address, name)
			}
		}
	})
}
