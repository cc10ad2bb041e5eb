// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"fmt"

	"github.com/heapgate/heapgate/internal/profile"
)

// synthetic is a heap profile of n stacks, as large programs have them: 8 to 40 frames that share their callers, five
// stacks to a function, most of what was allocated freed again.
func synthetic(n int) *profile.Profile {
	p := &profile.Profile{
		SampleTypes: kinds["heap"], PeriodType: profile.ValueType{Type: "space", Unit: "bytes"}, Period: 512 << 10,
		TimeNanos: 1_700_000_000e9, DefaultSampleType: "inuse_space",
		Mappings: []profile.Mapping{{Start: 0x400000, Limit: 0x4000000, File: "/bin/app", BuildID: "0123456789abcdef", HasFunctions: true}},
	}
	functions := max(20, n/5)
	for i := range functions {
		name := fmt.Sprintf("github.com/example/project/internal/component%d.(*Worker).step%d", i%50, i)
		p.Functions = append(p.Functions, profile.Function{Name: name, SystemName: name, File: fmt.Sprintf("/src/project/internal/component%d/worker.go", i%50), StartLine: int64(i % 900)})
	}
	for i := range functions * 2 {
		l := profile.Location{Address: 0x401000 + uint64(i)*37, Lines: []profile.Line{{Function: int32(i / 2), Line: int64(i % 1000)}}}
		if i%4 == 0 {
			l.Lines = append([]profile.Line{{Function: int32((i/2 + 7) % functions), Line: int64(i % 300)}}, l.Lines...)
		}
		p.Locations = append(p.Locations, l)
	}
	random := uint32(1)
	next := func(n int) int {
		random = random*1664525 + 1013904223
		return int(random>>8) % n
	}
	for i := range n {
		s := profile.Sample{Values: make([]int64, 4)}
		for at, depth := next(len(p.Locations)), 8+next(33); len(s.Locations) < depth; at = (at*3 + i%7) % len(p.Locations) {
			s.Locations = append(s.Locations, int32(at))
		}
		objects, size := int64(1+next(100_000)), int64(16*(1+next(200)))
		s.Values[0], s.Values[1] = objects, objects*size
		if i%10 == 0 {
			s.Values[2], s.Values[3] = 3, 3*size
		}
		s.Labels = []profile.Label{{Key: "bytes", Num: size}}
		p.Samples = append(p.Samples, s)
	}
	return p
}
