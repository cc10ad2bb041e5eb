// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"slices"
	"strings"
)

// dump is the one that is being read.
type dump struct {
	phase   phase
	crash   Crash
	certain bool // nobody but the runtime writes such a head
	preface bool // the head is a line before the fatal error
	signal  bool // the line of the signal that became a panic has come
	twice   Kind // another goroutine died at once, of this
	behind  bool // the dump before has only just ended, and other goroutines were running in it

	lines, bytes, foreign int
	blank                 bool // the line before was empty, of a fatal error some line
	glued                 bool // foreign text stands behind the line before, so that an empty line may be its newline
	aside                 bool // in the runtime's own stack, which comes before the goroutine
	stack                 stack

	running []int64 // other goroutines that were running in the dump whose rest passes by
}

type phase uint8

const (
	outside phase = iota // of any dump
	headed               // behind a head
	shown                // in the goroutine that died
	rest                 // of a dump whose crash is delivered or whose goroutine is known
)

func (d *dump) reset() {
	*d = dump{running: d.running[:0], stack: stack{frames: d.stack.frames[:0]}}
}

// read takes a line without its newline.
func (r *Recogniser) read(line []byte) {
	d := &r.dump
	if d.phase == headed || d.phase == shown {
		d.lines++
		d.bytes += len(line)
	}
	switch d.phase {
	case outside:
		r.begin(line)
	case headed:
		r.readHeaded(line)
	case shown:
		r.readShown(line)
	case rest:
		r.readRest(line)
	}
	if d.lines > maxLines || d.bytes > maxBytes || d.foreign > maxForeign {
		r.end()
	}
}

// begin begins a dump if the line is a head.
func (r *Recogniser) begin(line []byte) {
	kind, message, certain, ok := head(line)
	if !ok {
		return
	}
	d := &r.dump
	behind := d.phase == rest && len(d.running) > 0 && !r.apart()
	running := d.running
	d.reset()
	d.phase, d.certain, d.behind = headed, certain, behind
	if behind {
		d.running = running
	}
	d.preface = !bytes.HasPrefix(line, []byte(fatalHead))
	d.crash = Crash{
		Kind: kind, Message: clean(known(string(message)), maxMessage),
		Offset: r.at.Offset, InputLine: r.at.Line, Time: r.at.Time,
	}
}

// apart reports whether the line came too long behind the head of the dump to be of the same process' death.
func (r *Recogniser) apart() bool {
	then, now := r.dump.crash.Time, r.at.Time
	return !then.IsZero() && !now.IsZero() && now.Sub(then) > atOnce
}

// readHeaded reads a line between the head and the goroutine.
func (r *Recogniser) readHeaded(line []byte) {
	d := &r.dump
	empty := len(line) == 0
	blank := d.blank
	d.blank = empty || blank && d.crash.Kind != Panic // a panic is printed when the other threads stand still
	if kind, _, _, ok := head(line); ok {
		r.headAgain(kind, line)
		return
	}
	id, state, whole, ok := goroutineLine(line)
	switch {
	case empty:
		d.aside = false
	case ok && (blank || d.certain):
		if d.behind && slices.Contains(d.running, id) {
			d.phase = rest // of the dump before: the other goroutine that died at once
			return
		}
		d.phase, d.glued, d.running = shown, !whole, d.running[:0]
		d.stack = stack{frames: d.stack.frames[:0]}
		d.crash.Goroutine, d.crash.State = id, state
	case ok: // without an empty line: somebody has printed a panic that was recovered
		d.reset()
	case string(line) == "runtime stack:":
		d.aside, d.certain = true, d.certain || blank
	case d.aside && ofDump(line):
	default:
		r.readMessage(line)
	}
}

// headAgain reads a head behind a head.
func (r *Recogniser) headAgain(kind Kind, line []byte) {
	d := &r.dump
	switch {
	case d.signal && kind == Signal: // the rest of its line, torn
		d.foreign++
	case d.preface && (kind == d.crash.Kind || kind == Fatal) && !r.apart(): // its message can be torn
		d.preface = false
	case d.certain && d.foreign == 0 && !r.apart() && (kind == d.crash.Kind || kind.isMap() && d.crash.Kind.isMap()):
		d.twice = kind
	default: // the one before had no stack, or was no dump
		r.end()
		r.begin(line)
	}
}

