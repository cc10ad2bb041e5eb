// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import "testing"

// Five pods against five, an hour of scrapes each.
func BenchmarkSignal(b *testing.B) {
	base, cand := pods(1, 5, 240, 100, 100), pods(2, 5, 240, 110, 100)
	b.ReportAllocs()
	for b.Loop() {
		Signal(base, cand, Default(), single)
	}
}
