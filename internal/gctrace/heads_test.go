// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"strings"
	"testing"
)

// TestHeads has beginnings of log lines, one a row, that are known, that could be the rest of another text, and that no
// line has.
func TestHeads(t *testing.T) {
	for want, texts := range map[rank]string{
		head: `2026/11/21 06:00:00 x
			1999-12-31T23:59:59Z
			2026-11-21
			15:04:05 x
			5:04:05.123 x
			3:04PM INF x
			12:04AM
			level=info
			ts=2026
			time="2026"
			INFO[0000] x
			myapp: x
			panic: x
			[GIN] x
			[2026-11-21 06:00:00] x
			{"level":"info"}
			<134>1 x
			I1121 15:04:05.000000 x`,
		unknown: `5 errors
			2026
			2026/13/21 x
			2026/11/41 x
			2026/11-21 x
			2026/11/21+0.012 ms cpu
			2126/11/21 x
			25:04:05 x
			15:64:05 x
			15:04:65 x
			0:04PM
			13:04PM
			3:04XM
			15:04
			th attempt
			nd
			ms=5
			ms elapsed
			sec left
			MiB free
			Minutes
			fade to black
			deadbeef
			x86_64
			INFO2
			unended
			[5/10] x
			{x
			<b>
			<12
			- x
			"x"
			/usr/bin/x
			∆
			I1121
			I1321 15:04:05
			X1121 15:04:05`,
		absurd: `.17
			.028 x`,
	} {
		for _, text := range strings.Split(texts, "\n") {
			if text = strings.TrimLeft(text, "\t"); rankOf([]byte(text)) != want {
				t.Errorf("%q: rank %d, want %d", text, rankOf([]byte(text)), want)
			}
		}
	}
	for text, want := range map[string]rank{"": unknown, "\n": unknown, " x": unknown, "\tx": unknown, ".": unknown, "\x1b[36mINFO": head, "\x1b": unknown} {
		if got := rankOf([]byte(text)); got != want {
			t.Errorf("%q: rank %d, want %d", text, got, want)
		}
	}
}

// TestMerge: what two readings do not agree on is struck out, be it a value or whether a token was there.
func TestMerge(t *testing.T) {
	a, b := reading{set: 1<<nNumber | 1<<nLeak | 1<<nAt}, reading{set: 1<<nNumber | 1<<nAt, struck: 1 << nAt}
	a.value[nNumber], b.value[nNumber] = 3, 4
	a.merge(&b)
	if want := uint64(1<<nNumber | 1<<nLeak | 1<<nAt); a.struck != want {
		t.Errorf("struck %b, want %b", a.struck, want)
	}
	same := b
	same.struck = 0
	b.struck = 0
	same.merge(&b)
	if same.struck != 0 {
		t.Errorf("equal readings: struck %b", same.struck)
	}
}
