// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	kibibyte = 1 << 10
	mebibyte = 1 << 20
	gibibyte = 1 << 30
	tebibyte = 1 << 40
)

// sizeUnits are the binary ones only: KB, MB and GB mean different things to different tools.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", tebibyte}, {"GiB", gibibyte}, {"MiB", mebibyte}, {"KiB", kibibyte}, {"B", 1}}

// ByteSize is a number of bytes, written as a number or as text like 512MiB.
type ByteSize int64

// UnmarshalText reads a whole number with one of the units B, KiB, MiB, GiB, TiB or none.
func (s *ByteSize) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("size must be a whole number of bytes or one with B, KiB, MiB, GiB or TiB, like 512MiB (got %q)", text)
	}
	*s = ByteSize(n * unit)
	return nil
}

// String gives the largest unit that divides the size.
func (s ByteSize) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
