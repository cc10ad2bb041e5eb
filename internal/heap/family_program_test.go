// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// wantFamilies are the lines of testdata/prog/families that its comments say must be named: the families by line. allocator:
// stacks begin with it, as from Go 1.26 on.
func wantFamilies(t *testing.T, allocator bool) map[int][]Family {
	t.Helper()
	marked := regexp.MustCompile(`// ((?:[a-z]+_[a-z_]+ |logging |json )*)(?:\| ([a-z_ ]+))?$`)
	want := map[int][]Family{}
	line := 0
	for text := range strings.Lines(read(t, "testdata/prog/families/main.go")) {
		line++
		m := marked.FindStringSubmatch(strings.TrimSuffix(text, "\n") + " ")
		if m == nil {
			continue
		}
		words := m[1]
		if allocator {
			words += m[2]
		}
		for family := range strings.FieldsSeq(words) {
			if Family(family).Remedy() == "" {
				t.Fatalf("line %d: no family %q", line, family)
			}
			want[line] = append(want[line], Family(family))
		}
	}
	if len(want) < 12 {
		t.Fatalf("%d lines say their family, want more", len(want))
	}
	return want
}

// TestFamilyProgram runs testdata/prog/families as this toolchain builds it. With -update it records the run as a fixture.
func TestFamilyProgram(t *testing.T) {
	dir := t.TempDir()
	args := []string{"build", "-o", "prog"}
	if *update {
		args = append(args, "-trimpath")
	}
	copyFile(t, "testdata/prog/families/main.go", filepath.Join(dir, "main.go"))
	write(t, filepath.Join(dir, "go.mod"), "module example.com/prog\n\ngo 1.19\n")
	runIn(t, dir, *goTool, append(args, ".")...)
	truth := runIn(t, dir, "./prog", "families.txt", "families_symbols.txt", "3000", "1")
	write(t, filepath.Join(dir, "families_truth.txt"), truth)
	checkFamilies(t, dir, 8<<10) // a thread that the runtime starts is 6 kB
	if *update {
		version := regexp.MustCompile(`go1\.\d+`).FindString(runIn(t, dir, *goTool, "version"))
		for _, file := range []string{"families.txt", "families_symbols.txt", "families_truth.txt"} {
			copyFile(t, filepath.Join(dir, file), filepath.Join("testdata", version, file))
		}
	}
}

// TestFamilyFixtures reads the recorded runs.
func TestFamilyFixtures(t *testing.T) {
	runs, err := filepath.Glob("testdata/go1.*/families.txt")
	if err != nil || len(runs) < 2 {
		t.Fatalf("got %d runs, want those of old maps and of Swiss maps (%v)", len(runs), err)
	}
	for _, run := range runs {
		t.Run(filepath.Base(filepath.Dir(run)), func(t *testing.T) {
			s := checkFamilies(t, filepath.Dir(run), 0)
			want := Runtime{SwissMaps, "go1.26"} // -trimpath hides the toolchain
			if strings.HasPrefix(filepath.Base(filepath.Dir(run)), "go1.1") {
				want = Runtime{Maps: OldMaps}
			}
			if s.Runtime != want {
				t.Errorf("runtime %+v, want %+v", s.Runtime, want)
			}
			golden(t, filepath.Join(filepath.Dir(run), "families_sites.txt"), familyTable(s))
		})
	}
}

// checkFamilies holds a run to the comments in the program and to what it measured: each line has its families and no other,
// no function has more bytes in families than it allocated, and the lines that do nothing else have nearly all of it, but for so many bytes
// as the runtime may have allocated meanwhile.
func checkFamilies(t *testing.T, dir string, meanwhile int64) Snapshot {
	t.Helper()
	s := snapshotOf(t, filepath.Join(dir, "families.txt"), filepath.Join(dir, "families_symbols.txt"))
	checkFamilySums(t, s)
	truth := readTruth(t, filepath.Join(dir, "families_truth.txt"))
	allocator := strings.Contains(read(t, filepath.Join(dir, "families_symbols.txt")), " runtime.mallocgc\n")
	want := wantFamilies(t, allocator)
	got, bytes := map[int][]Family{}, map[string]int64{}
	for _, site := range s.Families {
		bytes[site.Function] += site.AllocBytes
		if _, measured := truth[site.Function]; measured {
			got[site.Line] = append(got[site.Line], site.Family)
		}
	}
	for line, families := range want {
		for _, family := range families {
			if !slices.Contains(got[line], family) {
				t.Errorf("line %d is not in family %s", line, family)
			}
		}
	}
	for line, families := range got {
		for _, family := range families {
			if !slices.Contains(want[line], family) {
				t.Errorf("line %d is in family %s", line, family)
			}
		}
	}
	least := map[string]int64{ // hundredths of what the function allocated
		"main.printsMap": 95, "main.marshalsMap": 95, "main.rendersMap": 85, "main.marshals": 95, "main.unmarshals": 80, "main.logs": 55, "main.concatenates": 95,
		"main.builds": 95, "main.buffers": 95, "main.readsAll": 95, "main.convertsNumbers": 95,
	}
	if allocator {
		for _, function := range []string{"converts", "formats", "appends", "boxes"} {
			least["main."+function] = 95
		}
	}
	for function, total := range truth {
		if bytes[function] > total {
			t.Errorf("%s has %d bytes in families, and allocated %d", function, bytes[function], total)
		}
		if bytes[function] < (total-meanwhile)*least[function]/100 {
			t.Errorf("%s has %d bytes in families of %d allocated, want %d %%", function, bytes[function], total, least[function])
		}
	}
	return s
}

// checkFamilySums holds the families to the total: sorted, each line and family once, nothing negative, nothing counted twice.
func checkFamilySums(t *testing.T, s Snapshot) {
	t.Helper()
	var bytes, objects, samples int64
	seen := map[FamilySite]bool{}
	for i, site := range s.Families {
		if site.AllocBytes <= 0 || site.AllocObjects < 0 || site.Samples < 0 || site.Family.Remedy() == "" || i > 0 && s.Families[i-1].AllocBytes < site.AllocBytes {
			t.Errorf("site %d: %+v", i, site)
		}
		bytes, objects, samples = bytes+site.AllocBytes, objects+site.AllocObjects, samples+site.Samples
		key := site
		key.AllocBytes, key.AllocObjects, key.Samples = 0, 0, 0
		if seen[key] {
			t.Errorf("twice: %+v", key)
		}
		seen[key] = true
	}
	all := s.Total
	if bytes > all.AllocBytes-s.Observer.AllocBytes || objects > all.AllocObjects-s.Observer.AllocObjects || samples > all.Samples-s.Observer.Samples {
		t.Errorf("families have %d bytes, %d objects, %d samples of %+v", bytes, objects, samples, all)
	}
}

// familyTable shows the families for a reader.
func familyTable(s Snapshot) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "alloc\tobjects\tsamples\t  family\t")
	for _, site := range s.Families {
		fmt.Fprintf(w, "%d\t%d\t%d\t%s\t  %s %s:%d\n", site.AllocBytes, site.AllocObjects, site.Samples, site.Family, site.Function, site.File, site.Line)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	fmt.Fprintf(&b, "runtime: maps %s, version %q\n", s.Runtime.Maps, s.Runtime.Version)
	return b.String()
}
