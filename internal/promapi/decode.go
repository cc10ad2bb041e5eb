// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Limits of texts beside the series, which no Settings need to move.
const (
	maxLabels = 128
	maxNotes  = 100
	maxNote   = 500 // runes
)

// decode reads one answer of /api/v1/query or /query_range, token by token so that a limit stops it before the memory is spent.
// Format: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview, and VictoriaMetrics' isPartial.
func decode(r io.Reader, wanted string, s Settings) (Answer, error) {
	body := &limited{r: r, left: s.MaxBodyBytes, limit: s.MaxBodyBytes}
	d := &decoder{json: json.NewDecoder(body), wanted: wanted, settings: s, seen: map[string]bool{}}
	d.json.UseNumber()
	err := d.document()
	if err == nil {
		err = d.verdict()
	}
	if err == nil {
		return d.answer, nil
	}
	var known *kinded
	switch {
	case body.crossed:
		return Answer{}, tooLarge("the answer is larger than %d bytes", s.MaxBodyBytes)
	case errors.As(err, &known):
		return Answer{}, err
	case body.err != nil:
		return Answer{}, fmt.Errorf("reading the answer: %w", body.err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Answer{}, garbage("the answer ends in the middle of its JSON after %d bytes", s.MaxBodyBytes-body.left)
	}
	return Answer{}, garbage("the answer is not the JSON of Prometheus' API: %v", err)
}

type decoder struct {
	json     *json.Decoder
	wanted   string // resultType; "" accepts only an error document
	settings Settings
	answer   Answer
	seen     map[string]bool // label sets, to refuse the same series twice

	status, errorType, errorText, resultType string
	hasData, hasResult                       bool
}

func (d *decoder) document() error {
	err := d.object(func(key string) error {
		switch key {
		case "status":
			return d.text(&d.status)
		case "errorType":
			return d.text(&d.errorType)
		case "error":
			return d.text(&d.errorText)
		case "warnings":
			return d.notes(&d.answer.Warnings)
		case "infos":
			return d.notes(&d.answer.Infos)
		case "isPartial":
			return d.json.Decode(&d.answer.Partial)
		case "data":
			return d.data()
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	if _, err := d.json.Token(); err != io.EOF {
		return garbage("the answer goes on after its JSON")
	}
	return nil
}

// verdict checks what only the whole document can tell.
func (d *decoder) verdict() error {
	switch {
	case d.status == "error":
		return &kinded{KindQuery, oneLine(strings.TrimPrefix(d.errorType+": "+d.errorText, ": "), maxNote)}
	case d.status != "success":
		return garbage("status must be success or error (got %q)", d.status)
	case !d.hasData || !d.hasResult || d.resultType != d.wanted:
		return garbage("resultType must be %s (got %q)", d.wanted, d.resultType)
	}
	return nil
}

func (d *decoder) data() error {
	start, err := d.json.Token()
	if err != nil || start == nil { // An error document may say data: null.
		return err
	}
	if start != json.Delim('{') {
		return garbage("data must be an object (got %v)", start)
	}
	d.hasData = true
	return d.fields(func(key string) error {
		switch key {
		case "resultType":
			if err := d.text(&d.resultType); err != nil {
				return err
			}
			if d.resultType != d.wanted {
				return garbage("resultType must be %s (got %q)", d.wanted, d.resultType)
			}
			return nil
		case "result":
			d.hasResult = true
			return d.array(d.series)
		}
		return d.skip()
	})
}

func (d *decoder) series() error {
	if len(d.answer.Series) >= d.settings.MaxSeries {
		return tooLarge("the answer has more than %d series", d.settings.MaxSeries)
	}
	one := Series{Labels: map[string]string{}}
	err := d.object(func(key string) error {
		switch key {
		case "metric":
			return d.object(func(label string) error {
				if len(one.Labels) >= maxLabels {
					return tooLarge("a series has more than %d labels", maxLabels)
				}
				value, err := d.raw()
				one.Labels[d.settings.sealed.text(label)] = d.settings.sealed.text(value)
				return err
			})
		case "value":
			return d.point(&one, "vector")
		case "values":
			return d.array(func() error { return d.point(&one, "matrix") })
		case "histogram", "histograms":
			return garbage("the series is a native histogram, a gauge was asked for")
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	if len(one.Points) == 0 {
		return garbage("a series has no points")
	}
	id := identity(one.Labels)
	if d.seen[id] {
		return garbage("the answer has the series %s twice", id)
	}
	d.seen[id] = true
	d.answer.Series = append(d.answer.Series, one)
	return nil
}

// point reads [seconds, "value"].
func (d *decoder) point(s *Series, form string) error {
	if form != d.wanted {
		return garbage("a series has the form of a %s, not of a %s", form, d.wanted)
	}
	if len(s.Points) >= d.settings.MaxPoints {
		return tooLarge("a series has more than %d points", d.settings.MaxPoints)
	}
	var pair [4]json.Token // '[', time, value, ']'
	for i := range pair {
		token, err := d.json.Token()
		if err != nil {
			return err
		}
		pair[i] = token
	}
	number, isNumber := pair[1].(json.Number)
	text, isText := pair[2].(string)
	if pair[0] != json.Delim('[') || !isNumber || !isText || pair[3] != json.Delim(']') {
		return garbage(`a point must be [seconds, "value"]`)
	}
	at, err := number.Float64()
	if err != nil || math.Abs(at) > 1e11 {
		return garbage("a point's time must be Unix seconds (got %s)", number)
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return garbage("a point's value must be a number (got %.40q)", d.settings.clean.text(text))
	}
	p := Point{At: int64(math.Round(at * 1000)), Value: value}
	if n := len(s.Points); n > 0 && s.Points[n-1].At >= p.At {
		return garbage("the points of a series must rise in time (got %s)", number)
	}
	s.Points = append(s.Points, p)
	return nil
}

func (d *decoder) notes(to *[]string) error {
	return d.array(func() error {
		if len(*to) >= maxNotes {
			return tooLarge("the answer has more than %d warnings", maxNotes)
		}
		var note string
		err := d.text(&note)
		*to = append(*to, oneLine(note, maxNote))
		return err
	})
}

func identity(labels map[string]string) string {
	parts := make([]string, 0, len(labels))
	for label, value := range labels {
		parts = append(parts, label+"="+strconv.Quote(value))
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ",") + "}"
}
