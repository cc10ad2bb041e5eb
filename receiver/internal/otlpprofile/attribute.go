// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"encoding/binary"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heapgate/heapgate/internal/profile"
)

// attribute is one entry of the attribute table.
type attribute struct {
	key, unit int32
	kind      kind
	number    int64
	text      string // of a string; of an array its elements, see appendElement
}

type kind uint8

const (
	isText kind = iota + 1
	isNumber
	isTrue
	isArray
)

func (d *dictionary) text(key, value string) int32 {
	return d.attributes.of(attribute{key: d.strings.of(key), kind: isText, text: value})
}

func (d *dictionary) flag(key string) int32 {
	return d.attributes.of(attribute{key: d.strings.of(key), kind: isTrue})
}

func (d *dictionary) texts(key string, values []string) int32 {
	var elements []byte
	for _, v := range values {
		elements = appendElement(elements, profile.Label{Str: v})
	}
	return d.attributes.of(attribute{key: d.strings.of(key), kind: isArray, text: string(elements)})
}

// labels gives the index of the attribute set of a sample.
func (d *dictionary) labels(labels []profile.Label) int32 {
	if len(labels) == 0 {
		return 0
	}
	size := len(labels) == 1 && isNumeric(labels[0])
	if size {
		if set, ok := d.sizes.of(&labels[0]); ok {
			return set
		}
	}
	set := d.anyLabels(labels)
	if size {
		d.sizes.add(&labels[0], set)
	}
	return set
}

// sizes remembers the attribute sets of samples with one numeric label of one name, as all of a heap profile have.
type sizes struct {
	key, unit string
	sets      map[int64]int32
}

func (s *sizes) reset() {
	s.key, s.unit = "", ""
	clear(s.sets)
}

func (s *sizes) of(l *profile.Label) (set int32, ok bool) {
	if l.Key != s.key || l.NumUnit != s.unit {
		return 0, false
	}
	set, ok = s.sets[l.Num]
	return set, ok
}

func (s *sizes) add(l *profile.Label, set int32) {
	switch {
	case set == 0: // dropped, and to be counted again
	case len(s.sets) == 0:
		s.key, s.unit = l.Key, l.NumUnit
		if s.sets == nil {
			s.sets = map[int64]int32{}
		}
		s.sets[l.Num] = set
	case l.Key == s.key && l.NumUnit == s.unit:
		s.sets[l.Num] = set
	}
}

// anyLabels does so for any labels. Keys of a set are unique in OTLP, so several values of one key become an array.
func (d *dictionary) anyLabels(labels []profile.Label) int32 {
	d.attribute = d.attribute[:0]
	if len(labels) > d.limits.Labels {
		d.dropped += len(labels) - d.limits.Labels
		labels = labels[:d.limits.Labels]
	}
next:
	for i := range labels {
		key := labels[i].Key
		if key == "" {
			d.dropped++
			continue
		}
		for j := range i {
			if labels[j].Key == key {
				continue next // went with the first of its key
			}
		}
		d.label(labels[i:])
	}
	return d.set()
}

// label appends the attribute of all labels with the first one's key to d.attribute.
func (d *dictionary) label(labels []profile.Label) {
	first := labels[0]
	values := 1
	a := attribute{kind: isText, text: first.Str}
	if isNumeric(first) {
		a = attribute{kind: isNumber, number: first.Num}
	}
	var elements []byte
	for _, l := range labels[1:] {
		switch {
		case l.Key != first.Key:
		case l.NumUnit != first.NumUnit: // an attribute has one unit
			d.dropped++
		default:
			if values == 1 {
				elements = appendElement(nil, first)
			}
			values++
			elements = appendElement(elements, l)
		}
	}
	if values > 1 {
		a = attribute{kind: isArray, text: string(elements)}
	}
	// Names go into the string table only when the attribute is sure to refer to them.
	key, hasKey := d.strings.index[first.Key]
	unit, hasUnit := d.strings.index[first.NumUnit]
	if hasKey && hasUnit {
		a.key, a.unit = key, unit
		if at, ok := d.attributes.index[a]; ok {
			d.attribute = append(d.attribute, at)
			return
		}
	}
	if len(d.attributes.list) > d.limits.Attributes {
		d.dropped += values
		return
	}
	a.key, a.unit = d.strings.of(first.Key), d.strings.of(first.NumUnit)
	d.attribute = append(d.attribute, d.attributes.of(a))
}

// isNumeric tells a numeric label. One with neither text nor number is what Go writes for an empty text.
func isNumeric(l profile.Label) bool { return l.Str == "" && (l.Num != 0 || l.NumUnit != "") }

// appendElement appends a value to the elements of an array: its kind, then a text with its length or a number.
func appendElement(elements []byte, l profile.Label) []byte {
	if isNumeric(l) {
		return binary.AppendVarint(append(elements, byte(isNumber)), l.Num)
	}
	elements = binary.AppendUvarint(append(elements, byte(isText)), uint64(len(l.Str)))
	return append(elements, l.Str...)
}

// put writes the value.
func (a *attribute) put(to pcommon.Value) {
	switch a.kind {
	case isText:
		to.SetStr(a.text)
	case isNumber:
		to.SetInt(a.number)
	case isTrue:
		to.SetBool(true)
	case isArray:
		slice := to.SetEmptySlice()
		for rest := []byte(a.text); len(rest) > 0; {
			kind := kind(rest[0])
			if rest = rest[1:]; kind == isNumber {
				v, n := binary.Varint(rest)
				slice.AppendEmpty().SetInt(v)
				rest = rest[n:]
				continue
			}
			length, n := binary.Uvarint(rest)
			slice.AppendEmpty().SetStr(string(rest[n:][:length]))
			rest = rest[n:][length:]
		}
	}
}
