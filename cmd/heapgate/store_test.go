// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
)

// fakeStore is Prometheus' own storage and query engine behind a handler, filled from a fixture. A fixture has a statement a line:
//
//	every 15s             distance of the points
//	target HOST:PORT {..} a healthy target of the workload demo/shop/Deployment/shop with these further labels, and the labels of
//	                      the series that follow
//	NAME{c="d"} 1x40 _ 2  a series in the notation of promtool's unit tests, instead of the one with the same labels; the longest
//	                      one ends now
//	warn TEXT             every answer carries a warning
//	partial               every answer says isPartial
//	answer 503 BODY       every question gets this instead
//	fail N                the first N questions get a 503
//
// What a store cannot hold (a second series that differs in nothing, say) is tested in package promapi.
type fakeStore struct {
	engine   *promql.Engine
	db       *tsdb.DB
	dir      string
	end      time.Time
	warnings []string
	partial  bool
	status   int
	body     string
	failures int
	asked    int
	mu       sync.Mutex
}

type fixture struct {
	every  time.Duration
	common string
	series []fixtureSeries
}

type fixtureSeries struct {
	labels labels.Labels
	values []parser.SequenceValue
}

const shopLabels = `k8s_cluster_name="demo",k8s_namespace_name="shop",heapgate_workload_kind="Deployment",heapgate_workload_name="shop",k8s_container_name="shop"`

// healthy is 15 minutes of a process that no rule minds.
var healthy = []string{
	`heapgate_target_up 1x60`,
	`heapgate_signal_gc_cpu_share_ratio{heapgate_source="gctrace"} 0.03x60`,
	`heapgate_signal_gc_pause_p99_seconds 0.001x60`,
	`heapgate_signal_heap_live_bytes{heapgate_source="profile"} 41943040x60`,
	`heapgate_memory_limit_bytes 536870912x60`,
	`heapgate_signal_heap_allocation_rate_bytes_per_second 1000000x60`,
	`heapgate_signal_gc_limit_pressure_ratio{heapgate_source="memstats"} 0x60`,
	`heapgate_signal_cycles 12x60`,
	`heapgate_signal_windows 9x60`,
	`heapgate_signal_map_sites 0x60`,
}

func (f *fixture) target(rest string) error {
	instance, more, _ := strings.Cut(rest, " ")
	f.common = shopLabels + fmt.Sprintf(",instance=%q", instance)
	if strings.Contains(more, "heapgate_workload_name=") {
		f.common = strings.Replace(f.common, `heapgate_workload_name="shop",`, "", 1)
	}
	if more = strings.Trim(more, "{}"); more != "" {
		f.common += "," + more
	}
	for _, line := range healthy {
		if err := f.add(line); err != nil {
			return err
		}
	}
	return nil
}

func (f *fixture) add(line string) error {
	name, values, _ := strings.Cut(line, " ")
	if before, own, ok := strings.Cut(name, "{"); ok {
		name = before + "{" + f.common + "," + own
	} else {
		name += "{" + f.common + "}"
	}
	parsed, sequence, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(name + " " + values)
	if err != nil {
		return err
	}
	for i := range f.series {
		if labels.Equal(f.series[i].labels, parsed) {
			f.series[i].values = sequence
			return nil
		}
	}
	f.series = append(f.series, fixtureSeries{parsed, sequence})
	return nil
}

func newFakeStore(fixture string, now time.Time) (*fakeStore, error) {
	dir, err := os.MkdirTemp("", "heapgate-store-")
	if err != nil {
		return nil, err
	}
	options := tsdb.DefaultOptions()
	options.NoLockfile = true
	options.WALSegmentSize = -1 // no log
	db, err := tsdb.Open(dir, nil, nil, options, nil)
	if err != nil {
		return nil, err
	}
	s := &fakeStore{db: db, dir: dir}
	s.engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{})})
	if err := s.fill(fixture, now); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *fakeStore) close() {
	_ = s.db.Close()
	_ = os.RemoveAll(s.dir)
}

func (s *fakeStore) fill(text string, now time.Time) error {
	f := &fixture{every: 15 * time.Second}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch word {
		case "", "#":
		case "every":
			f.every, err = time.ParseDuration(rest)
		case "target":
			err = f.target(rest)
		case "warn":
			s.warnings = append(s.warnings, rest)
		case "partial":
			s.partial = true
		case "fail":
			s.failures, err = strconv.Atoi(rest)
		case "answer":
			code, body, _ := strings.Cut(rest, " ")
			s.body = body
			s.status, err = strconv.Atoi(code)
		default:
			err = f.add(line)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	s.end = now.Truncate(f.every)
	return s.write(f)
}

func (s *fakeStore) write(f *fixture) error {
	longest := 0
	for _, one := range f.series {
		longest = max(longest, len(one.values))
	}
	appender := s.db.Appender(context.Background())
	for i := range longest {
		at := s.end.Add(-time.Duration(longest-1-i) * f.every).UnixMilli()
		for _, one := range f.series {
			if i >= len(one.values) || one.values[i].Omitted {
				continue
			}
			if _, err := appender.Append(0, one.labels, at, one.values[i].Value); err != nil {
				return err
			}
		}
	}
	return appender.Commit()
}

func (s *fakeStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.failures > 0 {
		s.failures--
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
		_, _ = w.Write([]byte(s.body))
		return
	}
	value, err := s.eval(r)
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": "execution", "error": err.Error()})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": "success", "warnings": s.warnings, "isPartial": s.partial, "data": map[string]any{"resultType": value.Type(), "result": value},
	})
}

func (s *fakeStore) eval(r *http.Request) (parser.Value, error) {
	at := func(name string) time.Time {
		seconds, _ := strconv.ParseFloat(r.FormValue(name), 64)
		return time.UnixMilli(int64(seconds * 1000))
	}
	ctx := context.Background()
	var query promql.Query
	var err error
	if r.URL.Path == "/api/v1/query" {
		query, err = s.engine.NewInstantQuery(ctx, s.db, nil, r.FormValue("query"), at("time"))
	} else {
		step, _ := strconv.ParseFloat(r.FormValue("step"), 64)
		query, err = s.engine.NewRangeQuery(ctx, s.db, nil, r.FormValue("query"), at("start"), at("end"), time.Duration(step*float64(time.Second)))
	}
	if err != nil {
		return nil, err
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	// Encoded before Close takes the points back.
	text, err := json.Marshal(result.Value)
	return encoded{result.Value, text}, err
}

// encoded is a value whose JSON was already written.
type encoded struct {
	parser.Value
	text json.RawMessage
}

func (e encoded) MarshalJSON() ([]byte, error) { return e.text, nil }

// inProcess is a transport to a handler without a network.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	t.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}
