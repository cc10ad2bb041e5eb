// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cpu

import (
	"bytes"
	"os"
	"testing"

	"github.com/heapgate/heapgate/internal/profile"
)

// FuzzOf: a result or an error, never both; the parts are their wholes; no more sites than the limit.
func FuzzOf(f *testing.F) {
	for _, file := range fixtures(f) {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := profile.NewDecoder(profile.Limits{Bytes: 1 << 20}).Decode(bytes.NewReader(body))
		if err != nil {
			return
		}
		r, err := Of(p, Limits{Sites: 3})
		if (r.GC == nil) == (err == nil) || len(r.Sites) > 3 {
			t.Fatalf("got %+v and error %v", r, err)
		}
		if err == nil {
			checkSums(t, r)
		}
	})
}
