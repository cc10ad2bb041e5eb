// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"time"

	"github.com/heapgate/heapgate/internal/baseline"
	"github.com/heapgate/heapgate/internal/signal"
)

// judgement is of one report.
type judgement struct {
	now    time.Time
	w      *baseline.Workload
	p      *baseline.Process
	limits baseline.Limits
	heard  *heardKinds
}

// timely is false of a signal that was not heard, or whose time is not now.
func (j *judgement) timely(kind int) bool {
	at := j.heard.at[kind]
	if at == 0 || at > 1<<62 {
		return false
	}
	off := j.now.Sub(time.Unix(0, int64(at)))
	return off <= lateSignal && off >= -lateSignal
}

func (j *judgement) learn() {
	hour := baseline.HourOf(j.now)
	for kind := range baselineKinds {
		if j.timely(kind) && j.heard.teaches(kind) {
			j.w.Learn(kind, hour, j.heard.value[kind])
		}
	}
}

// report judges each signal by the first of its sources that has a baseline, and warns once, of the one that knows least.
func (j *judgement) report(r *signal.Report) {
	warning := signal.Signal{Name: signal.Warning, Of: signal.BaselineExpected, Label: "few_samples", Value: 1}
	for i := 0; i < len(baselineKinds); {
		name := baselineKinds[i].name
		kind, e := j.choose(kindsOf[name])
		i += len(kindsOf[name])
		if kind < 0 {
			continue
		}
		if e.Basis != baseline.HourOfWeek {
			warning.At = j.heard.at[kind]
			warning.Value = min(warning.Value, float64(e.Weeks)/float64(e.Needed))
		}
		j.signals(kind, &e, r)
	}
	if warning.At != 0 {
		r.Signals = append(r.Signals, warning)
	}
}

// choose is the first kind with a baseline, else the first that was heard, else -1.
func (j *judgement) choose(kinds []int) (chosen int, e baseline.Expectation) {
	chosen = -1
	for _, kind := range kinds {
		if !j.timely(kind) {
			continue
		}
		if of := j.w.Expect(kind, baseline.HourOf(j.now)); chosen < 0 || of.Basis > e.Basis {
			chosen, e = kind, of
		}
	}
	return chosen, e
}

func (j *judgement) signals(kind int, e *baseline.Expectation, r *signal.Report) {
	if e.Basis == baseline.None {
		return
	}
	k := &baselineKinds[kind]
	deviation := e.Deviation(j.heard.value[kind])
	add := func(name signal.Name, value float64) {
		r.Signals = append(r.Signals, signal.Signal{Name: name, Of: k.name, At: j.heard.at[kind], Value: value})
	}
	add(signal.BaselineExpected, e.Expected)
	add(signal.BaselineSamples, float64(e.Samples))
	add(signal.BaselineDeviation, deviation)
	if j.limits.Threshold == 0 || !e.Claim {
		return
	}
	unusual := 0.0
	if j.p.Alarm(kindsOf[k.name][0], len(baselineKinds)).Judge(j.now, deviation, j.limits) {
		unusual = 1
	}
	add(signal.BaselineUnusual, unusual)
}
