// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestLossLog(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	l := &lossLog{logger: zap.New(core), period: 30 * time.Second}
	lost := func(r reason, n int64, example string) outcome {
		out := outcome{example: example}
		out.refused[r] = n
		return out
	}
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for _, entry := range logs.TakeAll() {
			got = append(got, fmt.Sprint(entry.ContextMap()))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("logged %v\nwant   %v", got, want)
		}
	}

	l.add(noon, outcome{stored: 7})
	l.add(noon, lost(repeated, 5, ""))
	expect() // nothing is lost
	l.add(noon, lost(tooOld, 2, "a"))
	expect("map[example:a too_old:2]")
	l.add(noon.Add(time.Second), lost(tooOld, 3, "b"))
	l.add(noon.Add(29*time.Second), lost(duplicate, 1, "c"))
	expect() // too soon
	l.add(noon.Add(30*time.Second), outcome{untranslated: []error{fmt.Errorf("no"), fmt.Errorf("neither")}})
	expect("map[duplicate:1 example:b metrics_not_translated:2 too_old:3 translation:no]")
	l.add(noon.Add(31*time.Second), lost(invalid, 4, "d"))
	l.flush(noon.Add(32 * time.Second))
	expect("map[example:d invalid:4]")
	l.flush(noon.Add(33 * time.Second))
	expect()
	l.add(noon.Add(time.Hour), outcome{stored: 1, warnings: []string{"labels collide"}})
	expect("map[warnings:[labels collide]]")
}
