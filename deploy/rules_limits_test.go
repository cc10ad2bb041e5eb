// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// limitOf says where the number in an alert comes from: the policies' defaults, or why it stands here alone.
type limitOf struct {
	policy string  // path in policies/data/defaults.yaml
	own    float64 // used if policy is empty
	why    string
}

var (
	isDown   = limitOf{own: 0, why: "a state, not a limit"}
	isUp     = limitOf{own: 1, why: "a state, not a limit"}
	anything = limitOf{own: 0, why: "a counter that should stand still"}
)

var alertLimits = map[string][]limitOf{
	"HeapgateGCCPUHigh":           {{policy: "gc_cpu_share"}},
	"HeapgateGCPauseLong":         {{policy: "gc_pause_p99_seconds"}},
	"HeapgateMemoryLimitPressure": {{policy: "limit_pressure"}},
	"HeapgateMemoryLimitThrash":   {{policy: "limit_pressure"}, {policy: "gc_cpu_share"}, isUp},
	"HeapgateMemoryLimitCostly":   {isUp, {policy: "limit_pressure"}},
	"HeapgateGCDeathSpiral":       {isUp},
	"HeapgateGCHeavy":             {isUp, {policy: "gc_cpu_share"}},
	"HeapgateGCAssistHigh": {
		{own: 0.25, why: "the gate has no such limit; one in four marks is the program's own work"},
		{own: 0.05, why: "below 5 % of the CPU no share of it is worth a person"},
	},
	"HeapgateLiveHeapNearLimit": {{own: 0, why: "a limit of zero bytes is no limit"}, {policy: "heap_live_share"}},
	"HeapgateMapGrowth": {
		{policy: "map_growth.min_rate"}, {policy: "map_growth.min_retained_share"}, {policy: "map_growth.min_windows"},
		{policy: "map_growth.min_doublings"}, {policy: "map_growth.min_samples"}, isUp,
	},
	"HeapgateHeapLeak":             {isUp, isUp},
	"HeapgateMemoryRunsOut":        {{own: 7200, why: "the gate does not wait for hours; two are what a person needs to act"}, isUp},
	"HeapgateContainerHeadroomLow": {{own: 0.05, why: "the gate judges the live heap; half of what GOMEMLIMIT at 90 % leaves"}},
	"HeapgateGoroutineLeak":        {isUp},
	"HeapgateUnusual":              {isUp},
	"HeapgateMapPresize":           {isUp, {own: 1e6, why: "the gate does not judge it; less is not worth a line of code"}},
	"HeapgateFamilyDominates": {
		{own: 0.5, why: "the gate does not judge it; most of the allocation"},
		{own: 1e7, why: "the gate does not judge it; half of little is not worth a line of code"},
	},
	"HeapgateSignalsEvicted":         {anything},
	"HeapgateTargetDown":             {isDown},
	"HeapgateScrapeFlapping":         {{policy: "evidence.min_coverage"}, isUp},
	"HeapgateGctraceLost":            {{own: 0.05, why: "the gate has no such limit; as much as the GC CPU share may be understated by"}},
	"HeapgateGctraceUnattributed":    {anything},
	"HeapgateDiscoveryFailing":       {anything},
	"HeapgateCollectorRefusesData":   {anything, anything, anything},
	"HeapgateStoreRefusesSamples":    {anything},
	"HeapgateSignalsRefused":         {anything},
	"HeapgateBaselinesLost":          {anything, anything},
	"HeapgateRevisionWithoutVerdict": {isUp},
	"HeapgateRevisionUnsure":         {isUp},
	"HeapgateWorkloadUnheard":        nil,
	"HeapgateTargetRefused":          nil,
	"HeapgateClusterSilent":          nil,
	"HeapgateNodeSilent":             nil,
	"HeapgateWatchSilent":            nil,
	"HeapgateWatchNotSynced":         {isDown},
	"HeapgateWatchErrors":            {anything},
	"HeapgateExceptionUsed":          {{own: 3600, why: "an hour is long enough to be seen, and short enough that the next use is seen too"}},
	"HeapgateExceptionExpiresSoon": {
		{own: 0, why: "what has expired is the business of HeapgateRevisionWithoutVerdict"}, {own: 0, why: "one that was never used let nothing in"},
		{own: 86400, why: "a day is what a person needs to make it needless"},
	},
	"HeapgateGateFailOpen": {{own: 3600, why: "as long as the use of an exception"}},
}

// Where an alert and the gate judge the same signal, they judge it by the same number.
func TestAlertsJudgeByThePoliciesLimits(t *testing.T) {
	var defaults struct {
		Limits map[string]any `yaml:"limits"`
	}
	readYAML(t, "../policies/data/defaults.yaml", &defaults)
	_, rules := readRules(t)
	for _, r := range rules {
		numbers := comparedNumbers(t, r.Expr)
		limits, known := alertLimits[r.Alert]
		if !known || len(numbers) != len(limits) {
			t.Errorf("%s compares with %d numbers; alertLimits explains %d", r.Alert, len(numbers), len(limits))
			continue
		}
		for i, limit := range limits {
			want := limit.own
			if limit.policy != "" {
				want = lookUp(t, defaults.Limits, limit.policy)
			} else if limit.why == "" {
				t.Errorf("%s: say why its number %v is not one of the policies'", r.Alert, numbers[i].Val)
			}
			if numbers[i].Val != want {
				t.Errorf("%s compares with %v, the limit %s is %v", r.Alert, numbers[i].Val, limit.policy, want)
			}
		}
	}
	classes := regexp.MustCompile(`growth_classes := \{(.*)\}`)
	text, err := os.ReadFile("../policies/gate/maps/growth.rego")
	if err != nil {
		t.Fatal(err)
	}
	match := classes.FindStringSubmatch(string(text))
	if match == nil {
		t.Fatal("growth.rego has no growth_classes")
	}
	want := fmt.Sprintf(`heapgate_class=~"%s"`, strings.ReplaceAll(strings.ReplaceAll(match[1], `"`, ""), ", ", "|"))
	for _, r := range rules {
		if r.Alert == "HeapgateMapGrowth" && !strings.Contains(r.Expr, want) {
			t.Errorf("HeapgateMapGrowth looks at other classes than MAP-001: want %s", want)
		}
	}
}

func lookUp(t *testing.T, tree map[string]any, path string) float64 {
	t.Helper()
	var node any = tree
	for _, key := range strings.Split(path, ".") {
		branch, _ := node.(map[string]any)
		node = branch[key]
	}
	switch v := node.(type) {
	case float64:
		return v
	case int:
		return float64(v)
	}
	t.Fatalf("defaults.yaml has no number at %s", path)
	return 0
}

// comparedNumbers are the numbers that an expression compares something with, from left to right.
func comparedNumbers(t *testing.T, expr string) []*parser.NumberLiteral {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	var numbers []*parser.NumberLiteral
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if binary, ok := node.(*parser.BinaryExpr); ok && binary.Op.IsComparisonOperator() {
			if number, ok := binary.RHS.(*parser.NumberLiteral); ok {
				numbers = append(numbers, number)
			}
		}
		return nil
	})
	slices.SortFunc(numbers, func(a, b *parser.NumberLiteral) int { return int(a.PosRange.Start) - int(b.PosRange.Start) })
	return numbers
}