// readMessage reads what may be more of the message, the beginning of a stack whose goroutine is torn, or foreign.
func (r *Recogniser) readMessage(line []byte) {
	d := &r.dump
	trimmed := bytes.TrimLeft(line, "\t")
	fatal, isFatal := bytes.CutPrefix(trimmed, []byte(fatalHead))
	kind, certain := fatalKind(trimmed)
	switch {
	case isFatal: // while a panic runs deferred calls
		d.crash.Kind, d.certain = fatalKind(fatal)
		d.crash.Message = clean(string(fatal), maxMessage)
	case d.crash.Kind == Fatal && kind != Fatal: // torn off its head
		d.crash.Kind, d.certain, d.crash.Message = kind, certain, clean(known(string(line)), maxMessage)
	case d.crash.Kind == Panic:
		d.foreign++
		text := string(trimmed)
		if strings.HasPrefix(text, signalLine) {
			d.signal = true
			if signal, _, ok := strings.Cut(text, " code=0x"); ok {
				text = signal + "]"
			}
		}
		d.crash.Message = clean(strings.TrimSpace(d.crash.Message+" "+text), maxMessage)
	case d.certain && d.stack.add(line):
		if len(d.stack.frames) > 0 {
			d.phase, d.stack.torn = shown, true
		}
	case bytes.HasPrefix(line, []byte("PC=0x")), bytes.HasPrefix(line, []byte(signalLine)), bytes.HasPrefix(line, []byte("runtime: sp=")):
	default:
		d.foreign++
	}
}

// readShown reads a line of the goroutine that died.
func (r *Recogniser) readShown(line []byte) {
	d := &r.dump
	glued := d.glued
	d.glued = false
	switch {
	case len(line) == 0 && glued: // the newline of the line that is torn
	case len(line) == 0, bytes.HasPrefix(line, []byte("goroutine ")), bytes.HasPrefix(line, []byte("[originating from ")), isExit(line):
		r.finish()
		r.readRest(line)
	case d.stack.add(line):
		d.glued = d.stack.glued
		if d.stack.ended {
			r.finish()
		}
	default:
		if _, _, _, ok := head(line); ok {
			r.finish()
			r.begin(line)
			return
		}
		d.foreign++
		d.glued = true
		d.stack.foreign(line)
	}
}

// readRest reads a line behind the goroutine that died.
func (r *Recogniser) readRest(line []byte) {
	d := &r.dump
	id, state, _, ok := goroutineLine(line)
	switch {
	case ok:
		if strings.HasPrefix(state, "running") && id != d.crash.Goroutine && len(d.running) < maxRunning {
			d.running = append(d.running, id)
		}
	case ofDump(line):
	default:
		r.begin(line)
		if d.phase == rest {
			d.reset()
		}
	}
}

// isExit knows what go run writes last.
func isExit(line []byte) bool { return bytes.HasPrefix(line, []byte("exit status ")) }

// end ends a dump in whatever it is.
func (r *Recogniser) end() {
	d := &r.dump
	switch {
	case d.phase == shown, d.phase == headed && d.certain && !d.behind:
		r.finish()
	case d.phase == headed:
		d.reset()
	}
}

// finish delivers the crash, unless its stack is one that the program has asked for.
func (r *Recogniser) finish() {
	d := &r.dump
	d.phase = rest
	d.stack.flush()
	if d.stack.asked() {
		return
	}
	c := d.crash
	user := d.stack.user(c.Kind)
	c.Function, c.File, c.Line, c.Caller = user.site.Function, user.site.File, user.site.Line, user.caller
	c.Stack = slices.Clone(d.stack.frames)
	c.Notes = d.notes()
	r.counts[c.Kind]++
	r.deliver(c)
}
