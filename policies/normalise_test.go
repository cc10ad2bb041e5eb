// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type reading struct {
	Value    *float64 `json:"value"`
	Reason   *string  `json:"reason"`
	Coverage float64  `json:"coverage,omitempty"`
	Age      float32
	Hidden   string `json:"-"`
	private  chan int
}

type broken struct{}

func (broken) MarshalJSON() ([]byte, error) { return nil, errors.New("broken") }

type garbage struct{}

func (garbage) MarshalJSON() ([]byte, error) { return []byte("{"), nil }

func TestNormalise(t *testing.T) {
	nan, gap := math.NaN(), "gap"
	for name, test := range map[string]struct{ in, want any }{
		"nil":                     {nil, nil},
		"bool":                    {true, true},
		"integers":                {[]any{int8(-1), uint64(2)}, []any{-1.0, 2.0}},
		"named text":              {Deny, "deny"},
		"time":                    {time.Date(2026, 11, 21, 10, 0, 0, 5, time.UTC), "2026-11-21T10:00:00.000000005Z"},
		"text marshaler":          {netip.MustParseAddr("10.0.0.1"), "10.0.0.1"},
		"raw JSON":                {json.RawMessage(`{"value":1e999,"x":[1,null]}`), map[string]any{"value": nil, "reason": "nan", "x": []any{1.0, nil}}},
		"nil list is empty":       {map[string][]string{"a": nil}, map[string]any{"a": []any{}}},
		"NaN alone":               {nan, nil},
		"NaN in a list":           {[]float64{1, nan}, []any{1.0, nil}},
		"NaN as value":            {map[string]any{"value": nan, "reason": nil}, map[string]any{"value": nil, "reason": "nan"}},
		"NaN as value, no reason": {map[string]float64{"value": nan}, map[string]any{"value": nil, "reason": "nan"}},
		"NaN with a reason":       {map[string]any{"value": nan, "reason": gap}, map[string]any{"value": nil, "reason": "gap"}},
		"NaN elsewhere":           {map[string]any{"lower": nan, "value": 1}, map[string]any{"lower": nil, "value": 1.0}},
		"struct":                  {reading{Value: &nan, private: make(chan int)}, map[string]any{"value": nil, "reason": "nan", "Age": 0.0}},
		"pointer to struct":       {&reading{Reason: &gap, Coverage: nan}, map[string]any{"value": nil, "reason": "gap", "coverage": nil, "Age": 0.0}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := normalise(test.in)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestNormaliseRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		in   any
		want string
	}{
		"channel":             {map[string]any{"a": []any{make(chan int)}}, "a: [0]: want a value that JSON knows, got a chan int"},
		"broken marshaler":    {struct{ A broken }{}, "A: broken"},
		"marshaler's rubbish": {garbage{}, "unexpected"},
		"keys":                {map[float64]int{1: 1}, "want texts as keys, got float64"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := normalise(test.in)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
}

// Where encoding/json can say it, normalise says the same.
func TestNormaliseAgreesWithJSON(t *testing.T) {
	limit := 0.25
	in := []Finding{{Kind: Warn, ID: "X", Limit: &limit, Facts: map[string]any{"line": 42, "short": []string{"windows"}, "at": now}}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got, err := normalise(in)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
