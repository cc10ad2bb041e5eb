// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// canned is client_golang's connection with one answer.
type canned struct{ answer answerFile }

func (canned) URL(ep string, _ map[string]string) *url.URL { return &url.URL{Path: ep} }

func (c canned) Do(context.Context, *http.Request) (*http.Response, []byte, error) {
	return &http.Response{StatusCode: c.answer.status, Header: c.answer.header, Body: io.NopCloser(strings.NewReader(""))}, c.answer.body, nil
}

// TestAnswersAgreeWithClientGolang asks Prometheus' own client about each store's answer: the same series and warnings, or an error
// from both.
func TestAnswersAgreeWithClientGolang(t *testing.T) {
	for _, path := range answerFiles(t) {
		a := readAnswer(t, path)
		api := v1.NewAPI(canned{a})
		wanted := a.header.Get("wanted")
		var value model.Value
		var warnings v1.Warnings
		var err error
		if wanted == "matrix" {
			value, warnings, err = api.QueryRange(t.Context(), "up", v1.Range{Start: time.Unix(1, 0), End: time.Unix(2, 0), Step: time.Second})
		} else {
			value, warnings, err = api.Query(t.Context(), "up", time.Unix(1, 0))
		}
		ours, oursErr := decode(bytes.NewReader(a.body), wanted, Settings{}.withDefaults())
		if a.status != http.StatusOK {
			oursErr = &Error{}
		}
		if strings.Contains(path, "_native_histogram") || filepath.Base(path) == "prometheus_scalar.txtar" { // They read it; gauges were asked for.
			err = &Error{}
		}
		if (err == nil) != (oursErr == nil) {
			t.Errorf("%s: ours %v, client_golang's %v", path, oursErr, err)
		}
		if err != nil || oursErr != nil {
			continue
		}
		text, err := json.Marshal(map[string]any{"resultType": value.Type(), "result": value})
		if err != nil {
			t.Fatal(err)
		}
		want, err := theirs(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, ours.Series, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s\n%s", path, diff)
		}
		if diff := cmp.Diff([]string(warnings), ours.Warnings, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: warnings\n%s", path, diff)
		}
	}
}

// document prints an answer in the form of the API.
func document(a Answer, wanted string) string {
	type entry struct {
		Metric map[string]string `json:"metric"`
		Value  any               `json:"value,omitempty"`
		Values any               `json:"values,omitempty"`
	}
	entries := []entry{}
	for _, one := range a.Series {
		var points [][2]any
		for _, p := range one.Points {
			points = append(points, [2]any{json.Number(strconv.FormatFloat(float64(p.At)/1000, 'f', 3, 64)), strconv.FormatFloat(p.Value, 'g', -1, 64)})
		}
		if e := (entry{Metric: one.Labels, Values: points}); wanted == "matrix" {
			entries = append(entries, e)
		} else {
			entries = append(entries, entry{Metric: one.Labels, Value: points[0]})
		}
	}
	text, err := json.Marshal(map[string]any{
		"status": "success", "isPartial": a.Partial, "warnings": a.Warnings, "infos": a.Infos, "data": map[string]any{"resultType": wanted, "result": entries},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// FuzzDecode: an error or a value, never both; a value within the limits; what was read is printed and read again without a
// difference, by this package and by the types of Prometheus' own client; and an answer is never more complete for being read.
func FuzzDecode(f *testing.F) {
	for _, text := range agreeing() {
		f.Add(text)
	}
	for _, path := range answerFiles(f) {
		f.Add(string(readAnswer(f, path).body))
	}
	f.Add(`{"status":"error","errorType":"bad_data","error":"x"}`)
	f.Add(matrix(`{"metric":{"a":"b"},"values":[[1,"2"],[2.5,"NaN"]]}`)[:50])
	f.Add(`{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[{"metric":{},"histograms":[]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := small()
		for _, wanted := range []string{"matrix", "vector"} {
			answer, err := decode(strings.NewReader(text), wanted, s)
			if err != nil {
				if len(answer.Series) != 0 || kindOf(err, "") == "" {
					t.Fatalf("error %v with answer %+v", err, answer)
				}
				continue
			}
			if len(answer.Series) > s.MaxSeries || len(text) > int(s.MaxBodyBytes) {
				t.Fatalf("beyond the limits: %d series from %d bytes", len(answer.Series), len(text))
			}
			for _, one := range answer.Series {
				if len(one.Points) == 0 || len(one.Points) > s.MaxPoints || wanted == "vector" && len(one.Points) != 1 {
					t.Fatalf("%d points", len(one.Points))
				}
			}
			readAgain(t, answer, wanted)
		}
	})
}

func readAgain(t *testing.T, answer Answer, wanted string) {
	t.Helper()
	printed := document(answer, wanted)
	again, err := decode(strings.NewReader(printed), wanted, Settings{}.withDefaults())
	if err != nil {
		t.Fatalf("%v in %s", err, printed)
	}
	if diff := cmp.Diff(answer, again, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" || answer.Complete() != again.Complete() {
		t.Fatalf("read again: %s", diff)
	}
	var whole struct{ Data json.RawMessage }
	if err := json.Unmarshal([]byte(printed), &whole); err != nil {
		t.Fatal(err)
	}
	theirs, err := theirs(whole.Data)
	if err != nil {
		t.Fatalf("client_golang: %v in %s", err, printed)
	}
	if diff := cmp.Diff(theirs, answer.Series, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("client_golang reads otherwise: %s", diff)
	}
}
