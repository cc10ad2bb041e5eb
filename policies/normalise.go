// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

const maxDepth = 32

// notFinite stands for NaN, Inf and numbers beyond float64 until the object around it is known.
type notFinite struct{}

// normalise turns any Go value into the plain JSON tree of its json tags: nil, bool, string, float64, []any, map[string]any.
// A number that is none becomes nil; if it is the "value" of an object, its "reason" becomes "nan" unless there is one already.
// A nil slice is an empty list, so that a list that was never appended to is not an absent one.
func normalise(v any) (any, error) {
	tree, err := plain(reflect.ValueOf(v), maxDepth)
	if tree == (notFinite{}) {
		return nil, err
	}
	return tree, err
}

func plain(v reflect.Value, depth int) (any, error) {
	if depth == 0 {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	if !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface || v.Kind() == reflect.Map) && v.IsNil() {
		return nil, nil
	}
	switch x := v.Interface().(type) {
	case json.Number:
		return number(x)
	case json.Marshaler:
		return decoded(x, depth)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		return string(text), err
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return plain(v.Elem(), depth)
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return finite(v.Float()), nil
	case reflect.Slice, reflect.Array:
		return list(v, depth)
	case reflect.Map:
		return mapping(v, depth)
	case reflect.Struct:
		return structure(v, depth)
	default:
		return nil, fmt.Errorf("want a value that JSON knows, got a %s", v.Type())
	}
}

func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return notFinite{}
	}
	return f
}

// number keeps extremes like 1e400 away from OPA, which would compute with all their digits.
func number(n json.Number) (any, error) {
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil, fmt.Errorf("want a number, got %q", n)
	}
	return finite(f), nil
}

func decoded(m json.Marshaler, depth int) (any, error) {
	text, err := m.MarshalJSON()
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, err
	}
	return plain(reflect.ValueOf(tree), depth-1)
}

func list(v reflect.Value, depth int) (any, error) {
	items := make([]any, v.Len())
	for i := range items {
		item, err := plain(v.Index(i), depth-1)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		if item != (notFinite{}) {
			items[i] = item
		}
	}
	return items, nil
}

func mapping(v reflect.Value, depth int) (any, error) {
	if v.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("want texts as keys, got %s", v.Type().Key())
	}
	object := make(map[string]any, v.Len())
	for entries := v.MapRange(); entries.Next(); {
		if err := put(object, entries.Key().String(), entries.Value(), depth); err != nil {
			return nil, err
		}
	}
	return withReason(object), nil
}

func structure(v reflect.Value, depth int) (any, error) {
	object := make(map[string]any, v.NumField())
	for i := range v.NumField() {
		field := v.Type().Field(i)
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case !field.IsExported() || tag == "-":
			continue
		case strings.Contains(options, "omit") && v.Field(i).IsZero():
			continue
		case name == "":
			name = field.Name
		}
		if err := put(object, name, v.Field(i), depth); err != nil {
			return nil, err
		}
	}
	return withReason(object), nil
}

func put(object map[string]any, name string, v reflect.Value, depth int) error {
	value, err := plain(v, depth-1)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	object[name] = value
	return nil
}

func withReason(object map[string]any) map[string]any {
	for name, value := range object {
		if value != (notFinite{}) {
			continue
		}
		object[name] = nil
		if name == "value" && object["reason"] == nil {
			object["reason"] = "nan"
		}
	}
	return object
}
