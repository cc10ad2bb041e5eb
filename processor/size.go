// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"reflect"
	"sync"
)

// sizeOf estimates the bytes of memory that the entry holds, by walking over all that can be reached from it. What is
// reached twice counts once.
func sizeOf(e *entry) int64 {
	w := walk{seen: map[uintptr]struct{}{}}
	v := reflect.ValueOf(e)
	w.reach(v)
	return w.bytes
}

type walk struct {
	bytes int64
	seen  map[uintptr]struct{}
}

// new counts a block once.
func (w *walk) new(block uintptr, bytes int64) bool {
	if block == 0 || bytes == 0 {
		return false
	}
	if _, ok := w.seen[block]; ok {
		return false
	}
	w.seen[block] = struct{}{}
	w.bytes += (bytes + 15) &^ 15 // about what the allocator rounds to
	return true
}

// reach adds what v points to; v itself is counted by whoever holds it.
func (w *walk) reach(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && w.new(v.Pointer(), int64(v.Type().Elem().Size())) {
			w.reach(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			w.reach(v.Elem())
		}
	case reflect.String:
		w.new(v.Pointer(), int64(v.Len()))
	case reflect.Slice:
		if w.new(v.Pointer(), int64(v.Cap())*int64(v.Type().Elem().Size())) && !flat(v.Type().Elem()) {
			for i := range v.Len() {
				w.reach(v.Index(i))
			}
		}
	case reflect.Array:
		if !flat(v.Type().Elem()) {
			for i := range v.Len() {
				w.reach(v.Index(i))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); !flat(f.Type()) {
				w.reach(f)
			}
		}
	case reflect.Map:
		if !v.IsNil() && w.new(v.Pointer(), mapSize(v)) && !(flat(v.Type().Key()) && flat(v.Type().Elem())) {
			for entries := v.MapRange(); entries.Next(); {
				w.reach(entries.Key())
				w.reach(entries.Value())
			}
		}
	}
}

// mapSize of a map of Go 1.24 and later: groups of eight slots, filled to 7/8 at most and half as far after they doubled.
func mapSize(m reflect.Value) int64 {
	const header, group, load = 48, 8, 0.66
	slots := int64(group)
	if n := m.Len(); n > group {
		slots = int64(float64(n) / load)
	}
	return header + slots*int64(m.Type().Key().Size()+m.Type().Elem().Size()+1)
}

var flats sync.Map // of reflect.Type: whether a value of it points to nothing

func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.String, reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return false
	case reflect.Array:
		return flat(t.Elem())
	case reflect.Struct:
		if known, ok := flats.Load(t); ok {
			return known.(bool)
		}
		is := true
		for i := range t.NumField() {
			is = is && flat(t.Field(i).Type)
		}
		flats.Store(t, is)
		return is
	}
	return true
}
