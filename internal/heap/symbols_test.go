// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSymbols(t *testing.T) {
	got, err := ParseSymbols(strings.NewReader("num_symbols: 1\n0x10 runtime.hashGrow\n0xff main.F[go.shape.struct { A int }]\n\n0x20 runtime.hashGrow\n"), Limits{})
	want := map[uint64]string{0x10: "runtime.hashGrow", 0xff: "main.F[go.shape.struct { A int }]", 0x20: "runtime.hashGrow"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var syntax *SyntaxError
	var limit *LimitError
	for text, is := range map[string]func(error) bool{
		"<html>\n":                func(err error) bool { return errors.As(err, &syntax) && syntax.Line == 1 },
		"0x10 a\n0x10\n":          func(err error) bool { return errors.As(err, &syntax) && syntax.Line == 2 },
		"0x11111111111111111 a\n": func(err error) bool { return errors.As(err, &syntax) },
		"0x10 runtime.hashG":      func(err error) bool { return errors.Is(err, ErrTruncated) },
		"0x1 a\n0x2 a\n0x3 a\n":   func(err error) bool { return errors.As(err, &limit) && limit.Line == 3 },
	} {
		if got, err := ParseSymbols(strings.NewReader(text), Limits{Addresses: 2}); got != nil || !is(err) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

// TestUnknown asks for call addresses, sorted, once each, without those that are known.
func TestUnknown(t *testing.T) {
	text := parse(t, read(t, "testdata/go1.26/heap.txt"))
	names, err := ParseSymbols(strings.NewReader(read(t, "testdata/go1.26/symbols.txt")), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	all := text.Unknown(nil)
	for i, address := range all {
		if !strings.HasPrefix(names[address], "runtime.") && !strings.HasPrefix(names[address], "internal/runtime/") {
			t.Errorf("asks for %#x, which is %q", address, names[address])
		}
		if i > 0 && all[i-1] >= address {
			t.Errorf("%#x after %#x", address, all[i-1])
		}
	}
	first := all[0]
	if got := text.Unknown(func(address uint64) bool { return address != first }); len(got) != 1 || got[0] != first {
		t.Errorf("got %#x, want only %#x", got, first)
	}
}

// TestContradicts tells another program by its functions' addresses.
func TestContradicts(t *testing.T) {
	text := parse(t, read(t, "testdata/go1.26/heap.txt"))
	names := text.Functions(16)
	if len(names) != 16 || text.Contradicts(names) {
		t.Errorf("%d names of the text itself contradict it", len(names))
	}
	if other := parse(t, read(t, "testdata/go1.19/heap.txt")); other.Contradicts(names) {
		t.Error("a program with other addresses contradicts")
	}
	for address := range names {
		names[address] += "x"
		if !text.Contradicts(names) {
			t.Errorf("another name at %#x does not contradict", address)
		}
		break
	}
}
