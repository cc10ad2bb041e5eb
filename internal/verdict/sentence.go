// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// sentences of the rules that ship with heapgate. A rule of somebody else's gets the generic sentence of its facts.
var sentences = map[string]func(Finding) string{
	"ALLOC-001": regression,
	"GC-001":    cpuShare,
	"GC-002":    pause,
	"GC-003":    pressure,
	"GC-004":    regression,
	"HEAD-001":  regression,
	"HEAD-002":  memoryShare,
	"HEAP-001":  liveHeap,
	"HEAP-002":  regression,
	"LEAK-001":  leak,
	"MAP-001":   mapGrowth,
}

// unsettled are the sentences of rules that say that they could not tell also as a warning: a comparison may be optional.
var unsettled = map[string]func(Finding) string{
	"ALLOC-001": undecided,
	"EVID-004":  undecidedLook,
	"GC-004":    undecided,
	"HEAD-001":  undecided,
	"HEAD-002":  inconclusive,
	"HEAP-002":  undecided,
	"LEAK-001":  unknownLeak,
}

func sentence(f Finding) string {
	if write, ok := unsettled[f.Rule]; ok && text(f.Facts, "reason") != "" {
		return write(f)
	}
	if f.Rule == "EXC-001" {
		return exception(f)
	}
	if f.Kind == KindInconclusive && !tooEarly(f) {
		return inconclusive(f)
	}
	if write, ok := sentences[f.Rule]; ok && f.Value != nil && f.Limit != nil {
		return write(f)
	}
	return generic(f)
}

func cpuShare(f Finding) string {
	value, limit := formatPair(*f.Value, *f.Limit, "1")
	return fmt.Sprintf("garbage collection takes %s of the CPU time%s; limit %s", value, of(f.Target), limit)
}

func pause(f Finding) string {
	value, limit := formatPair(*f.Value, *f.Limit, "s")
	return fmt.Sprintf("the 99th percentile of the GC pauses%s is %s; limit %s", of(f.Target), value, limit)
}

func pressure(f Finding) string {
	value, limit := formatPair(*f.Value, *f.Limit, "1")
	return fmt.Sprintf("%s of the GC cycles%s ran with a goal below the live heap, forced by the memory limit; limit %s", value, of(f.Target), limit)
}

func liveHeap(f Finding) string {
	value, limit := formatPair(*f.Value, *f.Limit, "1")
	live, hasLive := number(f.Facts, "heap_live_bytes")
	memory, hasMemory := number(f.Facts, "memory_limit_bytes")
	if !hasLive || !hasMemory {
		return fmt.Sprintf("the live heap%s is %s of the memory limit; limit %s", of(f.Target), value, limit)
	}
	return fmt.Sprintf("the live heap%s is %s, %s of the memory limit %s; limit %s", of(f.Target), Format(live, "By"), value, Format(memory, "By"), limit)
}

// mapGrowth names the function and the line, because that is where the fix goes.
func mapGrowth(f Finding) string {
	var b strings.Builder
	b.WriteString(site(f))
	if rate, ok := number(f.Facts, "rate"); ok {
		s := scaleOf(rate, "By/s")
		fmt.Fprintf(&b, " grows %s", join(decimal(rate/s.factor, 0), s.unit))
		lower, hasLower := number(f.Facts, "lower")
		upper, hasUpper := number(f.Facts, "upper")
		if hasLower && hasUpper {
			fmt.Fprintf(&b, " (95 %%: %s to %s)", decimal(lower/s.factor, 0), decimal(upper/s.factor, 0))
		}
	} else {
		fmt.Fprintf(&b, " grows at least %s", Format(*f.Value, "By/s"))
	}
	if share, ok := number(f.Facts, "retained_share"); ok {
		fmt.Fprintf(&b, ", %s of it retained", Format(share, "1"))
	}
	if windows, ok := number(f.Facts, "windows"); ok {
		fmt.Fprintf(&b, ", over %s", count(int(windows), "GC window"))
	}
	if tooEarly(f) {
		fmt.Fprintf(&b, "; too early to call it unbounded%s", short(f.Facts))
		return b.String()
	}
	fmt.Fprintf(&b, "; limit %s", Format(*f.Limit, "By/s"))
	return b.String()
}

// tooEarly holds for a map that grows fast, but not yet for long enough to tell a leak from a cache that fills.
func tooEarly(f Finding) bool {
	return f.Rule == "MAP-001" && f.Value != nil && f.Limit != nil && len(texts(f.Facts["short"])) > 0
}

