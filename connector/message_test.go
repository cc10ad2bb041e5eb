// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
)

// message builds what a sender of profiles would send.
type message struct {
	t        *testing.T
	profiles pprofile.Profiles
	strings  map[string]int32
	types    [sampleTypes]pprofile.Profile // of the snapshot
	without  string
}

func newMessage(t *testing.T) *message {
	m := &message{t: t, profiles: pprofile.NewProfiles(), strings: map[string]int32{}}
	d := m.dictionary()
	m.text("")
	d.FunctionTable().AppendEmpty()
	d.LocationTable().AppendEmpty()
	d.StackTable().AppendEmpty()
	d.AttributeTable().AppendEmpty()
	return m
}

func (m *message) dictionary() pprofile.ProfilesDictionary { return m.profiles.Dictionary() }

func (m *message) text(s string) int32 {
	if at, ok := m.strings[s]; ok {
		return at
	}
	m.dictionary().StringTable().Append(s)
	m.strings[s] = int32(len(m.strings))
	return m.strings[s]
}

func (m *message) attribute(key string) (pcommon.Value, int32) {
	table := m.dictionary().AttributeTable()
	a := table.AppendEmpty()
	a.SetKeyStrindex(m.text(key))
	return a.Value(), int32(table.Len() - 1)
}

func (m *message) resource(words []string) {
	rp := m.profiles.ResourceProfiles().AppendEmpty()
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		rp.Resource().Attributes().PutStr(key, value)
	}
	rp.ScopeProfiles().AppendEmpty()
}

func (m *message) number(text string) int64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return int64(v)
}

func (m *message) snapshot(words []string) {
	v := map[string]string{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		v[key] = value
	}
	m.without = v["without"]
	rps := m.profiles.ResourceProfiles()
	profiles := rps.At(rps.Len() - 1).ScopeProfiles().At(0).Profiles()
	for name, kind := range typeOf {
		if name == m.without {
			continue
		}
		p := profiles.AppendEmpty()
		p.SampleType().SetTypeStrindex(m.text(name))
		p.PeriodType().SetTypeStrindex(m.text("space"))
		p.PeriodType().SetUnitStrindex(m.text("bytes"))
		if v["rate"] != "" {
			p.SetPeriod(m.number(v["rate"]))
		}
		alloc := kind == allocObjects || kind == allocSpace
		if v["t"] != "" {
			end := m.number(v["t"])
			p.SetTime(pcommon.Timestamp((end + epoch) * 1e9))
		}
		if v["duration"] != "" && (alloc || v["temporality"] == "") {
			d := m.number(v["duration"])
			p.SetTime(p.Time() - pcommon.Timestamp(d*1e9))
			p.SetDurationNano(uint64(d * 1e9))
		}
		if said := v["temporality"]; said != "" {
			if !alloc {
				said = "snapshot"
			}
			value, at := m.attribute("heapgate.profile.temporality")
			value.SetStr(said)
			p.AttributeIndices().Append(at)
		}
		m.types[kind] = p
	}
}

func (m *message) samples(words []string) {
	stack := m.stack(words[0])
	words = words[1:]
	var attributes []int32
	if size, ok := strings.CutPrefix(words[0], "size="); ok {
		value, at := m.attribute("bytes")
		value.SetInt(m.number(size))
		attributes, words = append(attributes, at), words[1:]
	}
	for kind := range sampleTypes {
		if m.without != "" && typeOf[m.without] == kind {
			continue
		}
		sample := m.types[kind].Samples().AppendEmpty()
		sample.SetStackIndex(stack)
		sample.AttributeIndices().FromRaw(attributes)
		sample.Values().Append(m.number(words[kind]))
	}
}

func (m *message) stack(text string) int32 {
	d := m.dictionary()
	stack := d.StackTable().AppendEmpty()
	for _, frame := range strings.Split(text, "<") {
		function, place, _ := strings.Cut(frame, "@")
		file, line, _ := strings.Cut(place, ":")
		f := d.FunctionTable().AppendEmpty()
		f.SetNameStrindex(m.text(function))
		f.SetFilenameStrindex(m.text(file))
		l := d.LocationTable().AppendEmpty().Lines().AppendEmpty()
		l.SetFunctionIndex(int32(d.FunctionTable().Len() - 1))
		if line != "" {
			l.SetLine(m.number(line))
		}
		stack.LocationIndices().Append(int32(d.LocationTable().Len() - 1))
	}
	return int32(d.StackTable().Len() - 1)
}
