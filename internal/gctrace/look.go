// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import "bytes"

// look finds the next record, or begins a torn one.
func (s *Scanner) look() (found, more bool) {
	b := s.buf[s.lo:s.hi]
	i := bytes.Index(b, []byte("gc"))
	if i < 0 {
		i = len(b)
		if !s.eof && i > 0 && b[i-1] == 'g' {
			i--
		}
		s.consume(i)
		return false, true
	}
	if i+2 == len(b) {
		if s.eof {
			i += 2
		}
		s.consume(i)
		return false, true
	}
	if i > 0 {
		s.consume(i)
	}
	switch c := b[i+2]; {
	case c == ' ':
		return s.start()
	case isDigit(c):
		text, _, enough := s.text()
		if !enough {
			return false, true
		}
		if unsupported(text) {
			found = s.bad(s.here(), Unsupported, string(text[:min(len(text), maxExcerpt)]))
		}
	}
	s.consume(2)
	return found, false
}

// start reads the record that begins at lo with "gc ".
func (s *Scanner) start() (found, more bool) {
	text, ended, enough := s.text()
	if !enough {
		return false, true
	}
	c := &s.cycle
	if ended {
		if n, stacks, globals, ok := intact(text, c); ok {
			c.Mended, c.Ambiguous = false, false
			c.StacksMB, c.GlobalsMB = s.share(stacks, globals, c.Absent)
			at := s.here()
			if !c.Forced {
				n++ // the newline
			}
			s.record(s.buf[s.lo:s.lo+n], !c.Forced)
			return s.good(at), false
		}
	}
	if s.torn == nil {
		s.torn = new(mender)
	}
	m := s.torn
	m.begin(text, ended, s.here())
	if m.done { // a last line without newline
		s.consume(min(m.end, s.hi-s.lo))
		return s.mended(&m.result), false
	}
	s.consume(len("gc "))
	m.lineBytes = len("gc ")
	s.state = inLine
	return false, false
}

// text is what stands from lo to the end of the line, at most maxRecord bytes of it. ended: a newline follows. enough:
// more will not come or is not needed.
func (s *Scanner) text() (text []byte, ended, enough bool) {
	b := s.buf[s.lo:min(s.hi, s.lo+maxRecord)]
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], true, true
	}
	return b, false, s.eof || len(b) == maxRecord
}

// goOn offers a new line to the torn record.
func (s *Scanner) goOn() (found, more bool) {
	text, ended, enough := s.text()
	if !enough {
		return false, true
	}
	m := s.torn
	if m.live&(1<<nBlank) != 0 && (len(text) > 0 || ended) {
		r := &m.at[nBlank]
		if bytes.HasPrefix(text, []byte(forced)) {
			r.set |= 1 << nForced
			s.consume(len(forced))
		} else if r.hidden {
			r.struck |= 1 << nForced
		}
		return s.mended(r), false
	}
	if begins(text) {
		m.touched, m.lineBytes, m.words, s.state = false, 0, 0, inLine
		return s.word()
	}
	if m.read(text, ended) {
		s.consume(m.end)
		return s.mended(&m.result), false
	}
	m.lineBytes, m.words = 0, 0
	s.state = inLine
	if m.live == 0 {
		return s.abandon(Torn), false
	}
	return false, false
}

// foreign goes through foreign text to the end of the line, or to another record in it.
func (s *Scanner) foreign() (found, more bool) {
	m := s.torn
	b := s.buf[s.lo:min(s.hi, s.lo+maxRecord)] // not all: the same bytes would be searched for every word and line
	rest := s.hi - s.lo - len(b)
	end := bytes.IndexByte(b, '\n')
	if end >= 0 {
		b = b[:end]
	}
	if i := bytes.Index(b, []byte("gc")); i >= 0 {
		s.skip(i)
		if found, more = s.word(); found || more || s.state != inLine {
			return found, more
		}
		return s.limited(), false
	}
	switch {
	case end >= 0:
		s.skip(end + 1)
		m.lines++
		s.state = atLine
	case s.eof && rest == 0:
		s.skip(len(b))
		return s.abandon(Torn), true
	case len(b) > 1 && b[len(b)-1] == 'g':
		s.skip(len(b) - 1)
	case len(b) == 1 && b[0] == 'g': // what follows has not come
	default:
		s.skip(len(b))
	}
	return s.limited(), end < 0 && rest == 0
}

// limited gives the torn record up when it holds more than the settings allow.
func (s *Scanner) limited() bool {
	m := s.torn
	switch {
	case m.lineBytes > s.set.MaxLineBytes:
		return s.abandon(LineTooLong)
	case m.lines > s.set.MaxForeignLines, m.bytes > s.set.MaxForeignBytes:
		return s.abandon(TooForeign)
	}
	return false
}

// word looks at a "gc" in foreign text: another record, or perhaps the beginning of the torn one.
func (s *Scanner) word() (found, more bool) {
	text, ended, enough := s.text()
	if !enough {
		return false, true
	}
	m := s.torn
	switch {
	case unsupported(text):
		return s.abandon(Torn), false
	case !bytes.HasPrefix(text, []byte("gc ")):
		s.skip(2)
	case begins(text):
		if m.unforced(text) {
			return s.mended(&m.at[nP]), false
		}
		if m.begun && m.live != 0 && m.live&(1<<nP|1<<nBlank) == 0 {
			s.first = earlier{set: true, at: s.base + int64(s.lo), gc: m.number(), glued: m.touched && m.lineBytes > 0}
		}
		return s.abandon(Torn), false
	case m.begun || m.words == maxWords:
		s.skip(3)
	default:
		m.words++
		m.again(text, ended, s.here())
		m.lines, m.bytes = 0, 0
		s.skip(3)
	}
	return false, false
}

// skip consumes foreign text.
func (s *Scanner) skip(n int) {
	s.torn.bytes += n
	s.torn.lineBytes += n
	s.consume(n)
}
