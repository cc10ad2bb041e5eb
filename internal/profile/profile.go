// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

// Profile is one decoded profile. All references are dense indices from 0 on; -1 is none.
type Profile struct {
	SampleTypes                               []ValueType
	PeriodType                                ValueType
	Period                                    int64 // in PeriodType.Unit
	TimeNanos                                 int64 // unix time at which the profile was taken; 0 if not known
	DurationNanos                             int64 // 0 for a snapshot
	DefaultSampleType, DropFrames, KeepFrames string
	DocURL                                    string
	Comments                                  []string
	Mappings                                  []Mapping
	Locations                                 []Location
	Functions                                 []Function
	Samples                                   []Sample
}

// ValueType is what a number means: {cpu nanoseconds}, {alloc_space bytes}.
type ValueType struct{ Type, Unit string }

// Sample is one stack with its values, in the order of Profile.SampleTypes.
type Sample struct {
	Locations []int32 // leaf first
	Values    []int64
	Labels    []Label
}

// Label of a sample: either Str or Num (in NumUnit) is set.
type Label struct {
	Key, Str, NumUnit string
	Num               int64
}

// Location is one address with the functions inlined there, the innermost first.
type Location struct {
	Address uint64
	Mapping int32
	Folded  bool
	Lines   []Line
}

// Line is a place in a function. Function is an index into Profile.Functions.
type Line struct {
	Function     int32
	Line, Column int64
}

// Function is named as its symbol table does.
type Function struct {
	Name, SystemName, File string
	StartLine              int64
}

// Mapping is a piece of a binary in memory.
type Mapping struct {
	Start, Limit, Offset                                        uint64
	File, BuildID                                               string
	HasFunctions, HasFilenames, HasLineNumbers, HasInlineFrames bool
}
