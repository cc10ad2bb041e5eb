// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"encoding/binary"
	"hash"
	"hash/fnv"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// identity of a target: a hash of all its resource attributes in the order of their keys. 128 bits, since two targets that
// met would restart each other for ever.
type identity [16]byte

// identify is false if there is no attribute: two such processes could not be told apart.
func identify(resource pcommon.Resource) (id identity, ok bool) {
	type attribute struct {
		key   string
		value pcommon.Value
	}
	var few [32]attribute
	sorted := few[:0]
	for key, value := range resource.Attributes().All() {
		sorted = append(sorted, attribute{key, value})
	}
	if len(sorted) == 0 {
		return identity{}, false
	}
	slices.SortStableFunc(sorted, func(a, b attribute) int { return strings.Compare(a.key, b.key) })
	h := fnv.New128a()
	for _, a := range sorted {
		write(h, a.key)
		h.Write([]byte{byte(a.value.Type())})
		write(h, a.value.AsString())
	}
	h.Sum(id[:0])
	return id, true
}

// write puts the length first, so that "ab","c" and "a","bc" differ.
func write(h hash.Hash, s string) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(s)))
	h.Write(length[:])
	h.Write([]byte(s))
}
