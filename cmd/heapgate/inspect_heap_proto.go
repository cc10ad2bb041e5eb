// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/ladder"
	"github.com/heapgate/heapgate/internal/profile"
)

// eitherHeap is a heap text, or else what a protobuf profile says.
type eitherHeap struct {
	text   *heap.Text
	moment heapMoment
}

// parseEither tells the two apart by how they begin.
func parseEither(r io.Reader, limits heap.Limits) (eitherHeap, error) {
	input := bufio.NewReader(r)
	begin, _ := input.Peek(2)
	if len(begin) == 2 && (begin[0] == 0x1f && begin[1] == 0x8b || begin[0] == 0x0a) { // gzip; field 1, a sample type
		moment, err := parseProto(input)
		return eitherHeap{moment: moment}, err
	}
	text, err := heap.Parse(input, limits)
	return eitherHeap{text: text}, err
}

var heapTypes = [4]profile.ValueType{{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}

// parseProto adds up a protobuf profile by line. The blocks of a line that look like those of a growing map are map_grow, all else
// is of class unknown.
func parseProto(r io.Reader) (heapMoment, error) {
	p, err := profile.NewDecoder(profile.Limits{}).Decode(r)
	if err != nil {
		return heapMoment{}, err
	}
	if len(p.SampleTypes) != 4 || [4]profile.ValueType(p.SampleTypes) != heapTypes {
		return heapMoment{}, fmt.Errorf("not a heap profile: got sample types %v, want %v", p.SampleTypes, heapTypes)
	}
	if p.TimeNanos <= 0 {
		return heapMoment{}, errors.New("the profile does not say when it was taken")
	}
	m := heapMoment{at: uint64(p.TimeNanos), until: uint64(p.TimeNanos), likely: true}
	m.Rate = p.Period
	m.Warnings = []string{"a protobuf profile has no frame of the runtime: growing maps are guessed from block sizes, with low confidence"}
	lines := map[ladder.Place]*heap.Site{}
	var blocks []ladder.Block
	for i := range p.Samples {
		sample := &p.Samples[i]
		place := placeOf(p, sample)
		site := lines[place]
		if site == nil {
			site = &heap.Site{Function: place.Function, File: place.File, Line: int(place.Line), Class: heap.Unknown}
			lines[place] = site
		}
		block := ladder.Block{Place: place, Allocated: sample.Values[1], Inuse: sample.Values[3]}
		for _, l := range sample.Labels {
			if l.Key == "bytes" && l.Str == "" {
				block.Size = l.Num
			}
		}
		if !addBlock(&m.Total, sample.Values) || !addSample(site, &block, sample.Values, m.Rate) {
			return heapMoment{}, fmt.Errorf("sample %d: the numbers are negative or too large", i)
		}
		blocks = append(blocks, block)
	}
	m.blocks, m.lines = blocks, lines
	m.guess(ladder.Find(blocks, ladder.Settings{Rate: m.Rate}))
	return m, nil
}

func addBlock(t *heap.Totals, v []int64) bool {
	if slices.Min(v) < 0 || v[1] > math.MaxInt64-t.AllocBytes || v[0] > math.MaxInt64-t.AllocObjects || v[3] > math.MaxInt64-t.InuseBytes {
		return false
	}
	t.AllocObjects, t.AllocBytes, t.InuseObjects, t.InuseBytes = t.AllocObjects+v[0], t.AllocBytes+v[1], t.InuseObjects+v[2], t.InuseBytes+v[3]
	return true
}

// addSample adds a sample to its line, with about how many samples and which error that is.
func addSample(s *heap.Site, b *ladder.Block, v []int64, rate int64) bool {
	s.AllocObjects, s.AllocBytes, s.InuseObjects, s.InuseBytes = s.AllocObjects+v[0], s.AllocBytes+v[1], s.InuseObjects+v[2], s.InuseBytes+v[3]
	if v[0] > 0 && rate > 1 {
		size := float64(v[1]) / float64(v[0])
		p := -math.Expm1(-size / float64(rate))
		s.Samples += int64(math.Round(float64(v[0]) * p))
		s.StdErrBytes = math.Sqrt(s.StdErrBytes*s.StdErrBytes + float64(v[0])*size*size*(1-p)/p)
	} else {
		s.Samples += v[0]
	}
	return s.AllocBytes >= 0 && s.AllocObjects >= 0 && s.InuseBytes >= 0
}

// placeOf is the line that a stack belongs to: its first frame of the user's code.
func placeOf(p *profile.Profile, s *profile.Sample) ladder.Place {
	for _, l := range s.Locations {
		for _, line := range p.Locations[l].Lines {
			f := &p.Functions[line.Function]
			if !gofunc.PassedOver(f.Name) {
				return ladder.Place{Function: f.Name, File: f.File, Line: line.Line}
			}
		}
	}
	return ladder.Place{Function: "unknown"}
}

// guess takes the likely maps out of their lines.
func (m *heapMoment) guess(grown []ladder.Growth) {
	m.Sites, m.grown = nil, grown
	rests := map[ladder.Place]heap.Site{}
	for place, s := range m.lines {
		rests[place] = *s
	}
	for i := range grown {
		rest, ok := rests[grown[i].Place]
		if !grown[i].Likely || !ok {
			continue
		}
		g := grown[i].In(m.blocks, m.Rate)
		m.Sites = append(m.Sites, heap.Site{
			Function: g.Function, File: g.File, Line: int(g.Line), Class: heap.MapGrow, AllocBytes: g.Allocated, AllocObjects: g.Objects, InuseBytes: g.Inuse,
			Samples: g.Samples, StdErrBytes: g.StdErr, LargestBytes: g.Largest,
		})
		rest.AllocBytes, rest.InuseBytes = max(rest.AllocBytes-g.Allocated, 0), max(rest.InuseBytes-g.Inuse, 0)
		rest.AllocObjects, rest.Samples = max(rest.AllocObjects-g.Objects, 0), max(rest.Samples-g.Samples, 0)
		rest.StdErrBytes = math.Sqrt(max(rest.StdErrBytes*rest.StdErrBytes-g.StdErr*g.StdErr, 0))
		rests[g.Place] = rest
	}
	for _, s := range rests {
		if s.AllocBytes > 0 {
			m.Sites = append(m.Sites, s)
		}
	}
	slices.SortFunc(m.Sites, func(a, b heap.Site) int {
		return cmp.Or(cmp.Compare(b.AllocBytes, a.AllocBytes), cmp.Compare(a.Function, b.Function), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Class, b.Class))
	})
}
