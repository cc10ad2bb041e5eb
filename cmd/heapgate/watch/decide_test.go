// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/guard"
	"github.com/heapgate/heapgate/internal/record"
)

var (
	digestA = "sha256:" + strings.Repeat("a", 64)
	digestB = "sha256:" + strings.Repeat("b", 64)
	noon    = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	gateway = []string{"heapgate"}
)

func shop(digest string) guard.Workload {
	return guard.Workload{Namespace: "shop", Kind: "Deployment", Name: "shop", Container: "app", Image: "registry.local/shop@" + digest, Digest: digest}
}

// written is a record as the gate writes it.
func written(verdict, phase string, at time.Time) record.Record {
	return record.Record{
		Admit: verdict == record.Pass || phase == record.PreSync && verdict != record.Fail, Verdict: verdict, Phase: phase, Summary: "a sentence",
		Application: "shop", Revision: "abcdef0", Container: "app", Image: "registry.local/shop@" + digestA, Digest: digestA, PolicyDigest: "sha256:" + strings.Repeat("0", 64), At: at,
	}
}

func TestDecide(t *testing.T) {
	const grace = 30 * time.Minute
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	with := func(verdict, phase string, at time.Time) *entry {
		return &entry{record: written(verdict, phase, at), writer: "heapgate"}
	}
	about := func(change func(*entry)) *entry {
		e := with(record.Pass, record.PostSync, ago(time.Hour))
		change(e)
		return e
	}
	for name, test := range map[string]struct {
		look   look
		want   State
		reason string
	}{
		"passed":                           {look{entry: with(record.Pass, record.PostSync, ago(90*24*time.Hour))}, Passed, "passed at 2026-01-31T12:00:00Z"},
		"passed by a clock that is ahead":  {look{entry: with(record.Pass, record.PostSync, noon.Add(time.Hour))}, Passed, ""},
		"admitted":                         {look{entry: with(record.Pass, record.PreSync, ago(grace-time.Second))}, Measuring, "admitted at"},
		"admitted, grace over":             {look{entry: with(record.Pass, record.PreSync, ago(grace))}, Inconclusive, "no pass followed within 30m0s"},
		"admitted, a clock a little ahead": {look{entry: with(record.Pass, record.PreSync, noon.Add(skew))}, Measuring, ""},
		"admitted in the future":           {look{entry: with(record.Pass, record.PreSync, noon.Add(skew+time.Second))}, Inconclusive, "still to come"},
		"admitted again and again":         {look{entry: with(record.Pass, record.PreSync, ago(time.Minute)), since: ago(grace)}, Inconclusive, ""},
		"admitted, long seen, but not yet": {look{entry: with(record.Pass, record.PreSync, ago(time.Minute)), since: ago(grace - time.Second)}, Measuring, ""},
		"the detector is younger":          {look{entry: with(record.Pass, record.PreSync, ago(grace)), since: ago(time.Second)}, Inconclusive, ""},
		"inconclusive, young":              {look{entry: with(record.Inconclusive, record.PostSync, ago(time.Minute))}, Measuring, "inconclusive at 2026-05-01T11:59:00Z: a sentence"},
		"inconclusive, old":                {look{entry: with(record.Inconclusive, record.PostSync, ago(time.Hour))}, Inconclusive, "inconclusive at"},
		"error, old":                       {look{entry: with(record.Error, record.PostSync, ago(time.Hour))}, Inconclusive, "error at"},
		"admitted after an error, old":     {look{entry: with(record.Error, record.PreSync, ago(time.Hour))}, Inconclusive, ""},
		"failed":                           {look{entry: with(record.Fail, record.PostSync, ago(time.Second))}, Failed, "and still runs: a sentence"},
		"no record":                        {look{}, None, "it came in without the gate"},
		"deleted":                          {look{tampered: "the record was deleted"}, None, "the record was deleted"},
		"changed by hand":                  {look{entry: about(func(*entry) {}), tampered: "the record was changed"}, None, "the record was changed"},
		"unreadable":                       {look{entry: about(func(e *entry) { e.problem = errors.New("no JSON") })}, None, "cannot be read: no JSON"},
		"about another digest":             {look{entry: about(func(e *entry) { e.record.Digest = digestB })}, None, "another digest, " + digestB},
		"about another container":          {look{entry: about(func(e *entry) { e.record.Container = "sidecar" })}, None, `about the container "sidecar", and "app" is guarded`},
		"written by somebody":              {look{entry: about(func(e *entry) { e.writer = "kubectl-edit" })}, None, "written by kubectl-edit"},
		"written by nobody known":          {look{entry: about(func(e *entry) { e.writer = "" })}, Passed, ""},
		"a tag":                            {look{workload: guard.Workload{Image: "shop:v1"}, entry: about(func(*entry) {})}, Unpinned, "is not pinned"},
		"no such container":                {look{problem: errors.New(`no container "x"`), entry: about(func(*entry) {})}, None, `no container "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			if test.look.workload == (guard.Workload{}) {
				test.look.workload = shop(digestA)
			}
			got := decide(test.look, noon, grace, gateway)
			if got.State != test.want || !strings.Contains(got.Reason, test.reason) || got.Reason == "" {
				t.Errorf("got %s (%s), want %s (%s)", got.State, got.Reason, test.want, test.reason)
			}
		})
	}
	t.Run("any writer", func(t *testing.T) {
		l := look{workload: shop(digestA), entry: about(func(e *entry) { e.writer = "velero" })}
		if got := decide(l, noon, grace, nil); got.State != Passed {
			t.Errorf("got %s (%s)", got.State, got.Reason)
		}
	})
}

func TestOnlyPassedAndMeasuringAreVerified(t *testing.T) {
	for state, want := range map[State]bool{Passed: false, Measuring: false, Failed: true, Inconclusive: true, None: true, Unpinned: true, "": true} {
		if state.Unverified() != want {
			t.Errorf("%q: unverified %t, want %t", state, !want, want)
		}
	}
}

// A step is one look; memory says what was done to the record since the step before.
func TestMemoryNoticesWhatWasDoneToARecord(t *testing.T) {
	fail := &entry{record: written(record.Fail, record.PostSync, noon)}
	pass := &entry{record: written(record.Pass, record.PostSync, noon)}
	admitted := &entry{record: written(record.Pass, record.PreSync, noon)}
	otherPolicy := &entry{record: written(record.Pass, record.PreSync, noon)}
	otherPolicy.record.PolicyDigest = "sha256:" + strings.Repeat("1", 64)
	broken := &entry{problem: errors.New("no JSON")}
	for name, test := range map[string]struct {
		steps []*entry
		want  string // of the last step
	}{
		"nothing yet":                          {[]*entry{nil, nil}, ""},
		"passed":                               {[]*entry{nil, admitted, pass, pass}, ""},
		"deleted":                              {[]*entry{pass, nil}, "(pass of PostSync at 2026-05-01T12:00:00Z) was deleted"},
		"deleted, and still":                   {[]*entry{pass, nil, nil}, "was deleted"},
		"deleted, and measured again":          {[]*entry{fail, nil, admitted, pass}, ""},
		"a failure rewritten":                  {[]*entry{fail, pass}, "fail of PostSync at 2026-05-01T12:00:00Z became pass of PostSync"},
		"a failure rewritten, and still":       {[]*entry{fail, admitted, admitted, pass}, "became pass of PreSync"},
		"a failure rewritten, and put back":    {[]*entry{fail, pass, fail}, ""},
		"a failure rewritten, then deleted":    {[]*entry{fail, pass, nil}, "was deleted"},
		"a failure judged by other policies":   {[]*entry{fail, otherPolicy}, ""},
		"inconclusive, then passed":            {[]*entry{{record: written(record.Inconclusive, record.PostSync, noon)}, pass}, ""},
		"broken (which the decision tells)":    {[]*entry{pass, broken}, ""},
		"broken, then deleted":                 {[]*entry{broken, nil}, "(unreadable) was deleted"},
		"seen for the first time, as a pass":   {[]*entry{pass}, ""},
		"seen for the first time, as nothing":  {[]*entry{nil}, ""},
		"a failure, unreadable, then a pass":   {[]*entry{fail, broken, pass}, "became pass of PostSync"},
		"a pass that later fails is no crime":  {[]*entry{pass, fail}, ""},
		"the same failure, measured no second": {[]*entry{fail, fail}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := memory{}
			var got look
			for i, step := range test.steps {
				got = m.recall("id", look{workload: shop(digestA), entry: step}, noon.Add(time.Duration(i)*time.Minute))
			}
			if (got.tampered == "") != (test.want == "") || !strings.Contains(got.tampered, test.want) {
				t.Errorf("got %q, want %q", got.tampered, test.want)
			}
		})
	}
}

func TestMemoryForgetsWithTheDigest(t *testing.T) {
	m := memory{}
	pass := &entry{record: written(record.Pass, record.PostSync, noon)}
	m.recall("id", look{workload: shop(digestA), entry: pass}, noon)
	m.keep("id", Decision{State: Passed}, noon.Add(time.Hour))
	if got := m.recall("id", look{workload: shop(digestA), entry: pass}, noon.Add(2*time.Hour)); !got.since.Equal(noon.Add(time.Hour)) {
		t.Errorf("the grace counts from %s, want from the last pass", got.since)
	}
	got := m.recall("id", look{workload: shop(digestB)}, noon.Add(3*time.Hour))
	if got.tampered != "" || !got.since.Equal(noon.Add(3*time.Hour)) {
		t.Errorf("another digest: %q since %s", got.tampered, got.since)
	}
	m.forget(map[string]bool{"other": true})
	if len(m) != 0 {
		t.Errorf("%d workloads are remembered that are gone", len(m))
	}
}

func TestEventsAreNotRepeatedWithinAnHour(t *testing.T) {
	m := memory{}
	due := func(digest string, state State, at time.Duration) bool {
		m.recall("id", look{workload: shop(digest)}, noon.Add(at))
		return m.due("id", state, noon.Add(at))
	}
	for i, step := range []struct {
		digest string
		state  State
		at     time.Duration
		want   bool
	}{
		{digestA, None, 0, true},
		{digestA, None, time.Minute, false},
		{digestA, Failed, 2 * time.Minute, true},
		{digestB, None, 3 * time.Minute, true},
		{digestA, None, 59 * time.Minute, false}, // back again: told before
		{digestA, None, time.Hour, true},
		{digestA, Failed, time.Hour, false},
	} {
		if got := due(step.digest, step.state, step.at); got != step.want {
			t.Errorf("step %d: %t, want %t", i, got, step.want)
		}
	}
	written := 0
	for i := range 100 {
		if due("sha256:"+strings.Repeat("c", i), None, 2*time.Hour+time.Minute) {
			written++
		}
	}
	if written != maxTold {
		t.Errorf("%d Events about one workload in an hour, want at most %d", written, maxTold)
	}
}
