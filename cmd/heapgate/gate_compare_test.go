// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// release of a simulated fleet: pods that live from one point to another, and by how much they are worse than version 1.
type fleetPart struct {
	version    string
	workload   string // "" for shop
	pods       int
	from, to   int     // points; to is exclusive
	allocation float64 // per request; 1 is as before
	live       float64 // heap; 1 is as before
	noCounter  bool    // of what is allocated
	noLoad     bool    // nobody counts the requests
	share      float64 // of the load that each pod gets; 0 is 1
}

// fleet writes the fixture of a store: n points of pods under a load that doubles and halves in an hour and goes up steadily.
func fleet(seed uint64, every time.Duration, n int, parts ...fleetPart) string {
	random := rand.New(rand.NewPCG(seed, 7))
	load := make([]float64, n)
	wander := 0.0
	for i := range load {
		wander = 0.9*wander + 0.05*random.NormFloat64()
		load[i] = 100 * (1 + 0.5*float64(i)/float64(n)) * math.Exp(0.3*math.Sin(float64(i)*every.Hours()*4*math.Pi)+wander)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "every %s\n", every)
	for p, part := range parts {
		for k := range part.pods {
			part.pod(&out, random, every, load, fmt.Sprintf("10.0.%d.%d:6060", p, k))
		}
	}
	return out.String()
}

func (f fleetPart) pod(out *strings.Builder, random *rand.Rand, every time.Duration, load []float64, name string) {
	labels := fmt.Sprintf(`service_version=%q`, f.version)
	if f.version == "" {
		labels = ""
	}
	if f.workload != "" {
		labels += fmt.Sprintf(`,heapgate_workload_name=%q`, f.workload)
	}
	fmt.Fprintf(out, "target %s {%s}\n", name, labels)
	offset := math.Exp(0.02 * random.NormFloat64())
	noise := func(sd float64) float64 { return math.Exp(sd * random.NormFloat64()) }
	share := max(f.share, 0)
	if share == 0 {
		share = 1
	}
	var up, alloc, total, live, perByte, room, requests, site, steady []string
	served, allocated, siteBytes, steadyBytes := 0.0, 0.0, 0.0, 0.0
	at := func(i int, v float64) string {
		if i < f.from || i >= f.to {
			return "_"
		}
		return fmt.Sprintf("%g", v)
	}
	for i := range load {
		now := load[i] * share
		rate := 20_000 * now * f.allocation * offset * noise(0.04)
		heap := (40e6 + 0.2e6*now) * f.live * offset * noise(0.03)
		up, alloc, live = append(up, at(i, 1)), append(alloc, at(i, rate)), append(live, at(i, heap))
		perByte, room = append(perByte, at(i, 2e-9*noise(0.05))), append(room, at(i, 1-2.5*heap/512e6))
		if i >= f.from {
			served += now * every.Seconds()
			allocated += rate * every.Seconds()
			steadyBytes += 20_000 * now * every.Seconds() * 0.5
			siteBytes += 20_000 * now * every.Seconds() * (f.allocation - 0.5)
		}
		total = append(total, at(i, math.Floor(allocated)))
		requests, steady, site = append(requests, at(i, math.Floor(served))), append(steady, at(i, math.Floor(steadyBytes))), append(site, at(i, math.Floor(siteBytes)))
	}
	line := func(name string, values []string) { fmt.Fprintf(out, "%s %s\n", name, strings.Join(values, " ")) }
	for _, statement := range healthy {
		name, value, _ := strings.Cut(statement, " ")
		var constant []string
		for i := range load {
			constant = append(constant, strings.Replace(at(i, 1), "1", strings.TrimSuffix(value, "x60"), 1))
		}
		line(name, constant)
	}
	line("heapgate_target_up", up)
	line("heapgate_signal_heap_allocation_rate_bytes_per_second", alloc)
	if !f.noCounter {
		line("go_memory_allocated_bytes_total", total)
	}
	line(`heapgate_signal_heap_live_bytes{heapgate_source="profile"}`, live)
	line(`heapgate_signal_gc_cpu_per_byte_seconds_per_By{heapgate_source="memstats"}`, perByte)
	line(`heapgate_signal_heap_headroom_ratio{heapgate_limit="container"}`, room)
	if !f.noLoad {
		line("heapgate_load_requests_total", requests)
	}
	place := func(function string) string {
		return fmt.Sprintf(`heapgate_site_allocated_bytes_total{code_function_name=%q,code_file_path="shop.go",code_line_number="7",heapgate_class="value"}`, function)
	}
	line(place("main.steady"), steady)
	line(place("main.render"), site)
}

// compareWith looks once at a fleet.
func compareWith(t *testing.T, fixture string, flags gateFlags) report {
	t.Helper()
	return compareAt(t, fixture, flags, single(storeNow))
}

