// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/heapgate/heapgate/internal/bundle"
)

// maxDifferences are printed.
const maxDifferences = 20

// difference is one field of one file. What one side lacks is null.
type difference struct {
	File     string          `json:"file"`
	Field    string          `json:"field"` // reasons[0].text; "" is the whole file
	Recorded json.RawMessage `json:"recorded"`
	Replayed json.RawMessage `json:"replayed"`
	rounding bool
}

// compare fills in what differs between the files of a bundle and those that were derived.
func (r *replayed) compare(b *bundle.Bundle, files map[string][]byte) {
	names := map[string]bool{}
	for name := range files {
		names[name] = true
	}
	for _, name := range b.Names() {
		if _, profile := bundle.ProfileHash(name); !profile && name != bundle.Policy && name != bundle.Environment {
			names[name] = true
		}
	}
	r.Differences = []difference{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		recorded, _ := b.File(name)
		if !bytes.Equal(recorded, files[name]) {
			r.Differences = append(r.Differences, differencesOf(name, recorded, files[name])...)
		}
	}
	// Machines that fuse a multiplication with an addition round once where others round twice.
	here := runtime.GOOS + "/" + runtime.GOARCH
	r.Rounding = len(r.Differences) > 0 && r.Environment.Platform != here && !slices.ContainsFunc(r.Differences, func(d difference) bool { return !d.rounding })
}

func differencesOf(name string, recorded, replayed []byte) []difference {
	var was, is any
	if json.Unmarshal(recorded, &was) != nil || json.Unmarshal(replayed, &is) != nil {
		return []difference{{File: name, Recorded: presence(recorded), Replayed: presence(replayed)}}
	}
	var all []difference
	walk("", was, is, func(field string, a, b any) {
		first, second := asNumber(a), asNumber(b)
		close := first != nil && second != nil && math.Abs(*first-*second) <= 1e-9*max(math.Abs(*first), math.Abs(*second))
		all = append(all, difference{name, field, encodedShort(a), encodedShort(b), close})
	})
	if len(all) == 0 { // The same content, written in another way.
		all = []difference{{File: name, Recorded: presence(recorded), Replayed: presence(replayed)}}
	}
	return all
}

func presence(text []byte) json.RawMessage {
	if text == nil {
		return json.RawMessage(`"absent"`)
	}
	return fmt.Appendf(nil, `"%d bytes"`, len(text))
}

func asNumber(value any) *float64 {
	if n, ok := value.(float64); ok {
		return &n
	}
	return nil
}

// encodedShort keeps long values out of the list.
func encodedShort(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil || len(text) > 400 {
		return presence(text)
	}
	return text
}

// walk calls differ for each leaf in which two documents differ.
func walk(at string, a, b any, differ func(field string, a, b any)) {
	mapA, isMapA := a.(map[string]any)
	mapB, isMapB := b.(map[string]any)
	listA, isListA := a.([]any)
	listB, isListB := b.([]any)
	switch {
	case isMapA && isMapB:
		keys := maps.Clone(mapA)
		maps.Copy(keys, mapB)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			walk(strings.TrimPrefix(at+"."+key, "."), mapA[key], mapB[key], differ)
		}
	case isListA && isListB:
		for i := range max(len(listA), len(listB)) {
			walk(fmt.Sprintf("%s[%d]", at, i), element(listA, i), element(listB, i), differ)
		}
	case isMapA || isMapB || isListA || isListB || a != b:
		differ(at, a, b)
	}
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}
