// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import "bytes"

// maxTries is how many '#' lines may come before one that meets a PC: more frames are hardly ever inlined into one
// another, and a foreign text must not make every line search all its PCs.
const maxTries = 64

// maxCallers is how many frames behind the site are told of a stack that is wanted whole.
const maxCallers = 128

// openStack is the stack of the record being read. Its slices are kept from record to record.
type openStack struct {
	ahead    []byte   // the end of Reader.stack that is not looked at yet
	hidden   []uint64 // its hidden addresses, leaf first
	matched  bool     // hidden is complete: a '#' line met its PC
	tries    int      // how many '#' lines looked for one
	path     []int32  // its visible frames, leaf first, down to the site
	sited    bool     // the last of path is the site
	whole    bool     // callers are wanted
	callers  []int32  // the visible frames behind the site
	follows  bool     // the owner is looked for
	owner    int32    // first frame behind a Followed site that is no Library; -1 for none
	marks    Mark     // of the frames between them
	observer bool     // the stack is the observer's own
	last     frameKey // of the '#' line before
}

func (s *openStack) reset() {
	*s = openStack{hidden: s.hidden[:0], path: s.path[:0], callers: s.callers[:0], owner: -1}
}

// Open begins the stack of a record: pcs is what stands behind its '@'. whole: Callers will be asked.
func (r *Reader) Open(pcs []byte, whole bool) {
	r.stack = append(r.stack[:0], pcs...)
	r.open.reset()
	r.open.ahead, r.open.whole = r.stack, whole
}

// Observed reports whether the open stack is the observer's own, as far as its frames are read.
func (r *Reader) Observed() bool { return r.open.observer }

// Callers are the visible frames behind the site of the open stack, the nearest first, up to 128; indices into
// Table.Frames. They are valid until the next Open.
func (r *Reader) Callers() []int32 { return r.open.callers }

// Owner is the frame to which a Followed site of the open stack leads, an index into Table.Frames, and the marks of the
// frames between them. ok is false where the site is not Followed, or nothing but Library is behind it.
func (r *Reader) Owner() (id int32, between Mark, ok bool) {
	return r.open.owner, r.open.marks, r.open.owner >= 0
}

// Frame reads one '#' line of the open stack: `#\t0xADDRESS\tNAME+0xOFFSET\tFILE:LINE`, the cells padded with tabs.
// Behind the site, and its owner where that is looked for, only the observer is looked for, because that is most of the text.
func (r *Reader) Frame(line []byte) error {
	s := &r.open
	settled := s.matched || s.tries == maxTries
	if s.sited && settled && !s.whole && !s.follows {
		s.observer = s.observer || IsObserver(line[nameAt(line):])
		return nil
	}
	address, rest, ok := frameAddress(line)
	if !ok {
		r.odd++
		return nil
	}
	if !settled {
		s.tries++
		if err := r.hiddenUntil(address); err != nil {
			return err
		}
	}
	if s.sited && !s.follows && (!s.whole || len(s.callers) == maxCallers) {
		s.observer = s.observer || IsObserver(line[nameAt(line):])
		return nil
	}
	if address == s.last.address {
		s.last.repeat++
	} else {
		s.last = frameKey{address, 0}
	}
	if s.follows && s.last.repeat == 0 && r.passes(address, rest) {
		return nil
	}
	if r.chains.held()+len(s.path) >= r.limits.Addresses || len(r.frames) >= r.limits.Addresses {
		if s.follows { // the text is worth more than an owner
			s.follows = false
			return nil
		}
		return r.Limit("addresses", r.limits.Addresses)
	}
	r.visible(r.frame(s.last, rest))
	if s.sited && s.matched && !s.whole && !s.follows {
		r.restOfStack()
	}
	return nil
}

