// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// oneSelector holds the property against Prometheus' parser: whatever the bytes, the expression is one selector with one equal matcher.
func oneSelector(t *testing.T, value string) {
	t.Helper()
	text, err := Selector("up", Matcher{"heapgate_workload_name", value})
	if err != nil {
		t.Fatal(err)
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	selector, ok := expr.(*parser.VectorSelector)
	if !ok || selector.Name != "up" || len(selector.LabelMatchers) != 2 {
		t.Fatalf("%s is a %T", text, expr)
	}
	found := false
	for _, m := range selector.LabelMatchers {
		found = found || m.Name == "heapgate_workload_name" && m.Type == labels.MatchEqual && m.Value == value
	}
	if !found {
		t.Fatalf("%s does not match %q", text, value)
	}
}

func TestSelectorIsInjectionFree(t *testing.T) {
	for _, value := range []string{"", "shop", `x"} or vector(0) or up{a="b`, "`", `\`, "\n", "\x00\xff", "é", "{{", `a\"b`, "\u2028"} {
		oneSelector(t, value)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		bytes := make([]byte, random.IntN(24))
		for i := range bytes {
			bytes[i] = byte(random.IntN(256))
		}
		oneSelector(t, string(bytes))
	}
	for _, label := range []string{"", "a-b", "1a", `a="b",c`, "a b", "é", "a\n"} {
		if text, err := Selector("up", Matcher{label, "x"}); err == nil {
			t.Errorf("label %q was accepted: %s", label, text)
		}
		if text, err := Selector(label); err == nil {
			t.Errorf("metric %q was accepted: %s", label, text)
		}
	}
}

func FuzzSelector(f *testing.F) {
	f.Add(`x"} or vector(0)`)
	f.Fuzz(oneSelector)
}
