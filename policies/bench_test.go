// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import "testing"

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustLoad(b, map[string]any{})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	pack := mustLoad(b, nil)
	site := passing(b)["map_sites"].([]any)[0]
	for name, count := range map[string]int{"sites=1": 1, "sites=100": 100} {
		evidence := passing(b)
		sites := make([]any, count)
		for i := range sites {
			sites[i] = site
		}
		evidence["map_sites"] = sites
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pack.Evaluate(b.Context(), evidence, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
