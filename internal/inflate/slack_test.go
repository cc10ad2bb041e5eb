// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package inflate

import (
	"bytes"
	"math/bits"
	"testing"
)

// fixedBlock writes a block of fixed codes.
type fixedBlock struct {
	out []byte
	n   uint // bits
}

func (w *fixedBlock) bits(v uint32, n uint) {
	for ; n > 0; n, v = n-1, v>>1 {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.n/8] |= byte(v&1) << (w.n % 8)
		w.n++
	}
}

func (w *fixedBlock) code(code uint32, n uint) { w.bits(bits.Reverse32(code)>>(32-n), n) }

func (w *fixedBlock) literals(n int) {
	for i := range n {
		w.code(0x30+uint32(i%100), 8)
	}
}

// TestSlack puts a reader before the end of its window, and has it begin four literals and the longest match at the last
// byte before stop, in one round of codes: none writes further.
func TestSlack(t *testing.T) {
	w := &fixedBlock{}
	w.bits(1|1<<1, 3)
	w.literals(fresh - 1)
	w.literals(4)
	w.code(0xc5, 8) // 258 bytes
	w.code(6, 5)    // from 9 bytes before
	w.bits(0, 2)
	w.literals(40)
	w.code(0, 7)
	if (fresh-1)%5 != 0 {
		t.Fatal("codes takes five literals a round: this one does not begin where it must")
	}
	want, err := oracle(wrap(w.out))
	if err != nil {
		t.Fatal(err)
	}
	r := new(Reader)
	r.Reset(wrap(w.out))
	r.start, r.pos = history+MaxLeft, history+MaxLeft
	got, err := r.Next(0)
	if err != nil || len(got) != fresh-1+4+258 || !bytes.Equal(got, want[:len(got)]) {
		t.Fatalf("%d bytes, %v, want the first %d of the block", len(got), err, fresh-1+4+258)
	}
}
