// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

func small() Settings {
	return Settings{MaxBodyBytes: 4096, MaxSeries: 3, MaxPoints: 4}.withDefaults()
}

func matrix(result string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + result + `]}}`
}

func TestDecode(t *testing.T) {
	one := `{"metric":{"a":"b"},"values":[[1,"2"],[2.5,"NaN"]]}`
	for name, tt := range map[string]struct{ text, err string }{
		"prometheus":       {matrix(one), ""},
		"empty":            {matrix(""), ""},
		"VictoriaMetrics":  {`{"status":"success","isPartial":false,"data":{"resultType":"matrix","result":[` + one + `]},"stats":{"seriesFetched": "1","executionTimeMsec":3}}`, ""},
		"data first":       {`{"data":{"result":[` + one + `],"resultType":"matrix"},"status":"success"}`, ""},
		"vector":           {`{"status":"success","data":{"resultType":"vector","result":[]}}`, `resultType must be matrix (got "vector")`},
		"vector disguised": {matrix(`{"metric":{},"value":[1,"2"]}`), "form of a vector"},
		"scalar":           {`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`, `got "scalar"`},
		"no status":        {`{"data":{"resultType":"matrix","result":[]}}`, "status must be success"},
		"no data":          {`{"status":"success"}`, "resultType must be matrix"},
		"no result":        {`{"status":"success","data":{"resultType":"matrix"}}`, "resultType must be matrix"},
		"null result":      {`{"status":"success","data":{"resultType":"matrix","result":null,"x":1},"warnings":null}`, ""},
		"two statuses":     {`{"status":"error","status":"success","data":{"resultType":"matrix","result":[]}}`, "comes twice"},
		"same series":      {matrix(one + "," + one), "twice"},
		"too many series":  {matrix(`{"metric":{"a":"1"},"values":[[1,"1"]]},{"metric":{"a":"2"},"values":[[1,"1"]]},{"metric":{"a":"3"},"values":[[1,"1"]]},{"metric":{"a":"4"},"values":[[1,"1"]]}`), "more than 3 series"},
		"too many points":  {matrix(`{"metric":{},"values":[[1,"1"],[2,"1"],[3,"1"],[4,"1"],[5,"1"]]}`), "more than 4 points"},
		"null points":      {matrix(`{"metric":{},"values":null}`), "no points"},
		"result of words":  {`{"status":"success","data":{"resultType":"matrix","result":"none"}}`, "array was expected"},
		"no points":        {matrix(`{"metric":{},"values":[]}`), "no points"},
		"time goes back":   {matrix(`{"metric":{},"values":[[2,"1"],[1,"1"]]}`), "rise in time"},
		"time as text":     {matrix(`{"metric":{},"values":[["1","1"]]}`), "[seconds,"},
		"value as number":  {matrix(`{"metric":{},"values":[[1,1]]}`), "[seconds,"},
		"value of words":   {matrix(`{"metric":{},"values":[[1,"one"]]}`), "must be a number"},
		"value too big":    {matrix(`{"metric":{},"values":[[1,"1e999"]]}`), "must be a number"},
		"far time":         {matrix(`{"metric":{},"values":[[1e300,"1"]]}`), "Unix seconds"},
		"nested point":     {matrix(`{"metric":{},"values":[[1,["1"]]]}`), "[seconds,"},
		"histogram":        {matrix(`{"metric":{},"histograms":[[1,{}]]}`), "native histogram"},
		"label as number":  {matrix(`{"metric":{"a":1},"values":[[1,"1"]]}`), "text was expected"},
		"many labels":      {matrix(`{"metric":{` + manyLabels() + `},"values":[[1,"1"]]}`), "more than 128"},
		"trailing":         {matrix(one) + " x", "goes on after"},
		"long":             {matrix(one) + strings.Repeat(" ", 4096), "larger than 4096"},
		"list":             {`[]`, "object was expected"},
		"deep":             {`{"stats":` + strings.Repeat("[", 4000), "in the middle"},
	} {
		answer, err := decode(strings.NewReader(tt.text), "matrix", small())
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: error %v, want %q", name, err, tt.err)
		}
		if tt.err == "" && strings.Contains(tt.text, "NaN") && (len(answer.Series) != 1 || answer.Series[0].Points[0] != (Point{1000, 2}) || !math.IsNaN(answer.Series[0].Points[1].Value)) {
			t.Errorf("%s: answer %+v", name, answer)
		}
	}
}

