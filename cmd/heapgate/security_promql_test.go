// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// spellings are what somebody writes who wants to ask something else.
var spellings = []string{
	`x"} or vector(0) or up{a="b`, "`", `\`, `\"`, "\n", "\x00\xff", "{{.}}", "}", `"`, "é", "\u2028", `$__range`, `x"}[5m])) or vector(1) #`, "#", "'", `.*`, `a|b`, "\xed\xa0\x80",
}

// anyBytes is one of them, or up to 24 bytes of chance; never what the flag itself refuses.
func anyBytes(random *rand.Rand) string {
	text := make([]byte, 1+random.IntN(24))
	for i := range text {
		text[i] = byte(random.IntN(256))
	}
	out := string(text)
	if random.IntN(10) == 0 {
		out = spellings[random.IntN(len(spellings))] + out
	}
	return strings.ReplaceAll(out, "/", "-")
}

// askedForms are all forms in which a workload and a load are asked for.
var askedForms = []func(g *gatherer, load string) string{
	func(g *gatherer, _ string) string { return g.selector(metricUp, g.settings.workload) },
	func(g *gatherer, _ string) string { return g.overTime(metricUp).expr },
	func(g *gatherer, _ string) string { return g.latest(siteMetrics[0]).expr },
	func(g *gatherer, _ string) string {
		return g.overStep(specOf(signalHeapLive).metric, g.settings.workload)
	},
	func(g *gatherer, load string) string { return g.rateOf(load, g.settings.workload) },
	func(g *gatherer, _ string) string { return g.allocation(g.settings.workload) },
	func(g *gatherer, _ string) string { return g.count(g.settings.workload, time.Hour) },
	func(g *gatherer, _ string) string { return g.count(versionless(g.settings.workload), time.Hour) },
}

// shapeOf parses a question, holds each of its selectors to the labels wanted, each by an equal matcher, and takes their values out.
func shapeOf(t *testing.T, question string, want map[string]string) string {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(question)
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		selector, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		for _, m := range selector.LabelMatchers {
			value, known := want[m.Name]
			if m.Type != labels.MatchEqual || m.Name != "__name__" && (!known || m.Value != value) {
				t.Fatalf("%s asks for %s", question, m)
			}
			if m.Name != "__name__" {
				*m = *labels.MustNewMatcher(labels.MatchEqual, m.Name, "x")
			}
		}
		return nil
	})
	return expr.String()
}

// TestNoWorkloadChangesAQuestion: whatever bytes stand in --workload, --version, --container and --baseline-workload, Prometheus' parser
// reads the same question, with exactly these values in equal matchers.
func TestNoWorkloadChangesAQuestion(t *testing.T) {
	store := &fakeStore{}
	s, err := testSettings(gateFlags{}, store)
	if err != nil {
		t.Fatal(err)
	}
	g := newGatherer(nil, s, single(storeNow))
	of := func(value string) workload { // The digest is held to its form by parseImage.
		f := gateFlags{workload: value + "/" + value + "/" + value + "/" + value, container: value, version: value}
		w, err := f.parseWorkload()
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		return w
	}
	shape := func(form func(*gatherer, string) string, value string) string {
		g.settings.workload = of(value)
		return shapeOf(t, form(g, "http_requests_total"), g.settings.workload.labels())
	}
	var plain []string
	for _, form := range askedForms {
		plain = append(plain, shape(form, "x"))
	}
	random := rand.New(rand.NewPCG(8, 1))
	for i := range 50_000 {
		k, value := i%len(plain), anyBytes(random)
		if got := shape(askedForms[k], value); got != plain[k] {
			t.Fatalf("%q makes %s of %s", value, got, plain[k])
		}
	}
}

// TestLoadIsTheNameOfAMetric: what --load accepts is one selector of that name, or no PromQL at all, which is an error of the store.
func TestLoadIsTheNameOfAMetric(t *testing.T) {
	g := newGatherer(nil, gateSettings{step: quarter}, single(storeNow))
	w := workload{Namespace: "shop", Name: "shop"}
	accepted := func(load string) bool {
		f := compareFlags{baseline: "auto", looks: 4, warmUp: -1, history: time.Hour, load: load}
		_, problems := f.settings()
		return len(problems) == 0
	}
	const alphabet = "abcxyzABC_019:{}()[]\"' \n\\=~!,;+-*/%^@#.é\x00\xff"
	random := rand.New(rand.NewPCG(8, 2))
	words := slices.Concat(spellings, []string{"inf", "nan", "Inf", "NaN", "bool", "offset", "by", "sum", "or", "and", "unless", "rate", "start", "end", "on", "group_left", "x\n", "_", "0x1", "1e5", ":a", "a:b"})
	seen := 0
	for i := range 50_000 {
		load := ""
		if i < len(words) {
			load = words[i]
		} else {
			for range 1 + random.IntN(6) {
				n := len(alphabet)
				if random.IntN(3) > 0 {
					n = 10 // letters only: else hardly any is accepted
				}
				load += string(alphabet[random.IntN(n)])
			}
		}
		if !accepted(load) {
			continue
		}
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(g.selector(load, w))
		if err != nil {
			continue
		}
		selector, ok := expr.(*parser.VectorSelector)
		if !ok || selector.Name != load || len(selector.LabelMatchers) != 3 {
			t.Fatalf("--load %q asks %s", load, expr)
		}
		shapeOf(t, g.rateOf(load, w), w.labels())
		seen++
	}
	if seen < 5_000 {
		t.Errorf("%d names of 50,000 were tried", seen)
	}
	for _, load := range spellings {
		if accepted(load) {
			t.Errorf("--load %q was accepted", load)
		}
	}
}

// TestHostileNamesAreMeasured: a store with nothing but hostile names finds them, and nothing that they ask for beside.
func TestHostileNamesAreMeasured(t *testing.T) {
	for _, name := range spellings {
		name = strings.ToValidUTF8(strings.ReplaceAll(name, "/", "-"), "?") // A store holds UTF-8 only.
		fixture := strings.ReplaceAll(fleet(9, quarter, 60, fleetPart{version: "v1", pods: 1, to: 60, allocation: 1, live: 1}), `service_version="v1"`, fmt.Sprintf("service_version=%q", name))
		facts, g := gatherFrom(t, fixture, gateFlags{version: name})
		if facts.Targets.Seen != 1 {
			t.Errorf("%q: %d targets", name, facts.Targets.Seen)
		}
		for _, one := range g.answers {
			shapeOf(t, one.question.Query, g.settings.workload.labels())
		}
		facts, _ = gatherFrom(t, fixture, gateFlags{version: name + "x"})
		if facts.Targets.Seen != 0 {
			t.Errorf("%qx: %d targets", name, facts.Targets.Seen)
		}
	}
}
