// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
)

// emit writes the rows and the dictionary.
func (c *converter) emit(opts Options, stats *Stats) pprofile.Profiles {
	message := pprofile.NewProfiles()
	resource := message.ResourceProfiles().AppendEmpty()
	resource.SetSchemaUrl(opts.SchemaURL)
	if opts.Resource != (pcommon.Resource{}) {
		opts.Resource.CopyTo(resource.Resource())
	}
	scoped := resource.ScopeProfiles().AppendEmpty()
	scoped.SetSchemaUrl(opts.SchemaURL)
	scope := scoped.Scope()
	scope.SetName(opts.ScopeName)
	scope.SetVersion(opts.ScopeVersion)
	if t := c.p.DefaultSampleType; t != "" {
		scope.Attributes().PutStr("pprof.scope.default_sample_type", t)
	}
	order := scope.Attributes().PutEmptySlice("pprof.scope.sample_type_order")
	for i, s := range c.series {
		if s.temporality != "" {
			order.AppendEmpty().SetInt(int64(i))
			c.profile(scoped.Profiles().AppendEmpty(), i, opts)
		}
	}
	stats.Profiles = scoped.Profiles().Len()
	c.dict.emit(message.Dictionary())
	return message
}

// profile writes one sample type.
func (c *converter) profile(to pprofile.Profile, i int, opts Options) {
	s := c.series[i]
	d := &c.dict
	valueType := func(to pprofile.ValueType, name, unit string) {
		to.SetTypeStrindex(d.strings.of(name))
		to.SetUnitStrindex(d.strings.of(unit))
	}
	valueType(to.SampleType(), c.p.SampleTypes[i].Type, c.p.SampleTypes[i].Unit)
	valueType(to.PeriodType(), c.p.PeriodType.Type, c.p.PeriodType.Unit)
	to.SetPeriod(c.p.Period)
	if begun := opts.Started.UnixNano(); s.temporality == TemporalityCumulative && !opts.Started.IsZero() && begun < s.start {
		s.start, s.duration = begun, s.start-begun
	}
	to.SetTime(pcommon.Timestamp(max(s.start, 0)))
	to.SetDurationNano(uint64(max(s.duration, 0)))
	to.AttributeIndices().FromRaw(c.about(s.temporality, opts.Kind))

	n, samples := len(c.series), 0
	for _, has := range c.rowHas {
		samples += int(has >> i & 1)
	}
	to.Samples().EnsureCapacity(samples)
	for row, has := range c.rowHas {
		if has>>i&1 == 0 {
			continue
		}
		sample := to.Samples().AppendEmpty()
		key := c.rows.at(row)
		sample.SetStackIndex(key[0])
		if key[1] != 0 {
			sample.AttributeIndices().FromRaw(d.sets.at(int(key[1])))
		}
		sample.Values().Append(c.rowValue[row*n+i])
	}
}

// about gives the attributes of an OTLP Profile.
func (c *converter) about(t Temporality, kind string) []int32 {
	d := &c.dict
	attributes := []int32{d.text("heapgate.profile.temporality", string(t))}
	for _, a := range []struct{ key, value string }{
		{"heapgate.profile.kind", kind},
		{"pprof.profile.drop_frames", c.p.DropFrames},
		{"pprof.profile.keep_frames", c.p.KeepFrames},
		{"pprof.profile.doc_url", c.p.DocURL},
	} {
		if a.value != "" {
			attributes = append(attributes, d.text(a.key, a.value))
		}
	}
	if len(c.p.Comments) > 0 {
		attributes = append(attributes, d.texts("pprof.profile.comment", c.p.Comments))
	}
	return attributes
}

// emit writes the tables.
func (d *dictionary) emit(to pprofile.ProfilesDictionary) {
	to.LinkTable().AppendEmpty() // no sample has a link
	d.emitLocations(to)
	to.StackTable().EnsureCapacity(d.stacks.len())
	for i := range d.stacks.len() {
		stack := to.StackTable().AppendEmpty()
		if list := d.stacks.at(i); len(list) > 0 {
			stack.LocationIndices().FromRaw(list)
		}
	}
	to.MappingTable().EnsureCapacity(len(d.mappings.list))
	for _, m := range d.mappings.list {
		mapping := to.MappingTable().AppendEmpty()
		mapping.SetMemoryStart(m.start)
		mapping.SetMemoryLimit(m.limit)
		mapping.SetFileOffset(m.offset)
		mapping.SetFilenameStrindex(m.file)
		if m.set != 0 {
			mapping.AttributeIndices().FromRaw(d.sets.at(int(m.set)))
		}
	}
	to.FunctionTable().EnsureCapacity(len(d.functions.list))
	for _, f := range d.functions.list {
		function := to.FunctionTable().AppendEmpty()
		function.SetNameStrindex(f.name)
		function.SetSystemNameStrindex(f.systemName)
		function.SetFilenameStrindex(f.file)
		function.SetStartLine(f.startLine)
	}
	to.AttributeTable().EnsureCapacity(len(d.attributes.list))
	for i := range d.attributes.list {
		a := &d.attributes.list[i]
		attribute := to.AttributeTable().AppendEmpty()
		attribute.SetKeyStrindex(a.key)
		attribute.SetUnitStrindex(a.unit)
		a.put(attribute.Value())
	}
	to.StringTable().FromRaw(d.strings.list)
}

func (d *dictionary) emitLocations(to pprofile.ProfilesDictionary) {
	to.LocationTable().EnsureCapacity(d.locations.len())
	for i := range d.locations.len() {
		location := to.LocationTable().AppendEmpty()
		coded := d.locations.at(i)
		location.SetMappingIndex(coded[0])
		if coded[1] != 0 {
			location.AttributeIndices().FromRaw(d.sets.at(int(coded[1])))
		}
		location.SetAddress(whole(coded[2], coded[3]))
		coded = coded[locationHead:]
		location.Lines().EnsureCapacity(len(coded) / lineSize)
		for ; len(coded) > 0; coded = coded[lineSize:] {
			line := location.Lines().AppendEmpty()
			line.SetFunctionIndex(coded[0])
			line.SetLine(int64(whole(coded[1], coded[2])))
			line.SetColumn(int64(whole(coded[3], coded[4])))
		}
	}
}
