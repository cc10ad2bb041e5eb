// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"math/bits"
)

// mender follows every reading of a torn record, line by line. See the package comment.
type mender struct {
	line    int // on which a record began last
	offset  int64
	excerpt string

	begun     bool // "gc N @" was read: no mere log line
	lines     int  // since it began
	bytes     int
	lineBytes int  // of the current line
	touched   bool // a reading used text of the current line
	token     int  // where the last of the tokens stands in the current line that no log line has; -1: nowhere

	live uint64 // bit n: readings[n] is alive
	at   [nodes]reading

	done   bool
	result reading
	end    int // bytes of the last line that belong to the record
}

// maxLookalike is how many tokens in a row foreign text is believed to look like.
const maxLookalike = 6

// reading is one way to read the text so far; it waits for a token after node n at the start of a later line. Readings
// that wait at the same node have the same future, so they are kept as one, with the values that differ struck out.
type reading struct {
	line   int // on which it began
	offset int64
	gap    bool
	hidden bool   // " (forced)" cannot come any more
	set    uint64 // bit n: token n was read
	struck uint64 // of these, those with several values
	value  [nodes]int64
}

func (m *mender) begin(text []byte, ended bool, line int, offset int64) {
	m.live, m.lines, m.bytes, m.lineBytes = 0, 0, 0, 0
	m.begun = begins(text)
	m.done = false
	m.again(text, ended, line, offset)
}

// again adds the readings of a record that starts with text.
func (m *mender) again(text []byte, ended bool, line int, offset int64) {
	m.line, m.offset = line, offset
	m.excerpt = string(text[:min(len(text), maxExcerpt)])
	m.touched = true
	text, ended = own(text, ended)
	m.token = lastToken(text)
	m.walk(reading{line: line, offset: offset}, nStart, text, ended, false)
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
		if n < nP && (m.token >= 0 || bytes.HasPrefix(text, []byte(leakCheck))) {
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

// place is where a number is expected behind node at.
type place struct {
	at, number node
	i          int
	run        int    // length of the digits and points there
	set        uint64 // of the reading
	waited     bool   // at the start of a line, where the number is waited for anyway
	runsOn     bool   // the token behind the number and another number stand there too: no foreign text begins with them
	best       rank
}

// measure finds how well the best of the gaps around the number begins.
func (p *place) measure(text []byte) {
	p.best = rankOf(text[p.i:])
	p.run = numberRun(text[p.i:])
	for n := 1; n <= p.run; n++ {
		if _, ok := grammar[p.number].kind.cut(text[p.i : p.i+n]); ok {
			p.best = min(p.best, rankOf(text[p.i+n:]))
		}
	}
}

// open opens the best gaps around a number: before it, and behind the cuts of the digits that the runtime could have
// printed.
func (m *mender) open(r *reading, p *place, text []byte) {
	before := *r
	before.set = p.set
	if !p.waited && rankOf(text[p.i:]) == p.best {
		m.wait(before, p.at)
	}
	for n := 1; n <= p.run; n++ {
		v, ok := grammar[p.number].kind.cut(text[p.i : p.i+n])
		if !ok || n == p.run && p.runsOn || rankOf(text[p.i+n:]) > p.best {
			continue
		}
		cut := before
		cut.set |= 1 << p.number
		cut.value[p.number] = v
		m.wait(cut, p.number)
	}
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
	case !waited:
		r.hidden = !ended || bytes.Contains(rest, []byte(forced))
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
	var gc int64
	for live := m.live; live != 0; live &= live - 1 {
		r := &m.at[bits.TrailingZeros64(live)]
		if r.set&^r.struck&(1<<nNumber) == 0 || gc != 0 && gc != r.value[nNumber] {
			return 0
		}
		gc = r.value[nNumber]
	}
	return gc
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
	if !bytes.Contains(text, []byte(" MB ")) && !bytes.Contains(text, []byte(" ms c")) {
		return -1
	}
	last := -1
	for _, token := range []string{" ms clock, ", " ms cpu, ", " MB goal, ", " MB stacks, ", " MB globals, "} {
		last = max(last, bytes.LastIndex(text, []byte(token)))
	}
	return last
}
