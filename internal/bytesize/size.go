// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package bytesize reads and writes sizes as GOMEMLIMIT does: a whole number with B, KiB, MiB, GiB or TiB, or without a
// unit for bytes (runtime/debug.SetMemoryLimit). A configuration that Go itself would refuse is refused here too.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

var units = []struct {
	suffix string
	bytes  int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// Parse reads a size such as 512MiB.
func Parse(text string) (Size, error) {
	digits, factor := text, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			digits, factor = rest, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || digits[0] == '+' || digits[0] == '-' {
		return 0, fmt.Errorf("size must be a whole number with B, KiB, MiB, GiB or TiB, like 512MiB (got %q)", text)
	}
	if n > math.MaxInt64/factor {
		return 0, fmt.Errorf("size must be below 8EiB (got %q)", text)
	}
	return Size(n * factor), nil
}

// UnmarshalText lets configuration files and flags carry sizes.
func (s *Size) UnmarshalText(text []byte) error {
	size, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = size
	return nil
}

// String writes the size with the largest unit that divides it, so that Parse reads it back.
func (s Size) String() string {
	if s != 0 {
		for _, u := range units {
			if int64(s)%u.bytes == 0 {
				return strconv.FormatInt(int64(s)/u.bytes, 10) + u.suffix
			}
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// Set and Type make a Size a flag value.
func (s *Size) Set(text string) error { return s.UnmarshalText([]byte(text)) }

// Type is what --help calls the value.
func (s *Size) Type() string { return "size" }

// Human writes a number of bytes for people: one decimal, binary units.
func Human(bytes float64) string {
	if !(math.Abs(bytes) >= 1024) { // NaN too
		return fmt.Sprintf("%.0f B", bytes)
	}
	unit := 0
	for bytes /= 1024; math.Abs(bytes) >= 1023.95 && unit < len(prefixes)-1; unit++ {
		bytes /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", bytes, prefixes[unit])
}

const prefixes = "KMGTPE"
