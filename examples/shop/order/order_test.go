// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package order

import (
	"math"
	"testing"
	"time"
)

func TestReceiptCarriesCustomerTotalAndSecond(t *testing.T) {
	for name, tt := range map[string]struct{ in, want Receipt }{
		"usual":          {in: Receipt{Customer: 7, TotalCents: 1299, Placed: time.Unix(1_700_000_000, 5e8)}, want: Receipt{Customer: 7, TotalCents: 1299, Placed: time.Unix(1_700_000_000, 0).UTC()}},
		"cut to largest": {in: Receipt{Customer: math.MaxInt64, TotalCents: 1 << 32}, want: Receipt{Customer: math.MaxUint32, TotalCents: math.MaxUint32, Placed: time.Time{}}},
		"not negative":   {in: Receipt{Customer: 1, TotalCents: -1}, want: Receipt{Customer: 1, Placed: time.Time{}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeReceipt(tt.in.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func FuzzDecodeReceipt(f *testing.F) {
	f.Add([]byte("0123456789abcdef"))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		r, err := DecodeReceipt(packed)
		if (err == nil) != (len(packed) == 16) {
			t.Fatalf("%d bytes: %v", len(packed), err)
		}
		if err == nil && string(r.Encode()) != string(packed) {
			t.Fatalf("%x decoded and encoded again is %x", packed, r.Encode())
		}
	})
}

func TestOrderTotalAndComplaints(t *testing.T) {
	good := Order{Customer: 1, Items: []Item{{Quantity: 2, PriceCents: 350}, {Quantity: 1, PriceCents: 99}}}
	if err := good.Validate(); err != nil {
		t.Errorf("valid order: %v", err)
	}
	if got := good.TotalCents(); got != 799 {
		t.Errorf("total: got %d, want 799", got)
	}
	bad := Order{Items: []Item{{Quantity: 0, PriceCents: -1}}}
	want := "customer must be positive (got 0)\nitems[0].quantity must be positive (got 0)\nitems[0].price_cents must not be negative (got -1)"
	if got := bad.Validate(); got == nil || got.Error() != want {
		t.Errorf("got %v\nwant %s", got, want)
	}
	if (Order{Customer: 1}).Validate() == nil {
		t.Error("an order without items must be refused")
	}
}
