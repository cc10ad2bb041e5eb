// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"io/fs"
	"testing"
)

// BenchmarkLoad is the start of a command with the rules of this version, up to its first question; "outside" is the same rules with
// one byte changed, so with every check.
func BenchmarkLoad(b *testing.B) {
	outside := files(b, map[string]string{"lib/result.rego": string(files(b, nil)["lib/result.rego"].Data) + "\n"})
	for name, tree := range map[string]fs.FS{"embedded": Embedded(), "outside": outside} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pack, err := Load(tree, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := pack.gate.query(); err != nil {
					b.Fatal(err)
				}
			}
		})
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

// BenchmarkEvaluateManifest is one Deployment against all rules of manifests.
func BenchmarkEvaluateManifest(b *testing.B) {
	pack, object := mustLoad(b, nil), deployment(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pack.EvaluateManifest(b.Context(), object, now); err != nil {
			b.Fatal(err)
		}
	}
}