func compareAt(t *testing.T, fixture string, flags gateFlags, at lookMoment) report {
	t.Helper()
	store, err := newFakeStore(fixture, storeNow)
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	if flags.compare.baseline == "" {
		flags.compare.baseline = "auto"
	}
	if flags.compare.looks == 0 {
		flags.compare.looks = 4
	}
	if flags.compare.warmUp == 0 {
		flags.compare.warmUp = -1
	}
	if flags.compare.history == 0 {
		flags.compare.history = 168 * time.Hour
	}
	s, err := testSettings(flags, store)
	if err != nil {
		t.Fatal(err)
	}
	s.explain = true
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJudge(policySource{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := lookOnce(t.Context(), s, client, j, at)
	if r.evidence == nil {
		t.Fatalf("no evidence: %s", r.verdict.Summary)
	}
	return r
}

const quarter = 15 * time.Second

// TestComparison: a fleet, and what the four signals of the candidate are to the baseline that was found.
func TestComparison(t *testing.T) {
	canary := func(f fleetPart) []fleetPart {
		f.version, f.pods, f.from, f.to = "v2", 3, 60, 240
		return []fleetPart{{version: "v1", pods: 3, to: 240, allocation: 1, live: 1, noLoad: f.noLoad}, f}
	}
	after := func(f fleetPart, n int) []fleetPart { // one hour of v1, then v2
		f.version, f.pods, f.from, f.to = "v2", 3, n-160, n
		return []fleetPart{{version: "v1", pods: 3, from: 60, to: n - 160, allocation: 1, live: 1, noLoad: f.noLoad}, f}
	}
	long := 40 * time.Minute
	for name, tt := range map[string]struct {
		parts    []fleetPart
		n        int
		flags    gateFlags
		kind     string
		outcomes string // of the four signals in order: p, f, or i
		text     string // in the report
	}{
		"good canary":               {canary(fleetPart{allocation: 1, live: 1}), 240, gateFlags{version: "v2", window: long}, "concurrent", "pppp", "compared with concurrent v1 of shop, 3 targets"},
		"canary allocates a fifth":  {canary(fleetPart{allocation: 1.25, live: 1}), 240, gateFlags{version: "v2", window: long}, "concurrent", "ppfp", "main.render (shop.go:7)"},
		"canary without load":       {canary(fleetPart{allocation: 1.25, live: 1, noLoad: true}), 240, gateFlags{version: "v2", window: long}, "concurrent", "ppfp", "what the baseline allocates at the same time stands for it"},
		"canary holds more":         {canary(fleetPart{allocation: 1, live: 1.3}), 240, gateFlags{version: "v2", window: long}, "concurrent", "fppf", ""},
		"which is the candidate?":   {canary(fleetPart{allocation: 1, live: 1}), 240, gateFlags{window: long}, "none", "", "the candidate's targets are of 2 versions (v1, v2); say with --image or --version"},
		"switched off":              {canary(fleetPart{allocation: 2, live: 1}), 240, gateFlags{version: "v2", window: long, compare: compareFlags{baseline: "none", looks: 4, warmUp: -1, history: 168 * time.Hour}}, "", "", ""},
		"good release":              {after(fleetPart{allocation: 1, live: 1}, 420), 420, gateFlags{version: "v2", window: long}, "previous", "pppp", "compared with previous v1 of shop, 3 targets"},
		"release allocates a fifth": {after(fleetPart{allocation: 1.25, live: 1}, 420), 420, gateFlags{version: "v2", window: long}, "previous", "ppfp", "main.render (shop.go:7)"},
		"release without load":      {after(fleetPart{allocation: 1.25, live: 1, noLoad: true}, 420), 420, gateFlags{version: "v2", window: long}, "previous", "??i?", "inconclusive: unadjusted"},
		"the first release":         {[]fleetPart{{version: "v1", pods: 2, from: 60, to: 240, allocation: 1, live: 1}}, 240, gateFlags{version: "v1", window: long}, "none", "", "previous: no other version of shop/shop was seen in 168h"},
		"no versions":               {[]fleetPart{{pods: 2, from: 60, to: 240, allocation: 1, live: 1}}, 240, gateFlags{window: long}, "none", "", "carry neither an image digest nor a version"},
		"only concurrent wanted":    {after(fleetPart{allocation: 1, live: 1}, 420), 420, gateFlags{version: "v2", window: long, compare: compareFlags{baseline: "concurrent"}}, "none", "", "concurrent: no other version of shop/shop was there for half of the time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := compareWith(t, fleet(1, quarter, tt.n, tt.parts...), tt.flags)
			out := string(r.text())
			if c := r.evidence.Comparison; tt.kind == "" {
				if c != nil {
					t.Errorf("compared with %s", c.Baseline.Kind)
				}
				return
			} else if c == nil || c.Baseline.Kind != tt.kind {
				t.Fatalf("baseline is not %s:\n%s", tt.kind, out)
			}
			got := ""
			for _, name := range comparedNames {
				if s, ok := r.evidence.Comparison.Signals[name]; ok {
					got += s.Outcome[:1]
				}
			}
			for i := range tt.outcomes {
				if tt.outcomes[i] == '?' && i < len(got) {
					got = got[:i] + "?" + got[i+1:]
				}
			}
			if got != tt.outcomes || !strings.Contains(out, tt.text) {
				t.Errorf("outcomes %q, want %q, and %q in\n%s", got, tt.outcomes, tt.text, out)
			}
		})
	}
}

// TestARegressionFailsByName: the whole way to the exit code.
func TestARegressionFailsByName(t *testing.T) {
	parts := []fleetPart{{version: "v1", pods: 3, from: 60, to: 260, allocation: 1, live: 1}, {version: "v2", pods: 3, from: 260, to: 420, allocation: 1.25, live: 1}}
	r := compareWith(t, fleet(2, quarter, 420, parts...), gateFlags{version: "v2", window: 40 * time.Minute})
	if r.exitCode() != exitFail || !strings.Contains(r.verdict.Summary, "ALLOC-001") || !strings.Contains(r.verdict.Summary, "main.render") {
		t.Errorf("exit code %d: %s", r.exitCode(), r.verdict.Summary)
	}
	parts[1].allocation = 1
	r = compareWith(t, fleet(2, quarter, 420, parts...), gateFlags{version: "v2", window: 40 * time.Minute})
	if r.exitCode() != exitPass {
		t.Errorf("a good release: exit code %d: %s", r.exitCode(), r.verdict.Summary)
	}
}

// TestLastWeek: an hour of v2, and of v1 at the same hours seven days before.
func TestLastWeek(t *testing.T) {
	const every, n = 10 * time.Minute, 7*144 + 36
	for allocation, want := range map[float64]string{1: "pass", 1.3: "fail"} {
		fixture := fleet(4, every, n, fleetPart{version: "v1", pods: 3, to: 40, allocation: 1, live: 1, share: 1.5}, fleetPart{version: "v2", pods: 3, from: n - 34, to: n, allocation: allocation, live: 1})
		r := compareWith(t, fixture, gateFlags{version: "v2", window: 5 * time.Hour, step: every, compare: compareFlags{history: 24 * time.Hour}})
		c := r.evidence.Comparison
		if got := c.Signals[signalAllocation]; c.Baseline.Kind != baselineLastWeek || got.Outcome != want {
			t.Errorf("%s by %s, want %s\n%s", got.Outcome, c.Baseline.Kind, want, r.text())
		}
	}
}

// TestBaselineWorkload: another workload of the namespace, whatever it runs.
func TestBaselineWorkload(t *testing.T) {
	fixture := fleet(6, quarter, 240, fleetPart{version: "v1", pods: 3, to: 240, allocation: 1, live: 1}, fleetPart{version: "v1", workload: "shop-canary", pods: 3, to: 240, allocation: 1.3, live: 1})
	r := compareWith(t, fixture, gateFlags{workload: "shop/shop-canary", window: 40 * time.Minute, compare: compareFlags{workload: "shop"}})
	c := r.evidence.Comparison
	if got := c.Signals[signalAllocation]; c.Baseline.Kind != baselineConcurrent || got.Outcome != "fail" || !strings.Contains(string(r.text()), "compared with concurrent v1 of shop, 3 targets") {
		t.Errorf("%s by %s\n%s", got.Outcome, c.Baseline.Kind, r.text())
	}
	r = compareWith(t, fixture, gateFlags{workload: "shop/shop-canary", window: 40 * time.Minute, compare: compareFlags{workload: "shop-stable"}})
	if c := r.evidence.Comparison; c.Baseline.Kind != baselineNone || !strings.Contains(*c.Baseline.Reason, "no target of shop/shop-stable was there") {
		t.Errorf("compared with %s", c.Baseline.Kind)
	}
}

func TestReleasesAreToldApart(t *testing.T) {
	a, b := release{"1", "sha256:a"}, release{"1", "sha256:b"}
	for _, tt := range []struct {
		a, b release
		want bool
	}{
		{a, a, false}, {a, b, true}, {release{"2", "sha256:a"}, a, false}, {release{"1", ""}, a, false}, {release{"2", ""}, a, true},
		{release{"", "sha256:b"}, a, true}, {release{"", "sha256:b"}, release{"1", ""}, false}, {release{}, a, false}, {release{}, release{}, false},
	} {
		if tt.a.other(tt.b) != tt.want || tt.b.other(tt.a) != tt.want {
			t.Errorf("%v and %v: want other %t", tt.a, tt.b, tt.want)
		}
	}
}
