// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/internal/verdict/compare"
	"github.com/heapgate/heapgate/policies"
)

// report is everything the gate says at its end. Three writers print it; none of them adds a fact.
type report struct {
	settings          gateSettings
	judge             *judge
	address           string // of the store, without credentials
	verdict           verdict.Verdict
	findings          []policies.Finding
	evidence          *evidence // nil if it could not be gathered
	moment            lookMoment
	suspect           *suspect   // what the next moment has to know
	answers           []answered // of the deciding look, in the order of the questions
	results           map[string]compare.Result
	limits            *compare.Settings // of the comparison
	course            []string          // what was chosen on the way
	warnings          []string
	started, finished time.Time
	tolerated         bool          // inconclusive stops nothing
	hook              *hookDocument // nil outside of a hook
}

func (r report) write(to io.Writer, format string) error {
	var text []byte
	var err error
	switch format {
	case "json":
		text, err = r.json()
	case "markdown":
		text = r.markdown()
	default:
		text = r.text()
	}
	if err != nil {
		return err
	}
	_, err = to.Write(text)
	return err
}

// row is one line of the table of signals.
type row struct{ name, value, limit, samples, state, target string }

// rows are in the order of signalSpecs: what is limited first, what only counts evidence last.
func (r report) rows() []row {
	if r.evidence == nil {
		return nil
	}
	var rows []row
	for _, spec := range signalSpecs {
		s, ok := r.evidence.Signals[spec.name]
		if !ok {
			continue
		}
		one := row{name: spec.name, value: "-", limit: r.limitOf(spec.name), state: r.stateOf(spec.name, s), target: s.Target}
		if s.Value != nil {
			one.value = verdict.Format(*s.Value, s.Unit)
		}
		if s.ExpectedSamples > 0 {
			one.samples = fmt.Sprintf("%d/%d", s.Samples, s.ExpectedSamples)
		}
		rows = append(rows, one)
	}
	return rows
}

func (r report) limitOf(name string) string {
	shown := func(word, unit string, path ...string) string {
		if limit := r.judge.limit(path...); limit != nil {
			return word + verdict.Format(*limit, unit)
		}
		return "-"
	}
	switch name {
	case "gc_cpu_share", "limit_pressure":
		return shown("at most ", "1", name)
	case "gc_pause_p99_seconds":
		return shown("at most ", "s", name)
	case "heap_live_bytes":
		return strings.Replace(shown("at most ", "1", "heap_live_share")+" of memory limit", "- of memory limit", "-", 1)
	case signalWindows:
		return shown("at least ", "{window}", "evidence", "min_windows")
	}
	return "-"
}

// stateOf is what the reasons say about a signal: the worst kind that names it.
func (r report) stateOf(name string, s signalFact) string {
	for _, kind := range []verdict.Kind{verdict.KindDeny, verdict.KindInconclusive, verdict.KindWarn} {
		for _, reason := range r.verdict.Reasons {
			if reason.Signal != name || reason.Kind != kind || comparing(reason.Rules) {
				continue
			}
			if kind == verdict.KindDeny {
				return "broken"
			}
			return strings.ReplaceAll(reason.Code, "_", " ")
		}
	}
	if s.Reason != nil {
		return *s.Reason
	}
	return "ok"
}

// comparing tells whether a reason is one of the comparison, which has its own table.
func comparing(rules []string) bool {
	return slices.ContainsFunc(rules, func(id string) bool {
		return slices.Contains([]string{"HEAP-002", "GC-004", "ALLOC-001", "HEAD-001"}, id)
	})
}

// topSites is how many map sites people are shown; the JSON document has all.
const topSites = 5

type siteRow struct{ place, rate, interval, retained, windows, class, target string }

func (r report) siteRows() (rows []siteRow, more int) {
	if r.evidence == nil {
		return nil, 0
	}
	sites := r.evidence.MapSites
	for _, s := range sites[:min(topSites, len(sites))] {
		one := siteRow{place: s.place(), rate: formatted(s.Rate, "By/s"), retained: formatted(s.RetainedShare, "1"), windows: fmt.Sprint(s.Windows), class: s.Class, target: s.Target}
		one.interval = fmt.Sprintf("%s to %s", formatted(s.Lower, "By/s"), formatted(s.Upper, "By/s"))
		rows = append(rows, one)
	}
	return rows, len(sites) - len(rows)
}

func formatted(value *float64, unit string) string {
	if value == nil {
		return "-"
	}
	return verdict.Format(*value, unit)
}

// advice is the solution of each rule that a reason names, once.
func (r report) advice() []string {
	var all []string
	for _, reason := range r.verdict.Reasons {
		for _, id := range reason.Rules {
			if text := strings.Join(strings.Fields(r.judge.rules[id].Solution), " "); text != "" {
				if line := id + ": " + text; !slices.Contains(all, line) {
					all = append(all, line)
				}
			}
		}
	}
	if r.hook != nil {
		all = append(all, r.hook.next...)
	}
	return all
}

// links are queries that show the course of what was judged, for a browser or curl.
func (r report) links() []string {
	if r.address == "" {
		return nil // The store was not asked.
	}
	var all []string
	metrics := []string{metricUp}
	if r.evidence != nil && r.evidence.Targets.Seen > 0 {
		metrics = nil
		for _, reason := range r.verdict.Reasons {
			for _, spec := range signalSpecs {
				if spec.name == reason.Signal {
					metrics = append(metrics, spec.metric)
				}
			}
			if reason.Signal == "map_sites" {
				metrics = append(metrics, siteMetrics[0])
			}
		}
		if len(metrics) == 0 {
			metrics = []string{signalSpecs[0].metric, siteMetrics[0]}
		}
	}
	g := gatherer{settings: r.settings}
	for _, metric := range metrics {
		link := r.address + "/api/v1/query?query=" + url.QueryEscape(fmt.Sprintf("%s[%s]", g.selector(metric, r.settings.workload), promDuration(r.settings.window)))
		if !slices.Contains(all, link) && len(all) < 3 {
			all = append(all, link)
		}
	}
	return all
}

// address of a target that is safe to paste into a shell.
var address = regexp.MustCompile(`^[A-Za-z0-9.-]+:[0-9]+$`)

// visit is the command that shows a failing target's own heap, if its name is an address.
func (r report) visit() string {
	for _, reason := range r.verdict.Reasons {
		if reason.Kind == verdict.KindDeny && address.MatchString(reason.Target) {
			return "heapgate inspect heap http://" + reason.Target
		}
	}
	return ""
}

// scope says what was judged: for which sync, and by which targets.
func (r report) scope() []string {
	if r.hook == nil {
		return []string{r.measured()}
	}
	if r.evidence == nil {
		return []string{r.hook.line()}
	}
	return []string{r.hook.line(), r.measured()}
}

func (r report) measured() string {
	if r.evidence == nil {
		return r.settings.workload.String()
	}
	e := r.evidence
	rest := e.Workload
	if rest.Kind != "" { // The name says it, and the cluster with it.
		rest.Cluster, rest.Kind = "", ""
	}
	parts := append([]string{e.Workload.String()}, described(rest.labels())...)
	return fmt.Sprintf("%s; %d of %d targets up; %s until %s", strings.Join(parts, ", "), e.Targets.Up, e.Targets.Seen, shortly(r.settings.window), e.Window.End)
}

// shortly writes 10m for what Go writes as 10m0s.
func shortly(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// printable keeps texts of the store from steering a terminal: labels may hold any bytes.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}
