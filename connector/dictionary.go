// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/heapgate/heapgate/internal/gofunc"
)

const (
	maxFrames = 512  // of a stack that are read, leaf first
	maxName   = 1024 // bytes of a function's or a file's name
)

// dictionary reads a message's tables. Its sender chose every index in it: one that points nowhere reads as nothing.
type dictionary struct {
	pprofile.ProfilesDictionary
	stacks map[int32]place // that were looked at
}

// text is "" where the index points nowhere.
func (d *dictionary) text(index int32) string {
	if index < 0 || int(index) >= d.StringTable().Len() {
		return ""
	}
	return d.StringTable().At(int(index))
}

// attribute gives the value of the first attribute with the key.
func (d *dictionary) attribute(indices pcommon.Int32Slice, key string) (pcommon.Value, bool) {
	for i := range indices.Len() {
		at := indices.At(i)
		if at < 0 || int(at) >= d.AttributeTable().Len() {
			continue
		}
		if a := d.AttributeTable().At(int(at)); d.text(a.KeyStrindex()) == key {
			return a.Value(), true
		}
	}
	return pcommon.Value{}, false
}

// frames gives the functions of a stack, leaf first and inlined ones before their callers, as pprof has them.
func (d *dictionary) frames(stack int32) (functions []string, places []gofunc.Place) {
	if stack < 0 || int(stack) >= d.StackTable().Len() {
		return nil, nil
	}
	locations := d.StackTable().At(int(stack)).LocationIndices()
	looked := 0 // lines that name no function count too, or a small message could be made to take hours
	for i := range min(locations.Len(), maxFrames) {
		at := locations.At(i)
		if at < 0 || int(at) >= d.LocationTable().Len() {
			continue
		}
		for _, line := range d.LocationTable().At(int(at)).Lines().All() {
			if looked == maxFrames {
				return functions, places
			}
			looked++
			f := line.FunctionIndex()
			if f < 0 || int(f) >= d.FunctionTable().Len() {
				continue
			}
			function := d.FunctionTable().At(int(f))
			name := gofunc.Clean(d.text(function.NameStrindex()), maxName)
			if name == "" {
				continue
			}
			functions = append(functions, name)
			places = append(places, gofunc.Place{Function: name, File: gofunc.Clean(d.text(function.FilenameStrindex()), maxName), Line: int(max(line.Line(), 0))})
		}
	}
	return functions, places
}
