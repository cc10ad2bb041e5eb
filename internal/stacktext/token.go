// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"fmt"
	"math"
)

// Literal takes want from the head of b.
func Literal(b []byte, want string) ([]byte, error) {
	if len(b) < len(want) {
		return nil, noLiteral(b, want)
	}
	for i := range len(want) { // a call costs more than these few bytes
		if b[i] != want[i] {
			return nil, noLiteral(b, want)
		}
	}
	return b[len(want):], nil
}

func noLiteral(b []byte, want string) error { return fmt.Errorf("no %q at %s", want, Excerpt(b)) }

// Decimal takes a number from 0 to the greatest int64 from the head of b.
func Decimal(b []byte) (n int64, rest []byte, err error) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		d := int64(b[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, nil, fmt.Errorf("a number above %d at %s", int64(math.MaxInt64), Excerpt(b))
		}
		n = n*10 + d
	}
	if i == 0 {
		return 0, nil, fmt.Errorf("no number from 0 on at %s", Excerpt(b))
	}
	return n, b[i:], nil
}

// Hexadecimal takes `0x` and 1 to 16 hexadecimal digits from the head of b.
func Hexadecimal(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) < 3 || b[0] != '0' || b[1] != 'x' {
		return 0, nil, false
	}
	i := 2
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return n, b[i:], i > 2
		}
		if i == 18 {
			return 0, nil, false
		}
		n = n<<4 | uint64(c)
	}
	return n, nil, true
}
