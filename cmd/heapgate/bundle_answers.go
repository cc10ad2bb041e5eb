// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// recordedAnswer is one element of answers.json: a question with the samples that it got.
type recordedAnswer struct {
	question
	Samples  []recordedSeries `json:"samples"`
	Warnings []string         `json:"warnings,omitempty"`
	Infos    []string         `json:"infos,omitempty"`
	Partial  bool             `json:"partial,omitempty"`
}

type recordedSeries struct {
	Labels map[string]string `json:"labels"`
	Points []recordedPoint   `json:"points"`
}

// recordedPoint is [Unix milliseconds, "value"]: the value as text, because JSON has no NaN.
type recordedPoint promapi.Point

func (p recordedPoint) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%q]", p.At, strconv.FormatFloat(p.Value, 'g', -1, 64)), nil
}

func (p *recordedPoint) UnmarshalJSON(text []byte) error {
	var pair []json.RawMessage
	var value string
	if err := json.Unmarshal(text, &pair); err != nil || len(pair) != 2 {
		return fmt.Errorf("a point must be [milliseconds, \"value\"] (got %.60q)", text)
	}
	if err := json.Unmarshal(pair[0], &p.At); err != nil {
		return err
	}
	if err := json.Unmarshal(pair[1], &value); err != nil {
		return err
	}
	var err error
	if p.Value, err = strconv.ParseFloat(value, 64); err == nil && math.IsNaN(p.Value) {
		p.Value = math.NaN() // One NaN is as good as another.
	}
	return err
}

func recordAnswers(all []answered) []recordedAnswer {
	recorded := []recordedAnswer{}
	for _, one := range all {
		r := recordedAnswer{question: one.question, Samples: []recordedSeries{}, Warnings: one.answer.Warnings, Infos: one.answer.Infos, Partial: one.answer.Partial}
		for _, s := range one.answer.Series {
			series := recordedSeries{Labels: s.Labels, Points: []recordedPoint{}}
			for _, p := range s.Points {
				series.Points = append(series.Points, recordedPoint(p))
			}
			r.Samples = append(r.Samples, series)
		}
		recorded = append(recorded, r)
	}
	return recorded
}

func (r recordedAnswer) answer() promapi.Answer {
	a := promapi.Answer{Warnings: r.Warnings, Infos: r.Infos, Partial: r.Partial}
	for _, s := range r.Samples {
		series := promapi.Series{Labels: s.Labels}
		for _, p := range s.Points {
			series.Points = append(series.Points, promapi.Point(p))
		}
		a.Series = append(a.Series, series)
	}
	return a
}

// recordedStore gives the recorded answers again, each once, and knows no other question. The questions of one round are asked at the same
// time, so their order is compared afterwards.
type recordedStore struct {
	address string
	mu      sync.Mutex
	left    map[question][]promapi.Answer // by the question alone
}

func newRecordedStore(address string, all []recordedAnswer) *recordedStore {
	s := &recordedStore{address: address, left: map[question][]promapi.Answer{}}
	for _, one := range all {
		key := question{Query: one.Query, Start: one.Start, End: one.End, Step: one.Step}
		s.left[key] = append(s.left[key], one.answer())
	}
	return s
}

func (s *recordedStore) Address() string { return s.address }

func (s *recordedStore) Query(_ context.Context, expr string, at time.Time) (promapi.Answer, error) {
	return s.take(question{Query: expr, End: precisely(at)})
}

func (s *recordedStore) QueryRange(_ context.Context, expr string, start, end time.Time, step time.Duration) (promapi.Answer, error) {
	return s.take(question{Query: expr, Start: precisely(start), End: precisely(end), Step: step.String()})
}

func (s *recordedStore) take(asked question) (promapi.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := s.left[asked]
	if len(answers) == 0 {
		return promapi.Answer{}, fmt.Errorf("the bundle has no answer to %s at %s", asked.Query, asked.End)
	}
	s.left[asked] = answers[1:]
	return answers[0], nil
}