func manyLabels() string {
	var labels []string
	for i := range 129 {
		labels = append(labels, fmt.Sprintf(`"l%d":"v"`, i))
	}
	return strings.Join(labels, ",")
}

// TestNotesMakeAnAnswerIncomplete holds the answers of Thanos (warnings), Prometheus 3 (infos) and VictoriaMetrics (isPartial).
func TestNotesMakeAnAnswerIncomplete(t *testing.T) {
	for note, complete := range map[string]bool{
		`"stats":{}`: true, `"warnings":[]`: true, `"isPartial":false`: true,
		`"warnings":["receive store \u001b[31m 10.0.0.1: connection refused"]`: false,
		`"infos":["metric might not be a counter"]`:                            false,
		`"isPartial":true`: false,
	} {
		answer, err := decode(strings.NewReader(`{"status":"success","data":{"resultType":"matrix","result":[]},`+note+`}`), "matrix", small())
		if err != nil || answer.Complete() != complete {
			t.Errorf("%s: complete %t, error %v", note, answer.Complete(), err)
		}
		if strings.Contains(strings.Join(answer.Warnings, ""), "\x1b") {
			t.Errorf("a warning keeps its terminal escape: %q", answer.Warnings)
		}
	}
}

// TestDecodeAgreesWithClientGolang compares with the types of Prometheus' own client.
func TestDecodeAgreesWithClientGolang(t *testing.T) {
	for _, text := range agreeing() {
		var document struct {
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		want, err := theirs(document.Data)
		if err != nil {
			t.Fatalf("client_golang: %v in %s", err, text)
		}
		wanted := "matrix"
		if strings.Contains(text, `"vector"`) {
			wanted = "vector"
		}
		got, err := decode(strings.NewReader(text), wanted, Settings{}.withDefaults())
		if err != nil {
			t.Fatalf("ours: %v in %s", err, text)
		}
		if diff := cmp.Diff(want, got.Series, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
	}
}

func agreeing() []string {
	return []string{
		vectorOf1,
		matrix(""),
		matrix(`{"metric":{"__name__":"up","instance":"a:1","x":"\"\\\u00e9\n"},"values":[[1763719200,"1"],[1763719215.123,"0"],[1763719230.5,"NaN"]]}`),
		matrix(`{"metric":{},"values":[[0,"+Inf"],[1,"-Inf"],[2,"1e-300"],[3,"123456789.123456789"]]},{"metric":{"a":""},"values":[[-1.5,"-0"]]}`),
	}
}

func theirs(data []byte) ([]Series, error) {
	var result struct {
		Type   model.ValueType `json:"resultType"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(data, &result); err != nil {
		return nil, err
	}
	var series []Series
	labels := func(m model.Metric) map[string]string {
		out := map[string]string{}
		for k, v := range m {
			out[string(k)] = string(v)
		}
		return out
	}
	if result.Type == model.ValVector {
		var vector model.Vector
		if err := json.Unmarshal(result.Result, &vector); err != nil {
			return nil, err
		}
		for _, s := range vector {
			series = append(series, Series{labels(s.Metric), []Point{{int64(s.Timestamp), float64(s.Value)}}})
		}
		return series, nil
	}
	var all model.Matrix
	if err := json.Unmarshal(result.Result, &all); err != nil {
		return nil, err
	}
	for _, s := range all {
		one := Series{Labels: labels(s.Metric)}
		for _, p := range s.Values {
			one.Points = append(one.Points, Point{int64(p.Timestamp), float64(p.Value)})
		}
		series = append(series, one)
	}
	return series, nil
}

// TestErrorTypesAreTheirs pins the errorType texts that a user meets to those of Prometheus' client.
func TestErrorTypesAreTheirs(t *testing.T) {
	for _, kind := range []v1.ErrorType{v1.ErrBadData, v1.ErrExec, v1.ErrTimeout} {
		_, err := decode(strings.NewReader(fmt.Sprintf(`{"status":"error","errorType":%q,"error":"x"}`, kind)), "matrix", small())
		if err == nil || err.Error() != string(kind)+": x" || kindOf(err, "") != KindQuery {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
