// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

// short is a number in two bytes: the upper half of a float32, that is 8 bits of precision (0.2 %), which is far below any scale.
// A NaN is an absent number.
type short uint16

const absent short = 0x7fc0

// largest is what still fits.
const largest = 3e38

// shorten rounds to nearest even; what does not fit is absent.
func shorten(v float64) short {
	if math.IsNaN(v) || math.Abs(v) > largest {
		return absent
	}
	bits := math.Float32bits(float32(v))
	return short((bits + 0x7fff + bits>>16&1) >> 16)
}

func (s short) value() float64 { return float64(math.Float32frombits(uint32(s) << 16)) }

// known is false for NaN and for infinities, which only damage can bring.
func (s short) known() bool { return s&0x7f80 != 0x7f80 }
