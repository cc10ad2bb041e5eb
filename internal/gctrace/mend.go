// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"math/bits"
)

// mender follows every reading of a torn record, line by line. See the package comment.
type mender struct {
	start   start // where a record began last
	excerpt string

	begun     bool  // "gc N @" was read: no mere log line
	gc        int64 // the N, 0 if it is torn
	lines     int   // since it began
	bytes     int
	lineBytes int  // of the current line
	words     int  // "gc " in the current line
	touched   bool // a reading used text of the current line
	token     int  // where the last of the tokens stands in the current line that no log line has; -1: nowhere

	live uint64 // bit n: readings[n] is alive
	at   [nodes]reading

	done   bool
	result reading
	end    int // bytes of the last line that belong to the record
}

const (
	maxLookalike = 6 // tokens in a row that foreign text is believed to look like
	maxWords     = 8 // "gc " in one line of a log that are tried as the start of a torn record
)

// reading is one way to read the text so far; it waits for a token after node n at the start of a later line. Readings
// that wait at the same node have the same future, so they are kept as one, with the values that differ struck out.
type reading struct {
	start  start
	gap    bool
	hidden bool   // " (forced)" may stand in the foreign text behind " P"
	set    uint64 // bit n: token n was read
	struck uint64 // of these, those with several values
	value  [nodes]int64
}

func (m *mender) begin(text []byte, ended bool, at start) {
	m.live, m.lines, m.bytes, m.lineBytes, m.words = 0, 0, 0, 0, 0
	m.begun, m.gc = begins(text), 0
	if m.begun {
		m.gc, _ = digits(text, len("gc "))
	}
	m.done = false
	m.again(text, ended, at)
}

// again adds the readings of a record that starts with text.
func (m *mender) again(text []byte, ended bool, at start) {
	m.start = at
	m.excerpt = string(text[:min(len(text), maxExcerpt)])
	m.touched = true
	text, ended = own(text, ended)
	m.token = lastToken(text)
	m.walk(reading{start: at}, nStart, text, ended, false)
}

// read takes the next line, or its first maxRecord bytes, without newline. It reports whether the record is complete.
func (m *mender) read(text []byte, ended bool) bool {
	m.touched, m.done = false, false
	text, ended = own(text, ended)
	m.token = lastToken(text)
	for live := m.live; live != 0; { // from the last node down: what a walk adds is not walked again on this line
		n := node(63 - bits.LeadingZeros64(live))
		live &^= 1 << n
		from := m.at[n]
		if n < nP && m.token >= 0 {
			m.live &^= 1 << n // its own tokens went by after a fragment without newline, unless it goes on here
		}
		m.walk(from, n, text, ended, true)
	}
	m.begun = m.begun || m.live>>nS != 0
	return m.done
}

// walk reads tokens from the start of text as far as they go, and opens gaps at the last few numbers, because foreign
// text can look like the next tokens: `0+2026/11/21 ...` has the slashes of `0+0.1/0.2/`. Where a known head of a log
// line stands at one of them, the gap is there.
func (m *mender) walk(r reading, at node, text []byte, ended, resumed bool) {
	var places [maxLookalike]place
	reached := reach(at, text)
	count := 0
	for i, n := 0, 0; ; n++ {
		waited := resumed && n == 0
		if at == nP {
			m.close(r, text[i:], i, ended, waited)
			break
		}
		if number := grammar[at].next[0]; grammar[number].kind != literal && i > m.token && n >= reached-maxLookalike {
			p := place{at: at, number: number, i: i, set: r.set, waited: waited, runsOn: n+2 < reached}
			p.measure(text)
			if p.best == head {
				m.open(&r, &p, text)
				return
			}
			places[count%maxLookalike] = p
			count++
		}
		next, end, value := step(at, text, i)
		if next == nStart {
			if grammar[grammar[at].next[0]].kind == literal && i > m.token && !waited {
				m.wait(r, at)
			}
			break
		}
		r.set |= 1 << next
		r.value[next] = value
		at, i = next, end
	}
	for n := range count {
		m.open(&r, &places[n], text)
	}
}

// reach is the number of tokens after node at that stand at the start of text.
func reach(at node, text []byte) int {
	n := 0
	for i := 0; at != nP; n++ {
		next, end, _ := step(at, text, i)
		if next == nStart {
			break
		}
		at, i = next, end
	}
	return n
}

// close ends a record after " P": with " (forced)", with the newline, or, after foreign text, with an empty line.
func (m *mender) close(r reading, rest []byte, i int, ended, waited bool) {
	switch {
	case bytes.HasPrefix(rest, []byte(forced)):
		r.set |= 1 << nForced
		m.finish(&r, i+len(forced))
	case ended && len(bytes.TrimSuffix(rest, []byte{'\r'})) == 0:
		if waited {
			m.wait(r, nBlank)
			return
		}
		m.finish(&r, i+len(rest)+1)
	default:
		r.hidden = r.hidden || !ended || bytes.Contains(rest, []byte(forced))
		m.wait(r, nP)
	}
}

func (m *mender) finish(r *reading, end int) {
	if m.done {
		m.result.merge(r)
		return
	}
	m.done, m.result, m.end = true, *r, end
}

// wait leaves the reading in a gap of foreign text behind token at.
func (m *mender) wait(r reading, at node) {
	r.gap = true
	m.touched = true
	if m.live&(1<<at) == 0 {
		m.live |= 1 << at
		m.at[at] = r
		return
	}
	m.at[at].merge(&r)
}

// merge strikes out what two readings do not agree on.
func (r *reading) merge(other *reading) {
	r.struck |= other.struck | (r.set ^ other.set)
	for both := r.set & other.set; both != 0; both &= both - 1 {
		n := bits.TrailingZeros64(both)
		if r.value[n] != other.value[n] {
			r.struck |= 1 << n
		}
	}
	r.set |= other.set
	r.gap = r.gap || other.gap
	r.hidden = r.hidden || other.hidden
}

// unforced reports whether next, the start of a record at the start of a line, shows that a record whose readings wait
// behind " P" was not forced: it is the next cycle of the same process, so that the newline before it ended both the
// record and a fragment in it, `... 2 Pprogress 3.`
func (m *mender) unforced(next []byte) bool {
	r := &m.at[nP]
	gc, _ := digits(next, len("gc "))
	return m.live&(1<<nP) != 0 && !r.hidden && m.lines == 1 && m.lineBytes == 0 && r.struck == 0 && gc == r.value[nNumber]+1
}

// number is the number of the cycle, 0 if the readings have none in common.
func (m *mender) number() int64 {
	gc := m.gc
	if gc != 0 {
		return gc
	}
	for live := m.live; live != 0; live &= live - 1 {
		r := &m.at[bits.TrailingZeros64(live)]
		if r.set&^r.struck&(1<<nNumber) == 0 || gc != 0 && gc != r.value[nNumber] {
			return 0
		}
		gc = r.value[nNumber]
	}
	return gc
}