// visible adds a frame to the open stack.
func (r *Reader) visible(id int32) {
	s, frame := &r.open, &r.frames[id]
	s.observer = s.observer || frame.Observer
	if s.follows {
		if frame.Mark&Library != 0 { // of cgo
			s.marks |= frame.Mark
		} else {
			s.owner, s.follows = id, false
		}
	}
	if s.sited {
		if s.whole && len(s.callers) < maxCallers {
			s.callers = append(s.callers, id)
		}
		return
	}
	s.path = append(s.path, id)
	s.sited = !frame.Skip
	s.follows = s.sited && frame.Mark&Followed != 0
}

// passedFrame is a Library's frame at an address.
type passedFrame struct {
	address  uint64
	mark     Mark // 0 where nothing was seen yet
	observer bool
}

// passes takes the next frame behind a Followed site, unless it is the owner. Of a Library's only the mark is kept.
func (r *Reader) passes(address uint64, rest []byte) bool {
	s := &r.open
	seen := &r.passed[address*0x9e3779b97f4a7c15>>56]
	if seen.address != address || seen.mark == 0 {
		cell, file, _ := splitFrame(rest)
		name := r.names.intern(cell)
		mark := name.mark
		if mark&(Standard|Closure) != 0 {
			mark = mark.in(r.names.intern(file).mark)
		}
		if mark&Library == 0 {
			return false
		}
		*seen = passedFrame{address, mark, name.observer}
	}
	s.marks |= seen.mark
	s.observer = s.observer || seen.observer
	return true
}

// maxNameAt is where the name begins in `#\t0x`, 16 digits, `\tNAME`.
const maxNameAt = 21

// restOfStack passes over the '#' lines behind the site as far as they are in the buffer. It is Frame for most of a
// text, so it does nothing but look for the observer. Where the name of one line begins, that of the next nearly always
// does. Should that place be behind the name, because the address is shorter, then the name is too short to be the
// observer's: it ends before maxNameAt.
func (r *Reader) restOfStack() {
	l, at := &r.Lines, 1
	rest := l.buf[l.start:l.end]
	for len(rest) > 1 && rest[0] == '#' && rest[1] == '\t' {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		if at >= end || at < 4 || at > maxNameAt || rest[2] == '\t' || rest[at-1] != '\t' || rest[at] == '\t' {
			at = nameAt(rest[:end])
		}
		if at < end && IsObserver(rest[at:end]) && at == nameAt(rest[:end]) {
			r.open.observer = true
		}
		rest = rest[end+1:]
		l.line++
	}
	l.start = l.end - len(rest)
}

// hiddenUntil collects the addresses before the first one that has a '#' line: these frames are hidden. Only an equal
// call address counts: inlined frames stand side by side, so the return PC of one is often the address of the next. A line
// without a PC of its own is a virtual frame, one inlined into the caller of a hidden frame; the line after it decides.
func (r *Reader) hiddenUntil(address uint64) error {
	s := &r.open
	for i, call := range s.hidden { // only when an earlier line did not decide
		if call == address {
			s.hidden, s.matched = s.hidden[:i], true
			return nil
		}
	}
	for len(s.ahead) > 0 {
		pc, rest, ok := Hexadecimal(bytes.TrimLeft(s.ahead, " "))
		if !ok || len(rest) > 0 && rest[0] != ' ' {
			return r.Syntax("got %s among the PCs of the record above, want 0x and up to 16 hexadecimal digits", Excerpt(s.ahead))
		}
		s.ahead = rest
		call := max(pc, 1) - 1
		if call == address {
			s.matched = true
			return nil
		}
		s.hidden = append(s.hidden, call)
	}
	return nil
}

// Chain ends the open stack and gives its index in Table.Chains, which grow by one where it is a new one.
func (r *Reader) Chain() (int, error) {
	s := &r.open
	if len(s.path) == 0 || !s.matched {
		s.hidden = s.hidden[:0] // no '#' line at all: there is no site, so no name would help
	}
	return r.chains.find(s, r)
}
