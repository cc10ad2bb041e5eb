// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFamily shows the families of a text.
func TestFamily(t *testing.T) {
	eachFixture(t, "family", func(t *testing.T, in, symbols string) string {
		s := parse(t, in).Snapshot(lookup(t, symbols))
		checkSums(t, s)
		checkFamilySums(t, s)
		return familyTable(s)
	})
}

func TestVersionIn(t *testing.T) {
	for file, want := range map[string]string{
		"/usr/local/go/src/fmt/print.go":         "",
		"fmt/print.go":                           "",
		"/usr/lib/go-1.19/src/fmt/print.go":      "go1.19",
		"/usr/local/go1.24.4/src/fmt/print.go":   "go1.24.4",
		"/home/u/sdk/go1.26rc1/src/fmt/print.go": "go1.26rc1",
		"/root/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64/src/fmt/print.go": "go1.26.8",
		"/opt/hostedtoolcache/go/1.22.5/x64/src/fmt/print.go":                                "go1.22.5",
		"/opt/homebrew/Cellar/go/1.22.1/libexec/src/fmt/print.go":                            "go1.22.1",
		"/nix/store/0zxy-go-1.23.3/share/go/src/fmt/print.go":                                "go1.23.3",
		`C:\hostedtoolcache\windows\go\1.21.0\x64\src\fmt\print.go`:                          "go1.21.0",
		"/usr/local/cargo1.9/src/fmt/print.go":                                               "",
		"/src/go1.":                                                                          "", "/go1./src/x": "", "/go/src/": "", "go": "", "": "",
		"/go1.999999/src/a.go": "go1.999", // no more than three digits are believed
	} {
		if got := versionIn(file); got != want {
			t.Errorf("versionIn(%q) is %q, want %q", file, got, want)
		}
	}
}

// TestFamiliesAreBounded: above the limit of groups no line is remembered any more, and the snapshot says so.
func TestFamiliesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("heap profile: 0: 0 [0: 0] @ heap/2\n")
	for i := range 40 {
		fmt.Fprintf(&b, "0: 0 [1: %d] @ 0x101 %#x\n#\t0x100\tfmt.Sprint+0x1\t/go/src/fmt/print.go:1\n#\t%#x\tmain.f%d+0x1\t/src/main.go:%d\n\n", 100-i, 0x1001+2*i, 0x1000+2*i, i, i+1)
	}
	b.WriteString(tail)
	text, err := Parse(strings.NewReader(b.String()), Limits{Groups: 10})
	if err != nil {
		t.Fatal(err)
	}
	s := text.Snapshot(lookup(t, ""))
	if len(s.Families) != 10 || s.Families[9].Line != 10 {
		t.Errorf("%d lines, want 10: %v", len(s.Families), s.Families)
	}
	if diff := cmp.Diff([]string{"30 records are in no family: too many lines call libraries"}, s.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestFamiliesDocument holds docs/families.md to the code.
func TestFamiliesDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/families.md")
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, family := range Families() {
		if family.Remedy() == "" || strings.Count(family.Remedy(), ". ") > 0 {
			t.Errorf("%s: want a remedy of one sentence, got %q", family, family.Remedy())
		}
		row := fmt.Sprintf("| `%s` | ", family)
		i := strings.Index(string(page[at:]), row)
		if i < 0 {
			t.Errorf("no row %q behind those before it", row)
			continue
		}
		at += i
		line, _, _ := strings.Cut(string(page[at:]), "\n")
		if !strings.HasSuffix(line, " | "+family.Remedy()+" |") {
			t.Errorf("the row of %s must end in its remedy, %q; got\n%s", family, family.Remedy(), line)
		}
	}
}

// FuzzFamilies: whatever text comes, families add up to no more than there is, and the same text says the same again.
func FuzzFamilies(f *testing.F) {
	for _, dir := range []string{"testdata/go1.19/", "testdata/go1.26/"} {
		f.Add(read(f, dir+"families.txt")[:20_000]+tail, read(f, dir+"families_symbols.txt"))
	}
	f.Add("heap profile: 0: 0 [0: 0] @ heap/2\n0: 0 [1: 10] @ 0x11 0x101 0x201\n#\t0x100\tfmt.Sprint+0x1\t/go/src/fmt/print.go:1\n#\t0x200\tmain.f+0x1\tx.go:1\n"+tail, "0x10 runtime.growslice\n")
	f.Fuzz(func(t *testing.T, in, symbols string) {
		text, err := Parse(strings.NewReader(in), Limits{Bytes: 1 << 20, Groups: 64})
		if err != nil {
			return
		}
		names, err := ParseSymbols(strings.NewReader(symbols), Limits{Bytes: 1 << 16})
		if err != nil {
			return
		}
		symbol := func(address uint64) (string, bool) { name, ok := names[address]; return name, ok }
		s := text.Snapshot(symbol)
		checkFamilySums(t, s)
		if diff := cmp.Diff(s, text.Snapshot(symbol)); diff != "" {
			t.Errorf("the second time (-first +second):\n%s", diff)
		}
	})
}
