// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// testFormat passes over functions of "lib.".
func testFormat() *Format {
	return &Format{Truncated: ErrTruncated, PassOver: func(name string) bool { return strings.HasPrefix(name, "lib.") }}
}

// readAll reads a text of lines: `@ PCs` opens a stack, '#' lines follow, anything else ends it. It gives the table, and per
// stack its chain or "observer".
func readAll(t *testing.T, f *Format, r io.Reader, l Limits) (Table, []string, error) {
	t.Helper()
	rd := f.Read(r, l)
	defer rd.Close()
	var ends []string
	for {
		line, ok := rd.Next()
		var err error
		switch {
		case !ok:
			return rd.Table(), ends, rd.Fail()
		case strings.HasPrefix(string(line), "@"):
			rd.Open(line[1:], false)
		case strings.HasPrefix(string(line), "#"):
			err = rd.Frame(line)
		case rd.Observed():
			ends = append(ends, "observer")
		default:
			var chain int
			chain, err = rd.Chain()
			ends = append(ends, fmt.Sprint(chain))
		}
		if err != nil {
			return Table{}, nil, err
		}
	}
}

const twoWays = `@ 0x11 0x21 0x31
#	0x20	lib.f+0x1	/lib.go:1
#	0x30	main.f+0x1	/main.go:1
#	0x40	main.main+0x1	/main.go:2
.
@ 0x12 0x21 0x31
#	0x20	lib.f+0x1	/lib.go:1
#	0x30	main.f+0x1	/main.go:1
#	0x50	main.other+0x1	/main.go:2
.
@ 0x11 0x21 0x31
#	0x20	lib.f+0x1	/lib.go:1
#	0x30	main.f+0x1	/main.go:1
.
@
.
`

func TestReader(t *testing.T) {
	f := testFormat()
	for range 3 { // the memory of one text serves the next
		table, ends, err := readAll(t, f, strings.NewReader(twoWays), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(ends)
		for i := range table.Len() {
			c := table.Chain(i)
			got += fmt.Sprintf(" %v %v %#x %v", c.Matched, c.Sited, c.Hidden, c.Path)
		}
		if want := "[0 1 0 2] true true [0x10] [0 1] true true [0x11] [0 1] false false [] []"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		want := []Frame{
			{Place{"lib.f", "/lib.go", 1}, 0x20, true, false, 0}, {Place{"main.f", "/main.go", 1}, 0x30, false, false, 0},
		}
		if diff := cmp.Diff(want, table.Frames); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]uint64{0x10, 0x11}, table.Unknown(nil)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// one that is refused leaves nothing behind
		if _, _, err := readAll(t, f, strings.NewReader("@ 0x77 0x88\n#\t0x1\tmain.g+0x1\t/g.go:1\n.\nhalf"), Limits{}); !errors.Is(err, ErrTruncated) {
			t.Errorf("got %v", err)
		}
	}
}

// TestTableStays: what a table says does not change when its reader's memory is used again.
func TestTableStays(t *testing.T) {
	f := testFormat()
	table, _, err := readAll(t, f, strings.NewReader(twoWays), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(table)
	if _, _, err := readAll(t, f, strings.NewReader(strings.NewReplacer("main", "xxxx", "0x1", "0x9").Replace(twoWays)), Limits{}); err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprint(table); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
}

// TestObserverBehindTheSite finds it whatever widths the addresses before it had, and only as a function.
func TestObserverBehindTheSite(t *testing.T) {
	for _, before := range []string{"0x1", "0x48f2c0", "0xffffffffffffffff", "", "\t", "\t\t\t0x1", "0x1\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t"} {
		for _, address := range []string{"0x2", "0x48f2c1", "0x7ffff7dd1234", "0xfffffffffffffff0", "\t0x2", "\t\t\t\t0x2"} {
			for _, tabs := range []string{"\t", "\t\t\t"} {
				for name, observer := range map[string]bool{
					"net/http/pprof.Index": true, "runtime/pprof.F": true, "runtime/pprof.Do": false, "runtime/pprof.DoNot": true,
					"net/http/pprofs.Index": false, "main.net/http/pprof.F": false, "a.b\tnet/http/pprof.F": false,
				} {
					text := fmt.Sprintf("@ 0x11 0x21\n#\t0x20\tmain.f+0x1\t/a.go:1\n#\t%s\tmain.g+0x1\t/a.go:1\n#\t%s%s%s+0x1\t/a.go:1\n.\n", before, address, tabs, name)
					for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
						_, ends, err := readAll(t, testFormat(), r, Limits{})
						if err != nil || len(ends) != 1 || (ends[0] == "observer") != observer {
							t.Errorf("%q: got %q, %v", text, ends, err)
						}
					}
				}
			}
		}
	}
}

