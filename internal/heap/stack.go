// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "bytes"

// maxTries is how many '#' lines may come before one that meets a PC: more frames are hardly ever inlined into one
// another, and a foreign text must not make every line search all its PCs.
const maxTries = 64

// frameLine reads one '#' line of the open bucket: `#\t0xADDRESS\tNAME+0xOFFSET\tFILE:LINE`, the cells padded with tabs.
// Behind the site only the observer is looked for, because that is most of the text.
func (p *parser) frameLine(line []byte) error {
	if !p.open || p.idle {
		return nil
	}
	settled := p.matched || p.tries == maxTries
	if p.sited && settled {
		p.observer = p.observer || isObserver(frameName(line))
		return nil
	}
	address, rest, ok := frameAddress(line)
	if !ok {
		p.text.odd++
		return nil
	}
	if !settled {
		p.tries++
		if err := p.hiddenUntil(address); err != nil {
			return err
		}
	}
	if p.sited {
		p.observer = p.observer || isObserver(frameName(line))
		return nil
	}
	// The lines of cgo frames may share one address.
	if address == p.last {
		p.repeat++
	} else {
		p.last, p.repeat = address, 0
	}
	if p.held+len(p.path) >= p.limits.Addresses || len(p.frames.all) >= p.limits.Addresses {
		return p.limit("addresses", p.limits.Addresses)
	}
	id := p.frames.find(address, p.repeat, rest)
	p.path = append(p.path, id)
	frame := &p.frames.all[id]
	p.sited = !frame.skip
	p.observer = p.observer || frame.observer
	if p.sited && p.matched {
		p.restOfStack()
	}
	return nil
}

// restOfStack passes over the '#' lines behind the site as far as they are in the buffer. It is frameLine for most of a
// text, so it does nothing but look for the observer.
func (p *parser) restOfStack() {
	l := p.lines
	for {
		rest := l.buf[l.start:l.end]
		if len(rest) < 2 || rest[0] != '#' || rest[1] != '\t' {
			return
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return
		}
		p.observer = p.observer || isObserver(frameName(rest[:end]))
		l.start += end + 1
		l.line++
	}
}

// frameAddress takes `#`, tabs and an address from a line.
func frameAddress(line []byte) (address uint64, rest []byte, ok bool) {
	return hexadecimal(bytes.TrimLeft(line[1:], "\t"))
}

// frameName is the rest of a '#' line from the function's name on.
func frameName(line []byte) []byte {
	i := 1
	for i < len(line) && line[i] == '\t' {
		i++
	}
	for i < len(line) && line[i] != '\t' {
		i++
	}
	for i < len(line) && line[i] == '\t' {
		i++
	}
	return line[i:]
}

// hiddenUntil collects the addresses before the first one that has a '#' line: these frames are hidden. Only an equal
// call address counts: inlined frames stand side by side, so the return PC of one is often the address of the next. A line
// without a PC of its own is a virtual frame, one inlined into the caller of a hidden frame; the line after it decides.
func (p *parser) hiddenUntil(address uint64) error {
	for i, call := range p.hidden { // only when an earlier line did not decide
		if call == address {
			p.hidden, p.matched = p.hidden[:i], true
			return nil
		}
	}
	for len(p.ahead) > 0 {
		pc, rest, ok := hexadecimal(bytes.TrimLeft(p.ahead, " "))
		if !ok || len(rest) > 0 && rest[0] != ' ' {
			return p.syntax("got %s among the PCs of the record above, want 0x and up to 16 hexadecimal digits", excerpt(p.ahead))
		}
		p.ahead = rest
		call := max(pc, 1) - 1
		if call == address {
			p.matched = true
			return nil
		}
		p.hidden = append(p.hidden, call)
	}
	return nil
}

// finish adds the open bucket to its group.
func (p *parser) finish() error {
	if !p.open {
		return nil
	}
	p.open = false
	if p.idle {
		return nil
	}
	if !p.text.Total.add(p.now.totals) {
		return p.syntax("the sum of the records is more than an int64 holds")
	}
	if p.observer {
		p.text.Observer.add(p.now.totals)
		return nil
	}
	if len(p.path) == 0 {
		p.hidden = p.hidden[:0] // no '#' line at all: there is no site, so no name would help
	}
	g, err := p.group()
	if err != nil {
		return err
	}
	g.add(p.now)
	return nil
}
