// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"strings"
)

// MaxSummary is the length of a summary in runes: it goes into termination messages and check lines.
const MaxSummary = 300

func summarize(outcome Outcome, in Input, reasons []Reason) string {
	if outcome == Pass {
		return cut(passing(in, reasons))
	}
	return fmt.Sprintf("%s: ", outcome) + leading(reasons, len(outcome)+len(": "))
}

// passing says what holds, and first of all what does not and why it passes.
func passing(in Input, reasons []Reason) string {
	if len(reasons) > 0 && reasons[0].Kind == KindExcepted {
		head := fmt.Sprintf("%s: by the exception %s, ", Pass, cutTo(reasons[0].Exception, 80))
		return head + leading(reasons, len([]rune(head)))
	}
	holds := "hold"
	if len(in.Evaluated) == 1 {
		holds = "holds"
	}
	text := fmt.Sprintf("%s: %s %s for %s", Pass, count(len(in.Evaluated), "rule"), holds, in.Subject)
	var beside []string
	if n := ofKind(reasons, KindWarn); n > 0 {
		beside = append(beside, count(n, "warning"))
	}
	if n := ofKind(reasons, KindDryRun); n > 0 {
		beside = append(beside, fmt.Sprintf("%d in dry run", n))
	}
	if len(beside) > 0 {
		text += fmt.Sprintf(", with %s: %s", strings.Join(beside, " and "), tagged(reasons[0]))
	}
	return text
}

// leading is the first reason and the number of others like it, in what a head of so many runes leaves.
func leading(reasons []Reason, head int) string {
	text, tail := tagged(reasons[0]), ""
	if more := ofKind(reasons, reasons[0].Kind) - 1; more > 0 {
		tail = fmt.Sprintf("; and %d more", more)
	}
	return cutTo(text, MaxSummary-head-len(tail)) + tail
}

func ofKind(reasons []Reason, kind Kind) (n int) {
	for _, r := range reasons {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

func tagged(r Reason) string { return fmt.Sprintf("%s [%s]", r.Text, strings.Join(r.Rules, ", ")) }

func cut(s string) string { return cutTo(s, MaxSummary) }

func cutTo(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-3]) + "..."
	}
	return s
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
