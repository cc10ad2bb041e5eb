// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
)

// builder makes a Profile of the messages that the scanner found. Its slices are the Profile's.
type builder struct {
	body   []byte
	scan   *scanner
	names  *names
	limits Limits

	result                         Profile
	strings                        []string
	functions, mappings, locations ids

	// What the parts of the profile are cut from. An array that had to grow stays with those that have a part of it.
	frames []int32
	values []int64
	labels []Label
	lines  []Line
}

// profile builds it in the order of the references: a message refers only to what is there already.
func (b *builder) profile(body []byte, scan *scanner, names *names) (*Profile, error) {
	b.body, b.scan, b.names, b.limits = body, scan, names, scan.limits
	defer func() { b.body, b.scan = nil, nil }()
	b.frames, b.values, b.labels, b.lines = b.frames[:0], b.values[:0], b.labels[:0], b.lines[:0]
	b.makeStrings()
	for _, step := range []func() error{b.header, b.makeFunctions, b.makeMappings, b.makeLocations, b.makeSamples} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &b.result, nil
}

func (b *builder) at(s span) []byte { return b.body[s.start:s.end] }

func (b *builder) makeStrings() {
	clear(b.strings)
	b.strings = resize(b.strings, len(b.scan.strings))
	for i, s := range b.scan.strings {
		b.strings[i] = b.names.intern(b.at(s), b.limits.NameBytes)
	}
}

// string is the one at an index of the string table.
func (b *builder) string(i uint64) (string, error) {
	if i >= uint64(len(b.strings)) {
		return "", fmt.Errorf("got string %d of a table of %d", int64(i), len(b.strings))
	}
	return b.strings[i], nil
}

// header makes what is there once.
func (b *builder) header() (err error) {
	s, p := b.scan, &b.result
	*p = Profile{
		Period: s.period, TimeNanos: s.timeNanos, DurationNanos: s.durationNanos,
		SampleTypes: p.SampleTypes[:0], Comments: p.Comments[:0],
		Mappings: p.Mappings, Locations: p.Locations, Functions: p.Functions, Samples: p.Samples,
	}
	for _, at := range s.sampleTypes {
		t, err := b.valueType(at)
		if err != nil {
			return err
		}
		p.SampleTypes = append(p.SampleTypes, t)
	}
	if p.PeriodType, err = b.valueType(s.periodType); err != nil {
		return err
	}
	for _, i := range s.comments {
		comment, err := b.string(i)
		if err != nil {
			return syntax(0, fmt.Errorf("comment: %w", err))
		}
		p.Comments = append(p.Comments, comment)
	}
	var errs [4]error
	p.DropFrames, errs[0] = b.string(s.dropFrames)
	p.KeepFrames, errs[1] = b.string(s.keepFrames)
	p.DefaultSampleType, errs[2] = b.string(s.defaultSampleType)
	p.DocURL, errs[3] = b.string(s.docURL)
	if err := errors.Join(errs[:]...); err != nil {
		return syntax(0, err)
	}
	return nil
}

func (b *builder) valueType(at span) (v ValueType, err error) {
	var kind, unit uint64
	if err = scalars(b.at(at), nil, &kind, &unit); err == nil {
		v.Type, err = b.string(kind)
	}
	if err == nil {
		v.Unit, err = b.string(unit)
	}
	if err != nil {
		return v, syntax(int(at.start), fmt.Errorf("value type: %w", err))
	}
	return v, nil
}

func (b *builder) makeFunctions() error {
	p := &b.result
	p.Functions = resize(p.Functions, len(b.scan.functions))
	b.functions.reset(len(p.Functions))
	for i, at := range b.scan.functions {
		var id, name, system, file, line uint64
		err := scalars(b.at(at), nil, &id, &name, &system, &file, &line)
		f := Function{StartLine: int64(line)}
		if err == nil {
			f.Name, err = b.string(name)
		}
		if err == nil {
			f.SystemName, err = b.string(system)
		}
		if err == nil {
			f.File, err = b.string(file)
		}
		if err == nil {
			err = b.functions.add(id, i)
		}
		if err != nil {
			return syntax(int(at.start), fmt.Errorf("function: %w", err))
		}
		p.Functions[i] = f
	}
	return nil
}

func (b *builder) makeMappings() error {
	p := &b.result
	p.Mappings = resize(p.Mappings, len(b.scan.mappings))
	b.mappings.reset(len(p.Mappings))
	for i, at := range b.scan.mappings {
		m := Mapping{}
		var id, file, build, functions, files, lines, inlines uint64
		err := scalars(b.at(at), nil, &id, &m.Start, &m.Limit, &m.Offset, &file, &build, &functions, &files, &lines, &inlines)
		m.HasFunctions, m.HasFilenames, m.HasLineNumbers, m.HasInlineFrames = functions != 0, files != 0, lines != 0, inlines != 0
		if err == nil {
			m.File, err = b.string(file)
		}
		if err == nil {
			m.BuildID, err = b.string(build)
		}
		if err == nil {
			err = b.mappings.add(id, i)
		}
		if err != nil {
			return syntax(int(at.start), fmt.Errorf("mapping: %w", err))
		}
		p.Mappings[i] = m
	}
	return nil
}

// resize gives a slice of n elements, in the same array where it is large enough.
func resize[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
