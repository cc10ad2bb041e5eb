// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exception_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/exception"
)

// laughs is a list of lists of lists, each ten times the one before: 10^n words in some hundred bytes.
func laughs(n int) string {
	var out strings.Builder
	out.WriteString("a0: &a0 lol\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&out, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), i-1)
	}
	return out.String()
}

// TestBombs: what grows when it is read is refused before it has grown, and nothing of it holds.
func TestBombs(t *testing.T) {
	const most = 64 << 20 // bytes that are allocated on the way, a thousandfold of the file
	full := func(unit string) string { return strings.Repeat(unit, (exception.MaxText-100)/len(unit)) }
	for name, bomb := range map[string]string{
		"aliases of aliases":    laughs(20),
		"an alias of itself":    "a: &a [*a]\n",
		"an alias in the spec":  strings.Replace(text, "rules: [MAP-001, GC-001]", "rules: &r [MAP-001]\n  reason2: *r", 1),
		"merges":                "a: &a {x: 1}\n" + full("b: {<<: *a}\n"),
		"merges of themselves":  "a: &a {<<: *a}\n",
		"lists in lists":        full("["),
		"closed lists in lists": strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000),
		"mappings in mappings":  full("{a: "),
		"lists by indentation":  full("- "),
		"keys as lists":         full("? "),
		"a long number":         "spec: {maxUses: " + full("9") + "}\n",
		"a long exponent":       "spec: {maxUses: 1e" + full("9") + "}\n",
		"not a number":          "spec: {maxUses: .nan}\n",
		"infinite":              strings.Replace(text, "maxUses: 2", "maxUses: .inf", 1),
		"anchors":               full("- &a b\n"),
		"tags":                  full("!!a "),
		"binary":                "spec: !!binary " + full("A"),
		"a set":                 "!!set {apiVersion, kind}\n",
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := exception.Parse([]byte(bomb))
			runtime.ReadMemStats(&after)
			if err == nil || got.Refusal(noon, 0) != exception.Malformed {
				t.Errorf("it is read as %+v, %v", got, err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > most {
				t.Errorf("%d bytes are allocated for %d", grown, len(bomb))
			}
			if len(fmt.Sprint(err)) > 4<<10 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// TestMovedClock: at whatever time, an exception holds within its two times only, and nobody's use before or after is counted.
func TestMovedClock(t *testing.T) {
	e := sample()
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), noon.Add(-1), noon, noon.Add(time.Hour), e.Spec.Expires.Add(-1), e.Spec.Expires, e.Spec.Expires.Add(1), time.Unix(1<<40, 0),
		noon.Add(-1).In(time.FixedZone("east", 14*3600)), noon.In(time.FixedZone("west", -12*3600)),
	} {
		within := !at.Before(e.Spec.NotBefore) && at.Before(e.Spec.Expires)
		refused := e.Refusal(at, 0)
		_, changed, err := e.Count(sync, "fail", at)
		if (refused == "") != within || changed != within || (err == nil) != within {
			t.Errorf("at %s: refused %q, counted %t, %v", at, refused, changed, err)
		}
	}
}