// TestObserverBehindALineWithoutAnything: such a line does not tell where names begin.
func TestObserverBehindALineWithoutAnything(t *testing.T) {
	for _, line := range []string{"#\t", "#\t\t\t", "#\t0x1"} {
		text := "@ 0x21\n#\t0x20\tmain.f+0x1\t/a.go:1\n" + line + "\n#\t0x30\tnet/http/pprof.Index+0x1\t/a.go:1\n.\n"
		if _, ends, err := readAll(t, testFormat(), strings.NewReader(text), Limits{}); err != nil || len(ends) != 1 || ends[0] != "observer" {
			t.Errorf("%q: got %q, %v", text, ends, err)
		}
	}
}

// TestChainsWithOneHash are told apart.
func TestChainsWithOneHash(t *testing.T) {
	c := chains{byHash: map[uint64]int32{}}
	var stacks []*openStack
	for i := range 5 {
		s := &openStack{matched: i%2 == 0, hidden: []uint64{uint64(i)}, path: []int32{int32(i), 7}}
		stacks = append(stacks, s)
		if id := c.add(s, 42); id != i {
			t.Fatalf("chain %d is %d", i, id)
		}
	}
	met := map[int]bool{}
	for i := c.byHash[42]; ; i = c.all[i].next {
		for n, s := range stacks {
			if c.is(int(i), s) != (n == int(i)) {
				t.Errorf("chain %d, stack %d: %v", i, n, c.is(int(i), s))
			}
		}
		met[int(i)] = true
		if c.all[i].next == 0 {
			break
		}
	}
	if len(met) != 5 {
		t.Errorf("reached %v, want all 5", met)
	}
}

// TestNames are made once for all texts of a format, and counted in each text in which they are cut.
func TestNames(t *testing.T) {
	n := names{passOver: testFormat().PassOver}
	for range 3 {
		n.reset(8)
		for range 2 {
			if got := n.intern([]byte("main.long\x1bname")).string; got != "main.lon..." {
				t.Errorf("got %q", got)
			}
			if got := n.intern([]byte("a\x1b\xff")).string; got != "a��" {
				t.Errorf("got %q", got)
			}
		}
		if n.cut != 1 || len(n.known) != 2 {
			t.Errorf("%d names were cut, %d are known", n.cut, len(n.known))
		}
	}
	n.reset(4)
	if got := n.intern([]byte("main.long\x1bname")).string; got != "main..." {
		t.Errorf("got %q after the limit changed", got)
	}
	n.bytes = maxNames + 1
	n.reset(4)
	if len(n.known) != 0 {
		t.Error("names are kept for ever")
	}
}

func TestHexadecimal(t *testing.T) {
	for in, want := range map[string]string{
		"0x0": "0 true", "0x10 0x20": "10 true 0x20", "0xffffffffffffffff": "ffffffffffffffff true", "0x10000000000000000": "0 false",
		"0x": "0 false", "0xg": "0 false g", "10": "0 false", "": "0 false", "0x1G": "1 true G",
	} {
		n, rest, ok := Hexadecimal([]byte(in))
		if got := strings.Join(strings.Fields(fmt.Sprintf("%x %v %s", n, ok, rest)), " "); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestDecimal(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "9223372036854775807]": 9223372036854775807, "007": 7} {
		if n, _, err := Decimal([]byte(in)); n != want || err != nil {
			t.Errorf("%q: got %d, %v", in, n, err)
		}
	}
	for _, in := range []string{"", "-1", "x", "9223372036854775808"} {
		if n, _, err := Decimal([]byte(in)); err == nil || n != 0 {
			t.Errorf("%q: got %d", in, n)
		}
	}
}
