// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bytesize

import (
	"math"
	"testing"
)

// The accepted and refused spellings are those of Go's own GOMEMLIMIT.
func TestParse(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "7B": 7, "2KiB": 2048, "512MiB": 512 << 20, "3GiB": 3 << 30, "1TiB": 1 << 40, "9223372036854775807": math.MaxInt64,
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "B", "MiB", "512Mi", "512M", "512MB", "0.5GiB", "512mib", " 512MiB", "512 MiB", "-1", "+1", "1e3", "off", "9007199254740993TiB", "9223372036854775808"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %d; want an error", text, got)
		}
	}
}

func TestHuman(t *testing.T) {
	for bytes, want := range map[float64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", -2 << 30: "-2.0 GiB", 1 << 63: "8.0 EiB",
	} {
		if got := Human(bytes); got != want {
			t.Errorf("Human(%v) = %q; want %q", bytes, got, want)
		}
	}
	if got := Human(math.NaN()); got != "NaN B" {
		t.Errorf("Human(NaN) = %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("512MiB")
	f.Fuzz(func(t *testing.T, text string) {
		size, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(size.String()); size < 0 || err != nil || again != size {
			t.Fatalf("Parse(%q) = %d, written %q, read again %d, %v", text, size, size, again, err)
		}
	})
}
