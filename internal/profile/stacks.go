// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import "fmt"

// Tags of messages Location and Sample.
const (
	tagLocationID      = 1
	tagLocationMapping = 2
	tagLocationAddress = 3
	tagLocationLine    = 4
	tagLocationFolded  = 5

	tagSampleLocation = 1
	tagSampleValue    = 2
	tagSampleLabel    = 3
)

func (b *builder) makeLocations() error {
	p := &b.result
	p.Locations = resize(p.Locations, len(b.scan.locations))
	b.locations.reset(len(p.Locations))
	for i, at := range b.scan.locations {
		id, err := b.location(b.at(at), &p.Locations[i])
		if err == nil {
			err = b.locations.add(id, i)
		}
		if err != nil {
			return syntax(int(at.start), fmt.Errorf("location: %w", err))
		}
	}
	return nil
}

func (b *builder) location(message []byte, l *Location) (id uint64, err error) {
	*l = Location{}
	var mapping, folded uint64
	from := len(b.lines)
	for len(message) > 0 {
		f, rest, err := nextField(message)
		if err != nil {
			return 0, err
		}
		message = rest
		switch f.tag {
		case tagLocationID:
			id, err = f.number()
		case tagLocationMapping:
			mapping, err = f.number()
		case tagLocationAddress:
			l.Address, err = f.number()
		case tagLocationFolded:
			folded, err = f.number()
		case tagLocationLine:
			err = b.line(&f)
		}
		if err != nil {
			return 0, err
		}
	}
	l.Mapping, l.Folded = b.mappings.find(mapping), folded != 0
	l.Lines = b.lines[from:len(b.lines):len(b.lines)]
	return id, nil
}

func (b *builder) line(f *field) error {
	message, err := f.message()
	if err != nil {
		return err
	}
	if len(b.lines) == b.limits.Lines {
		return limitError("lines", b.limits.Lines)
	}
	var function, line, column uint64
	if err := scalars(message, nil, &function, &line, &column); err != nil {
		return err
	}
	index := b.functions.find(function)
	if index < 0 {
		return fmt.Errorf("no function %d", function)
	}
	b.lines = append(b.lines, Line{Function: index, Line: int64(line), Column: int64(column)})
	return nil
}

func (b *builder) makeSamples() error {
	p := &b.result
	p.Samples = resize(p.Samples, len(b.scan.samples))
	for i, at := range b.scan.samples {
		if err := b.sample(b.at(at), &p.Samples[i]); err != nil {
			return syntax(int(at.start), fmt.Errorf("sample: %w", err))
		}
	}
	return nil
}

func (b *builder) sample(message []byte, s *Sample) error {
	frames, values, labels := len(b.frames), len(b.values), len(b.labels)
	types := len(b.result.SampleTypes)
	for len(message) > 0 {
		f, rest, err := nextField(message)
		if err != nil {
			return err
		}
		message = rest
		switch f.tag {
		case tagSampleLocation:
			err = f.numbers(func(id uint64) error { return b.frame(id, frames) })
		case tagSampleValue:
			err = f.numbers(func(v uint64) error {
				if len(b.values)-values == types {
					return fmt.Errorf("more values than the %d sample types", types)
				}
				b.values = append(b.values, int64(v))
				return nil
			})
		case tagSampleLabel:
			err = b.label(&f)
		}
		if err != nil {
			return err
		}
	}
	if n := len(b.values) - values; n != types || types == 0 {
		return fmt.Errorf("got %d values for %d sample types", n, types)
	}
	s.Locations = b.frames[frames:len(b.frames):len(b.frames)]
	s.Values = b.values[values:len(b.values):len(b.values)]
	s.Labels = b.labels[labels:len(b.labels):len(b.labels)]
	return nil
}

// frame adds a location to the sample whose first one is at from.
func (b *builder) frame(id uint64, from int) error {
	index := b.locations.find(id)
	switch {
	case index < 0:
		return fmt.Errorf("no location %d", id)
	case len(b.frames) == b.limits.Frames:
		return limitError("frames", b.limits.Frames)
	case len(b.frames)-from == b.limits.StackDepth:
		return limitError("locations of one sample", b.limits.StackDepth)
	}
	b.frames = append(b.frames, index)
	return nil
}

// label adds one, unless it says nothing: neither a string nor a number nor a unit.
func (b *builder) label(f *field) error {
	message, err := f.message()
	if err != nil {
		return err
	}
	var key, str, num, unit uint64
	if err := scalars(message, nil, &key, &str, &num, &unit); err != nil {
		return err
	}
	var l Label
	if l.Key, err = b.string(key); err != nil {
		return err
	}
	switch {
	case str != 0:
		l.Str, err = b.string(str)
	case num != 0 || unit != 0:
		l.Num = int64(num)
		l.NumUnit, err = b.string(unit)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	if len(b.labels) == b.limits.Labels {
		return limitError("labels", b.limits.Labels)
	}
	b.labels = append(b.labels, l)
	return nil
}
