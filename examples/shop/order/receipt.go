// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package order

import (
	"encoding/binary"
	"fmt"
	"time"
)

const receiptBytes = 16

// Receipt is what the shop remembers of an order.
type Receipt struct {
	Customer   int64     `json:"customer"`
	TotalCents int64     `json:"total_cents"`
	Placed     time.Time `json:"placed"`
}

// Encode packs the receipt into 16 bytes, big endian: customer and total in cents as uint32 each (larger ones are cut
// to the largest), time as unix seconds.
func (r Receipt) Encode() []byte {
	packed := make([]byte, receiptBytes)
	binary.BigEndian.PutUint32(packed[0:], clamp(r.Customer))
	binary.BigEndian.PutUint32(packed[4:], clamp(r.TotalCents))
	binary.BigEndian.PutUint64(packed[8:], uint64(r.Placed.Unix()))
	return packed
}

// DecodeReceipt is the inverse of Encode.
func DecodeReceipt(packed []byte) (Receipt, error) {
	if len(packed) != receiptBytes {
		return Receipt{}, fmt.Errorf("a receipt has %d bytes (got %d)", receiptBytes, len(packed))
	}
	return Receipt{
		Customer:   int64(binary.BigEndian.Uint32(packed[0:])),
		TotalCents: int64(binary.BigEndian.Uint32(packed[4:])),
		Placed:     time.Unix(int64(binary.BigEndian.Uint64(packed[8:])), 0).UTC(),
	}, nil
}

func clamp(n int64) uint32 {
	return uint32(min(max(n, 0), 1<<32-1))
}
