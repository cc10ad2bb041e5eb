// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"strings"
	"sync"
	"testing"
)

// TestProtoConcurrent has several workers read processes of one build, restarted ones among them, while its text is learned.
// It is for the race detector; the sums must be those of one worker.
func TestProtoConcurrent(t *testing.T) {
	body := corpus(t)["prometheus"]
	text := corpusText(t, "prometheus")
	named := func(uint64) (string, bool) { return "runtime.mallocgc", true }
	build := NewBuild(BuildLimits{})
	teacher := &ProtoTarget{Build: build}
	want := readProto(t, NewProtoReader(ProtoLimits{}), teacher, body).Total
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			r := NewProtoReader(ProtoLimits{})
			target := &ProtoTarget{Build: build}
			for i := range 20 {
				if i == 10 {
					target = &ProtoTarget{Build: build}
				}
				s, err := r.Read(strings.NewReader(string(body)), target)
				if err != nil {
					t.Error(err)
					return
				}
				if got := s.Snapshot(); got.Total != want || sumOf(got) != want {
					t.Errorf("total %+v, sites and observer %+v, want %+v", got.Total, sumOf(got), want)
				}
				for _, c := range s.Changes {
					_ = s.Place(c.Site)
				}
				_ = build.Stats()
			}
		})
	}
	for range 3 {
		parsed, pairs, err := ParsePairs(strings.NewReader(text), Limits{})
		if err == nil {
			_, err = build.Learn(parsed, pairs, named, teacher.Base())
		}
		if err != nil {
			t.Error(err)
		}
	}
	workers.Wait()
}
