// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// TestIdentity: the same attributes in any order are one target; anything else is another.
func TestIdentity(t *testing.T) {
	resource := func(pairs ...any) pcommon.Resource {
		r := pcommon.NewResource()
		for i := 0; i < len(pairs); i += 2 {
			if err := r.Attributes().PutEmpty(pairs[i].(string)).FromRaw(pairs[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	id := func(pairs ...any) identity {
		id, ok := identify(resource(pairs...))
		if !ok {
			t.Fatalf("%v has no identity", pairs)
		}
		return id
	}
	if id("a", "1", "b", "2", "c", true) != id("c", true, "b", "2", "a", "1") {
		t.Error("the order of attributes matters, want that it does not")
	}
	seen := map[identity]int{}
	for i, pairs := range [][]any{
		{"a", "1"}, {"a", 1}, {"a", 1.0}, {"a", true}, {"a", "true"}, {"a", []byte("1")}, {"a", []any{"1"}}, {"a", "11"}, {"a1", "1"},
		{"a", ""}, {"", "a"}, {"a", "1", "b", "2"}, {"a", "1", "b", ""}, {"a", "2", "b", "1"}, {"a1b", "2"},
	} {
		if other, ok := seen[id(pairs...)]; ok {
			t.Errorf("resources %d and %d have one identity, want two", i, other)
		}
		seen[id(pairs...)] = i
	}
	if _, ok := identify(pcommon.NewResource()); ok {
		t.Error("a resource without attributes has an identity, want none")
	}
}
