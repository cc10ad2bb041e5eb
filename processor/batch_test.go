// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func parseBatch(t *testing.T, lines []string) pmetric.Metrics {
	t.Helper()
	batch := pmetric.NewMetrics()
	times := pcommon.NewMap()
	attributes(t, times, strings.Fields(lines[0])[1:])
	var rm pmetric.ResourceMetrics
	var scope pmetric.ScopeMetrics
	for _, line := range lines[1:] {
		words := strings.Fields(line)
		switch words[0] {
		case "resource":
			rm = batch.ResourceMetrics().AppendEmpty()
			attributes(t, rm.Resource().Attributes(), words[1:])
			scope = rm.ScopeMetrics().AppendEmpty()
			scope.Scope().SetName(receiverScope)
		case "scope":
			scope = rm.ScopeMetrics().AppendEmpty()
			scope.Scope().SetName(words[1])
		default:
			parseMetric(t, scope.Metrics(), words, times)
		}
	}
	return batch
}

// parseMetric adds a point to the metric of that name if it is the last one.
func parseMetric(t *testing.T, into pmetric.MetricSlice, words []string, times pcommon.Map) {
	name, kind, value := words[0], words[1], words[2]
	if n := into.Len(); n == 0 || into.At(n-1).Name() != name {
		into.AppendEmpty().SetName(name)
	}
	m := into.At(into.Len() - 1)
	if kind == "histogram" {
		parseHistogram(t, m, value, times)
		return
	}
	var points pmetric.NumberDataPointSlice
	switch {
	case kind == "gauge" && m.Type() == pmetric.MetricTypeGauge:
		points = m.Gauge().DataPoints()
	case kind == "gauge":
		points = m.SetEmptyGauge().DataPoints()
	case m.Type() == pmetric.MetricTypeSum:
		points = m.Sum().DataPoints()
	default:
		points = m.SetEmptySum().DataPoints()
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		if kind == "delta" {
			m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		}
	}
	p := points.AppendEmpty()
	p.SetTimestamp(timeOf(times, "t"))
	p.SetStartTimestamp(timeOf(times, "start"))
	attributes(t, p.Attributes(), words[3:])
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		p.SetIntValue(n)
	} else if f, err := strconv.ParseFloat(value, 64); err == nil {
		p.SetDoubleValue(f)
	} else {
		p.SetFlags(p.Flags().WithNoRecordedValue(true))
	}
}

// parseHistogram reads bound:count,bound:count,count and, where it is there, +sum.
func parseHistogram(t *testing.T, m pmetric.Metric, value string, times pcommon.Map) {
	m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := m.Histogram().DataPoints().AppendEmpty()
	p.SetTimestamp(timeOf(times, "t"))
	p.SetStartTimestamp(timeOf(times, "start"))
	value, sum, summed := strings.Cut(value, "+")
	if summed {
		v, err := strconv.ParseFloat(sum, 64)
		if err != nil {
			t.Fatal(err)
		}
		p.SetSum(v)
	}
	for _, bucket := range strings.Split(value, ",") {
		bound, count, bounded := strings.Cut(bucket, ":")
		if !bounded {
			count = bound
		} else if b, err := strconv.ParseFloat(bound, 64); err != nil {
			t.Fatal(err)
		} else {
			p.ExplicitBounds().Append(b)
		}
		n, err := strconv.ParseUint(count, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		p.BucketCounts().Append(n)
	}
}

func timeOf(times pcommon.Map, key string) pcommon.Timestamp {
	v, ok := times.Get(key)
	if !ok {
		return 0
	}
	return pcommon.Timestamp((v.Int() + epoch) * 1e9)
}

func attributes(t *testing.T, into pcommon.Map, words []string) {
	for _, word := range words {
		key, text, ok := strings.Cut(word, "=")
		if !ok {
			t.Fatalf("want key=value, got %q", word)
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			into.PutInt(key, n)
		} else {
			into.PutStr(key, strings.ReplaceAll(text, "␣", " "))
		}
	}
}

// takeAppended checks that all that came in is there and unchanged, and returns the rest: one scope a resource at most.
func takeAppended(t *testing.T, before, after pmetric.Metrics) pmetric.Metrics {
	t.Helper()
	appended, rest := pmetric.NewMetrics(), pmetric.NewMetrics()
	after.CopyTo(rest)
	for i, rm := range rest.ResourceMetrics().All() {
		had := before.ResourceMetrics().At(i).ScopeMetrics().Len()
		n := 0
		into := appended.ResourceMetrics().AppendEmpty()
		rm.Resource().CopyTo(into.Resource())
		rm.ScopeMetrics().RemoveIf(func(s pmetric.ScopeMetrics) bool {
			n++
			if n > had {
				s.CopyTo(into.ScopeMetrics().AppendEmpty())
			}
			return n > had
		})
		if n > had+1 {
			t.Fatalf("%d scopes appended to resource %d, want at most one", n-had, i)
		}
	}
	if !bytes.Equal(proto(t, before), proto(t, rest)) {
		t.Fatal("what came in was changed")
	}
	return appended
}

func proto(t *testing.T, m pmetric.Metrics) []byte {
	t.Helper()
	b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeAppended(out *strings.Builder, m pmetric.Metrics) {
	for _, rm := range m.ResourceMetrics().All() {
		fmt.Fprintf(out, "  resource%s\n", textOf(rm.Resource().Attributes()))
		for _, scope := range rm.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				for _, p := range metric.Gauge().DataPoints().All() {
					value := strconv.FormatFloat(p.DoubleValue(), 'g', 6, 64)
					if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
						value = strconv.FormatInt(p.IntValue(), 10)
					}
					fmt.Fprintf(out, "    %s %s %s%s t=%d\n", metric.Name(), value, metric.Unit(), textOf(p.Attributes()), p.Timestamp()/1e9-epoch)
				}
			}
		}
	}
}

// writeLogs writes a line a record.
func writeLogs(out *strings.Builder, all []plog.Logs) {
	for _, logs := range all {
		for _, rl := range logs.ResourceLogs().All() {
			fmt.Fprintf(out, "  log of%s\n", textOf(rl.Resource().Attributes()))
			for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
				fmt.Fprintf(out, "    %s %s %q%s t=%d\n", r.EventName(), r.SeverityText(), r.Body().Str(), textOf(r.Attributes()), r.Timestamp()/1e9-epoch)
			}
		}
	}
}

func textOf(attributes pcommon.Map) string {
	var words []string
	for key, v := range attributes.All() {
		words = append(words, " "+key+"="+v.AsString())
	}
	slices.Sort(words)
	return strings.Join(words, "")
}
