// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import "bytes"

// step reads the token after node at, if it stands at text[i:]; a number only together with what must follow it. It
// returns nStart if it does not.
func step(at node, text []byte, i int) (next node, end int, value int64) {
	for _, next := range grammar[at].next {
		t := grammar[next]
		if t.kind == literal {
			if bytes.HasPrefix(text[i:], []byte(t.text)) {
				return next, i + len(t.text), 0
			}
			continue
		}
		end := i + numberRun(text[i:])
		if v, ok := t.kind.cut(text[i:end]); ok && literalFollows(next, text[end:]) {
			return next, end, v
		}
	}
	return nStart, i, 0
}

func literalFollows(at node, text []byte) bool {
	for _, next := range grammar[at].next {
		if bytes.HasPrefix(text, []byte(grammar[next].text)) {
			return true
		}
	}
	return false
}

// numberRun is the length of the run of digits and points at the start of b.
func numberRun(b []byte) int {
	n := 0
	for n < len(b) && n < 2*maxDigits && (b[n]-'0' <= 9 || b[n] == '.') {
		n++
	}
	return n
}

// own is the text up to the next record that begins in it.
func own(text []byte, ended bool) ([]byte, bool) {
	for i := 1; ; i++ {
		n := bytes.Index(text[min(i, len(text)):], []byte("gc "))
		if n < 0 {
			return text, ended
		}
		if i += n; begins(text[i:]) {
			return text[:i], false
		}
	}
}

// lastToken is where the last of the tokens stands that no log line has, -1 without one.
func lastToken(text []byte) int {
	if !bytes.Contains(text, []byte(" MB ")) && !bytes.Contains(text, []byte(" ms c")) && !bytes.Contains(text, []byte(" (check")) {
		return -1
	}
	last := -1
	for _, token := range []string{leakCheck, " ms clock, ", " ms cpu, ", " MB goal, ", " MB stacks, ", " MB globals, "} {
		last = max(last, bytes.LastIndex(text, []byte(token)))
	}
	return last
}
