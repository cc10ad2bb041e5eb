// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
)

// Tags of message Profile.
const (
	tagSampleType        = 1
	tagSample            = 2
	tagMapping           = 3
	tagLocation          = 4
	tagFunction          = 5
	tagString            = 6
	tagDropFrames        = 7
	tagKeepFrames        = 8
	tagTimeNanos         = 9
	tagDurationNanos     = 10
	tagPeriodType        = 11
	tagPeriod            = 12
	tagComment           = 13
	tagDefaultSampleType = 14
	tagDocURL            = 15
)

// span is where a message lies in the inflated body.
type span struct{ start, end uint32 }

// scanner notes where the messages are.
type scanner struct {
	limits Limits
	at     int // up to where the body is scanned

	sampleTypes, samples, mappings, locations, functions, strings []span
	periodType                                                    span
	dropFrames, keepFrames, defaultSampleType, docURL             uint64 // indices of strings
	comments                                                      []uint64
	timeNanos, durationNanos, period                              int64
}

func (s *scanner) reset(l Limits) {
	*s = scanner{
		limits:      l,
		sampleTypes: s.sampleTypes[:0], samples: s.samples[:0], mappings: s.mappings[:0], locations: s.locations[:0],
		functions: s.functions[:0], strings: s.strings[:0], comments: s.comments[:0],
	}
}

// advance notes the fields of body that are whole. It is called again when body has grown, and with last at its end.
func (s *scanner) advance(body []byte, last bool) error {
	for s.at < len(body) {
		f, rest, err := nextField(body[s.at:])
		if errors.Is(err, errShort) && !last {
			if f.n > uint64(s.limits.MessageBytes) { // the length of bytes that are not there yet
				return limitError("bytes of one message", s.limits.MessageBytes)
			}
			return nil
		}
		if errors.Is(err, errShort) {
			return fmt.Errorf("%w in the field at byte %d", ErrTruncated, s.at)
		}
		if err == nil {
			end := len(body) - len(rest)
			err = s.field(&f, end)
			if err == nil {
				s.at = end
				continue
			}
		}
		return syntax(s.at, err)
	}
	return nil
}

// field notes one field that ends at end.
func (s *scanner) field(f *field, end int) (err error) {
	if len(f.data) > s.limits.MessageBytes {
		return limitError("bytes of one message", s.limits.MessageBytes)
	}
	switch f.tag {
	case tagSampleType:
		return note(&s.sampleTypes, f, end, "sample types", s.limits.SampleTypes)
	case tagSample:
		return note(&s.samples, f, end, "samples", s.limits.Samples)
	case tagMapping:
		return note(&s.mappings, f, end, "mappings", s.limits.Mappings)
	case tagLocation:
		return note(&s.locations, f, end, "locations", s.limits.Locations)
	case tagFunction:
		return note(&s.functions, f, end, "functions", s.limits.Functions)
	case tagString:
		if len(s.strings) == 0 && len(f.data) > 0 {
			return fmt.Errorf("got %.60q as string 0, want an empty string", f.data)
		}
		return note(&s.strings, f, end, "strings", s.limits.Strings)
	case tagPeriodType:
		var one []span
		if err = note(&one, f, end, "", 1); err == nil {
			s.periodType = one[0]
		}
	case tagDropFrames:
		s.dropFrames, err = f.number()
	case tagKeepFrames:
		s.keepFrames, err = f.number()
	case tagDefaultSampleType:
		s.defaultSampleType, err = f.number()
	case tagDocURL:
		s.docURL, err = f.number()
	case tagTimeNanos:
		if s.timeNanos != 0 {
			return fmt.Errorf("got a second time, want one profile only")
		}
		err = f.int64(&s.timeNanos)
	case tagDurationNanos:
		err = f.int64(&s.durationNanos)
	case tagPeriod:
		err = f.int64(&s.period)
	case tagComment:
		return f.numbers(func(n uint64) error {
			if len(s.comments) == s.limits.Comments {
				return limitError("comments", s.limits.Comments)
			}
			s.comments = append(s.comments, n)
			return nil
		})
	}
	return err
}

func (f *field) int64(into *int64) error {
	n, err := f.number()
	*into = int64(n)
	return err
}

// note appends where a message lies that ends at end.
func note(spans *[]span, f *field, end int, what string, limit int) error {
	if f.wire != bytesType {
		return f.mistyped(bytesType)
	}
	if len(*spans) == limit {
		return limitError(what, limit)
	}
	*spans = append(*spans, span{uint32(end - len(f.data)), uint32(end)})
	return nil
}

// syntax makes an error a SyntaxError at a field, if it is none of the others.
func syntax(at int, err error) error {
	var limit *LimitError
	if errors.As(err, &limit) {
		return limit
	}
	return &SyntaxError{Offset: int64(at), Msg: err.Error()}
}