// short lists what a growing site still lacks: ": doublings 0.4 of 1".
func short(facts map[string]any) string {
	needed, _ := facts["needed"].(map[string]any)
	lacking := texts(facts["short"])
	var parts []string
	for _, name := range lacking {
		has, ok := number(facts, name)
		wants, okToo := number(needed, name)
		if ok && okToo {
			parts = append(parts, fmt.Sprintf("%s %s of %s", name, decimal(has, 0), decimal(wants, 0)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func site(f Finding) string {
	function := text(f.Facts, "function")
	if function == "" {
		return "a map" + of(f.Target)
	}
	return fmt.Sprintf("map in %s%s%s", function, place(f.Facts), of(f.Target))
}

// place is where a function is: " (cart/index.go:42)".
func place(facts map[string]any) string {
	file := text(facts, "file")
	if line, ok := number(facts, "line"); ok && file != "" && line > 0 {
		file += fmt.Sprintf(":%d", int(line))
	}
	if file == "" {
		return ""
	}
	return " (" + file + ")"
}

// absence is the code of an inconclusive finding.
func absence(f Finding) string {
	if _, ok := number(f.Facts, "min_coverage"); ok {
		return "gap"
	}
	if reason := text(f.Facts, "reason"); reason != "" {
		return reason
	}
	return string(KindInconclusive)
}

func inconclusive(f Finding) string {
	switch {
	case f.Rule == "EVID-002" && f.Value != nil && f.Limit != nil && absence(f) == "partial":
		return fmt.Sprintf("%.0f of %.0f targets are up", *f.Value, *f.Limit)
	case f.Rule == "EVID-002" && f.Value != nil && f.Limit != nil:
		return fmt.Sprintf("%s seen; at least %.0f needed", count(int(*f.Value), "target"), *f.Limit)
	case absence(f) == "too_few" && f.Value != nil && f.Limit != nil:
		return fmt.Sprintf("%s is %s%s; at least %s needed", f.Signal, decimal(*f.Value, 0), on(f.Target), decimal(*f.Limit, 0))
	case text(f.Facts, "function") != "":
		return fmt.Sprintf("%s has no %s", site(f), strings.Join(texts(f.Facts["absent"]), ", no "))
	}
	if needed, ok := number(f.Facts, "min_coverage"); ok {
		covered, _ := number(f.Facts, "coverage")
		has, wants := formatPair(covered, needed, "1")
		return fmt.Sprintf("%s covers %s of the window%s%s; at least %s needed", f.Signal, has, samples(f.Facts), on(f.Target), wants)
	}
	if needed, ok := number(f.Facts, "min_samples"); ok {
		has, _ := number(f.Facts, "samples")
		return fmt.Sprintf("%s has %s%s; at least %.0f needed", f.Signal, count(int(has), "sample"), on(f.Target), needed)
	}
	if most, ok := number(f.Facts, "max_age_seconds"); ok {
		age, _ := number(f.Facts, "age_seconds")
		return fmt.Sprintf("the newest %s is %s old%s; at most %s", f.Signal, duration(age), on(f.Target), duration(most))
	}
	if watched, ok := number(f.Facts, "sites_watched"); ok {
		return fmt.Sprintf("%s watched, but no growth rate is known yet%s", count(int(watched), "map site"), on(f.Target))
	}
	if detail := text(f.Facts, "detail"); detail != "" {
		return fmt.Sprintf("%s %s: %s", f.Signal, state(absence(f)), detail)
	}
	return fmt.Sprintf("%s %s%s", f.Signal, state(absence(f)), on(f.Target))
}

// state is the predicate of a reason code.
func state(code string) string {
	switch code {
	case "nan":
		return "is not a number"
	case "gap":
		return "has gaps"
	case "duplicate":
		return "is ambiguous"
	}
	return "is " + strings.ReplaceAll(code, "_", " ")
}

func samples(facts map[string]any) string {
	has, ok := number(facts, "samples")
	expected, okToo := number(facts, "expected_samples")
	if !ok || !okToo {
		return ""
	}
	return fmt.Sprintf(" (%.0f of %.0f samples)", has, expected)
}

// generic says what any finding says: title, signal, value, limit and the plain facts.
func generic(f Finding) string {
	what := f.Title
	if what == "" {
		what = "rule " + f.Rule
	}
	parts := []string{what + of(f.Target)}
	if f.Value != nil {
		value := fmt.Sprintf("%s %s", f.Signal, Format(*f.Value, f.Unit))
		if f.Limit != nil {
			has, limit := formatPair(*f.Value, *f.Limit, f.Unit)
			value = fmt.Sprintf("%s %s; limit %s", f.Signal, has, limit)
		}
		parts = append(parts, strings.TrimSpace(value))
	}
	var facts []string
	for name := range f.Facts {
		if value, ok := number(f.Facts, name); ok {
			facts = append(facts, name+" "+decimal(value, 0))
		} else if value := text(f.Facts, name); value != "" {
			facts = append(facts, name+" "+value)
		}
	}
	sort.Strings(facts)
	if len(facts) > 0 {
		parts = append(parts, "("+strings.Join(facts, ", ")+")")
	}
	return strings.Replace(strings.Join(parts, ": "), ": (", " (", 1)
}

func of(target string) string { return prefixed(" of ", target) }
func on(target string) string { return prefixed(" on ", target) }

func prefixed(word, target string) string {
	if target == "" {
		return ""
	}
	return word + target
}

// number reads a fact; policies hand out float64, int or json.Number.
func number(facts map[string]any, name string) (float64, bool) {
	switch v := facts[name].(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func text(facts map[string]any, name string) string {
	s, _ := facts[name].(string)
	return s
}

func texts(given any) []string {
	var out []string
	switch all := given.(type) {
	case []any:
		for _, one := range all {
			if s, ok := one.(string); ok {
				out = append(out, s)
			}
		}
	case []string:
		out = append(out, all...)
	}
	sort.Strings(out)
	return out
}

func list(given any) []any {
	all, _ := given.([]any)
	return all
}
