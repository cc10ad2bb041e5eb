// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func passing(tb testing.TB) map[string]any {
	tb.Helper()
	return readYAML(tb, "testdata/passing.yaml")["passing"].(map[string]any)
}

// patched is the passing evidence with other values: objects are merged, everything else replaced.
func patched(tb testing.TB, patch map[string]any) map[string]any {
	tb.Helper()
	return merge(passing(tb), patch)
}

func merge(base, patch map[string]any) map[string]any {
	merged := maps.Clone(base)
	for name, value := range patch {
		old, oldIsMap := merged[name].(map[string]any)
		inner, newIsMap := value.(map[string]any)
		if oldIsMap && newIsMap {
			value = merge(old, inner)
		}
		merged[name] = value
	}
	return merged
}

func signal(name string, fields map[string]any) map[string]any {
	return map[string]any{"signals": map[string]any{name: fields}}
}

func evalError(t *testing.T, err error, want ...string) {
	t.Helper()
	var eval *EvalError
	if !errors.As(err, &eval) {
		t.Fatalf("want an *EvalError, got %v", err)
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("want %q in the error, got %v", text, err)
		}
	}
}

func TestPassingEvidencePasses(t *testing.T) {
	pack := mustLoad(t, nil)
	got, err := pack.Evaluate(t.Context(), passing(t), now)
	if err != nil {
		t.Fatal(err)
	}
	want := Result{
		Findings: []Finding{},
		Evaluated: []string{
			"ALLOC-001", "EVID-001", "EVID-002", "EVID-003", "EVID-004", "EXC-001", "GC-001", "GC-002", "GC-003", "GC-004", "HEAD-001", "HEAD-002",
			"HEAP-001", "HEAP-002", "LEAK-001", "MAP-001",
		},
		Missing: []string{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEvidenceThatDoesNotFitItsSchemaIsAnError(t *testing.T) {
	pack := mustLoad(t, nil)
	cyclic := map[string]any{}
	cyclic["x"] = cyclic
	withoutField := func(name string) map[string]any {
		evidence := passing(t)
		delete(evidence, name)
		return evidence
	}
	tests := map[string]struct {
		evidence any
		want     string
	}{
		"nothing":            {nil, "want an object, got null"},
		"nil pointer":        {(*struct{})(nil), "want an object, got null"},
		"nil map":            {map[string]any(nil), "want an object, got null"},
		"empty object":       {map[string]any{}, "signals is required"},
		"list":               {[]any{}, "want an object, got array"},
		"text":               {"{}", "want an object, got string"},
		"function":           {func() {}, "got a func()"},
		"cycle":              {cyclic, "nested deeper than 32"},
		"keys are no texts":  {map[int]any{1: 1}, "want texts as keys"},
		"unknown field":      {patched(t, map[string]any{"sigals": 1}), "evidence: Additional property sigals is not allowed"},
		"unknown signal":     {patched(t, signal("gc_cpu", nil)), "evidence.signals: Additional property gc_cpu"},
		"unknown part":       {patched(t, signal("cycles", map[string]any{"valeu": 1})), "evidence.signals.cycles: Additional property valeu"},
		"text as value":      {patched(t, signal("cycles", map[string]any{"value": "1"})), "evidence.signals.cycles.value: Invalid type"},
		"unknown reason":     {patched(t, signal("cycles", map[string]any{"reason": "later"})), "evidence.signals.cycles.reason"},
		"no list of sites":   {patched(t, map[string]any{"map_sites": nil}), "evidence.map_sites: Invalid type"},
		"other version":      {patched(t, map[string]any{"schema_version": 2}), "evidence.schema_version"},
		"time is no time":    {patched(t, map[string]any{"now": "today"}), "evidence.now"},
		"half a target":      {patched(t, map[string]any{"targets": map[string]any{"seen": 1.5}}), "evidence.targets.seen"},
		"no window":          {patched(t, map[string]any{"window": map[string]any{"seconds": 0}}), "evidence.window.seconds"},
		"NaN as window":      {patched(t, map[string]any{"window": map[string]any{"seconds": math.NaN()}}), "evidence.window.seconds"},
		"number is a word":   {patched(t, signal("cycles", map[string]any{"value": json.Number("many")})), "want a number"},
		"many mistakes":      {map[string]any{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}, "and 3 more"},
		"without signals":    {withoutField("signals"), "signals is required"},
		"without map_sites":  {withoutField("map_sites"), "map_sites is required"},
		"without targets":    {withoutField("targets"), "targets is required"},
		"without a workload": {withoutField("workload"), "workload is required"},
		"without a window":   {withoutField("window"), "window is required"},
		"site without lower": {patched(t, map[string]any{"map_sites": []any{map[string]any{"function": "f"}}}), "evidence.map_sites.0: lower is required"},
	}
	for name := range passing(t)["signals"].(map[string]any) {
		if name == "memory_share" {
			continue // optional: a store of an older version has none
		}
		evidence := passing(t)
		delete(evidence["signals"].(map[string]any), name)
		tests["without "+name] = struct {
			evidence any
			want     string
		}{evidence, "evidence.signals: " + name + " is required"}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result, err := pack.Evaluate(t.Context(), test.evidence, now)
			evalError(t, err, test.want)
			if diff := cmp.Diff(Result{}, result); diff != "" {
				t.Errorf("want no result beside an error: %s", diff)
			}
		})
	}
}

func TestNumbersThatAreNoneAreInconclusive(t *testing.T) {
	pack := mustLoad(t, nil)
	for name, value := range map[string]any{
		"NaN": math.NaN(), "+Inf": math.Inf(1), "-Inf": math.Inf(-1), "float32 NaN": float32(math.NaN()),
		"pointer to NaN": func() *float64 { nan := math.NaN(); return &nan }(),
		"1e400":          json.Number("1e400"), "-1e400": json.Number("-1e400"), "1e100000": json.Number("1e100000"),
		"1e999999999": json.Number("1e999999999"), "NaN as a number": json.Number("NaN"),
	} {
		t.Run(name, func(t *testing.T) {
			result, err := pack.Evaluate(t.Context(), patched(t, signal("gc_cpu_share", map[string]any{"value": value})), now)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range result.Findings {
				got = append(got, string(f.Kind)+" "+f.ID+" "+f.Facts["reason"].(string))
			}
			if diff := cmp.Diff([]string{"inconclusive EVID-001 nan", "inconclusive GC-001 nan"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExtremeNumbersAreCompared(t *testing.T) {
	pack := mustLoad(t, nil)
	for number, wantDeny := range map[json.Number]bool{
		"1.7976931348623157e308": true, "1e100": true, "1e-400": false, "0.25000000000000006": true, "0.25": false,
	} {
		result, err := pack.Evaluate(t.Context(), patched(t, signal("gc_cpu_share", map[string]any{"value": number})), now)
		if err != nil {
			t.Fatal(err)
		}
		if denied := len(result.Findings) == 1 && result.Findings[0].Kind == Deny; denied != wantDeny {
			t.Errorf("%s: want denied %t, got %+v", number, wantDeny, result.Findings)
		}
	}
}

// OPA itself panics on a NaN. Should one ever get past normalise, it is an error.
func TestPanicOfARuleIsAnError(t *testing.T) {
	pack := mustLoad(t, nil)
	pack.gate.input = schema{} // a check without a schema panics
	_, err := pack.Evaluate(t.Context(), passing(t), now)
	evalError(t, err, "panic: ")
}

func TestOPAPanicsOnNaN(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("OPA does not panic on NaN any more: say so in the package comment")
		}
	}()
	input := ast.MustInterfaceToValue(patched(t, signal("gc_cpu_share", map[string]any{"value": ast.Number("NaN")})))
	pack := mustLoad(t, nil)
	_, _ = pack.decide(t.Context(), pack.gate.query, input, now)
}

func loadRule(t *testing.T, body string) *Pack {
	t.Helper()
	pack, err := Load(files(t, rule(body)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

const finding = `{"id": "X-001", "msg": "x", "signal": "cycles", "severity": "low", "target": "", "value": null, "limit": null, "unit": "", "facts": {}}`

func TestRuleThatFailsIsAnError(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"conflict":         {checked + "x := input.targets.seen\n\nx := input.targets.up + 1\n\ndeny contains x", "eval_conflict_error"},
		"builtin error":    {checked + "deny contains x if x := to_number(input.workload.name)", "eval_builtin_error: to_number"},
		"division by zero": {checked + "deny contains x if x := 1 / (input.targets.seen - input.targets.up)", "divide by zero"},
		"no object":        {checked + "deny contains 1", "no finding"},
		"unknown fact":     {checked + "deny contains object.union(" + finding + ", {\"verdict\": \"pass\"})", "unknown field \"verdict\""},
		"text as value":    {checked + "deny contains object.union(" + finding + ", {\"value\": \"1\"})", "no finding"},
		"endless value":    {checked + "deny contains object.union(" + finding + ", {\"value\": 1e308 * 1e308})", "no finding"},
		"other id":         {checked + "deny contains object.union(" + finding + ", {\"id\": \"GC-001\"})", "want findings with its own id X-001 and a signal, got id \"GC-001\""},
		"no signal":        {checked + "deny contains object.union(" + finding + ", {\"signal\": \"\"})", "and signal \"\""},
		"other check":      {"checks contains \"GC-001\"\n\ndeny contains " + finding, "want its own id X-001 in checks"},
		"check is no text": {"checks contains 1\n\ndeny contains " + finding, "no finding"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadRule(t, test.body+"\n").Evaluate(t.Context(), passing(t), now)
			evalError(t, err, test.want)
		})
	}
}

// A type error that the compiler cannot see must not make a condition false in silence.
func TestHiddenTypeErrorIsAnError(t *testing.T) {
	pack := loadRule(t, checked+"text(x) := x\n\ndeny contains x if x := abs(text(input.workload.name))\n")
	_, err := pack.Evaluate(t.Context(), passing(t), now)
	evalError(t, err, "abs: operand 1 must be number but got string")
}

func TestRuleThatSaysNothingIsMissing(t *testing.T) {
	for name, body := range map[string]string{
		"not evaluated": "checks contains \"X-001\" if input.targets.seen > 99\n\ndeny contains " + finding + " if input.targets.seen > 99\n",
		"undefined":     "checks contains \"X-001\" if input.workload.version == \"\"\n\ninconclusive contains " + finding + " if false\n",
	} {
		t.Run(name, func(t *testing.T) {
			result, err := loadRule(t, body).Evaluate(t.Context(), passing(t), now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"X-001"}, result.Missing); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindingCountsAsHavingSpoken(t *testing.T) {
	result, err := loadRule(t, "checks contains \"X-001\" if false\n\nwarn contains "+finding+"\n").Evaluate(t.Context(), passing(t), now)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Missing) != 0 || len(result.Findings) != 1 || result.Findings[0].Kind != Warn {
		t.Errorf("want one warning and nothing missing, got %+v", result)
	}
}

func TestUndefinedDecisionIsAnError(t *testing.T) {
	pack := mustLoad(t, nil)
	compiler, err := compile(map[string]string{"gate/x.rego": "package gate.x\n\ndeny := 1 if false\n"}, embeddedSchemas(t))
	if err != nil {
		t.Fatal(err)
	}
	if pack.gate.query, err = prepare(compiler, map[string][]string{"gate.x": {"deny"}}, nil); err != nil {
		t.Fatal(err)
	}
	_, err = pack.Evaluate(t.Context(), passing(t), now)
	evalError(t, err, "the decision is undefined")
}

// No allowed builtin asks for the time. Should one ever, a verdict must still be computable again.
func TestTimeOfTheRulesIsGiven(t *testing.T) {
	compiler := ast.NewCompiler()
	compiler.Compile(map[string]*ast.Module{"x.rego": ast.MustParseModule("package gate.x\n\ndeny contains time.now_ns()\n")})
	query, err := prepare(compiler, map[string][]string{"gate.x": {"deny"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&Pack{deadline: deadline}).decide(t.Context(), query, ast.NewObject(), now)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"gate.x": map[string]any{"deny": []any{json.Number(strconv.FormatInt(now.UnixNano(), 10))}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const endless = checked + `deny contains x if {
	some a in numbers.range(1, 30000)
	some b in numbers.range(1, 30000)
	a * b < 0
	x := a
}
`

func TestRuleThatDoesNotEndIsStopped(t *testing.T) {
	pack := loadRule(t, endless)
	if pack.deadline != 5*time.Second {
		t.Errorf("want a deadline of 5s, got %s", pack.deadline)
	}
	pack.deadline = 50 * time.Millisecond
	_, err := pack.Evaluate(t.Context(), passing(t), now)
	evalError(t, err, "the rules did not end within 50ms")
}

func TestCallersContextStopsTheRules(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := loadRule(t, endless).Evaluate(ctx, passing(t), now)
	evalError(t, err)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want the cause in the error, got %v", err)
	}
}

func TestResultIsTheSameEachTime(t *testing.T) {
	pack := mustLoad(t, nil)
	site := passing(t)["map_sites"].([]any)[0].(map[string]any)
	var sites []any
	for line := range 40 {
		sites = append(sites, merge(site, map[string]any{"line": line, "lower": 200000, "doublings": line % 3, "windows": line % 4, "samples": line % 5}))
	}
	evidence := patched(t, map[string]any{"map_sites": sites, "signals": map[string]any{
		"cycles": map[string]any{"coverage": 0}, "windows": map[string]any{"value": nil, "reason": "gap"},
		"limit_pressure": map[string]any{"value": 1}, "gc_cpu_share": map[string]any{"value": 1},
	}})
	want, err := pack.Evaluate(t.Context(), evidence, now)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, f := range want.Findings {
		if kinds == nil || kinds[len(kinds)-1] != string(f.Kind)+" "+f.ID {
			kinds = append(kinds, string(f.Kind)+" "+f.ID)
		}
	}
	order := []string{"deny GC-001", "deny MAP-001", "inconclusive EVID-001", "inconclusive EVID-003", "inconclusive MAP-001", "warn GC-003"}
	if diff := cmp.Diff(order, kinds); diff != "" {
		t.Error(diff)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				got, err := pack.Evaluate(context.WithoutCancel(t.Context()), evidence, now)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Error(err, diff)
				}
			}
		})
	}
	group.Wait()
}

func TestLimitsDecide(t *testing.T) {
	evidence := patched(t, signal("gc_cpu_share", map[string]any{"value": 0.3}))
	for limit, want := range map[float64]int{0.2: 1, 0.3: 0, 0.4: 0} {
		limits, err := ParseLimits([]byte("limits: {gc_cpu_share: " + json.Number(strings.TrimSpace(jsonText(t, limit))).String() + "}"))
		if err != nil {
			t.Fatal(err)
		}
		result, err := mustLoad(t, limits).Evaluate(t.Context(), evidence, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Findings) != want {
			t.Errorf("limit %v: want %d findings, got %+v", limit, want, result.Findings)
		}
		if want == 1 && *result.Findings[0].Limit != limit {
			t.Errorf("want the limit %v in the finding, got %v", limit, *result.Findings[0].Limit)
		}
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// More of a bad thing never takes a finding away.
func TestVerdictIsMonotone(t *testing.T) {
	pack := mustLoad(t, nil)
	for _, name := range []string{"gc_cpu_share", "gc_pause_p99_seconds", "heap_live_bytes", "limit_pressure"} {
		before := 0
		for _, value := range []float64{0, 0.05, 0.2, 0.3, 0.6, 1, 1e6, 4e8, 4.6e8, 1e9, 1e300} {
			result, err := pack.Evaluate(t.Context(), patched(t, signal(name, map[string]any{"value": value})), now)
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Findings) < before {
				t.Errorf("%s: fewer findings at %g than below", name, value)
			}
			before = len(result.Findings)
		}
		if before != 1 {
			t.Errorf("%s: want one finding for the largest value, got %d", name, before)
		}
	}
}

// Whatever the evidence says: no panic, a result or an error but never both, and every rule accounted for.
func FuzzEvaluate(f *testing.F) {
	pack := mustLoad(f, nil)
	base, err := json.Marshal(passing(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(base)
	for _, seed := range []string{
		"", "{}", "null", "[]", `{"signals":null}`, `{"signals":{"cycles":{"value":1e400}}}`,
		strings.Replace(string(base), "0.05", "null", 1), strings.Replace(string(base), "0.05", "-1e-300", 1),
		strings.Replace(string(base), "5000,", "1e9,", 1), strings.Replace(string(base), `"up":2`, `"up":0`, 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		result, err := pack.Evaluate(t.Context(), json.RawMessage(text), now)
		if err != nil {
			evalError(t, err)
			if diff := cmp.Diff(Result{}, result); diff != "" || strings.Contains(err.Error(), "panic") {
				t.Fatalf("%v %s", err, diff)
			}
			return
		}
		spoken := map[string]bool{}
		for _, id := range append(result.Evaluated, result.Missing...) {
			spoken[id] = true
		}
		for _, finding := range result.Findings {
			spoken[finding.ID] = true
			hasReason := finding.Facts["reason"] != nil || finding.ID == exceptionRule
			if finding.Kind == Inconclusive && !hasReason || finding.Kind == Warn && !hasReason && finding.Value == nil || finding.Kind == Deny && finding.Value == nil {
				t.Errorf("a finding of %s without what it is about: %+v", finding.Kind, finding)
			}
		}
		if len(spoken) != len(pack.Rules()) {
			t.Errorf("want every rule accounted for, got %v", spoken)
		}
	})
}
