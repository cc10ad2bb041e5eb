// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
)

// TestPoints: every value comes back as it was, bit for bit.
func TestPoints(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := []float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53, 0.1}
	for range 10_000 {
		values = append(values, math.Float64frombits(random.Uint64()))
	}
	for _, value := range values {
		text, err := json.Marshal(recordedPoint{At: random.Int64(), Value: value})
		if err != nil {
			t.Fatal(err)
		}
		var got recordedPoint
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if math.Float64bits(got.Value) != math.Float64bits(value) && !(math.IsNaN(got.Value) && math.IsNaN(value)) {
			t.Fatalf("%s: got %v, want %v", text, got.Value, value)
		}
	}
	for _, bad := range []string{`1`, `[]`, `[1]`, `[1,"2",3]`, `["1","2"]`, `[1,2]`, `[1,"x"]`, `[1.5,"2"]`, `[1,""]`, `{}`} {
		if err := json.Unmarshal([]byte(bad), new(recordedPoint)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
