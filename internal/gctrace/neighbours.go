// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import "bytes"

// Neighbours counts lines of the runtime's other traces, by how they begin. Where other writers tear them the beginning can
// be missing; then they are not counted. inittrace is not counted: it begins with a word that logs begin with too.
type Neighbours struct {
	Scav     int64 // scavtrace=1: `scav 0 KiB work (bg), ...`
	Pacer    int64 // gcpacertrace=1: `pacer: assist ratio=...`, three lines a cycle
	Scan     int64 // gctrace=2 since Go 1.23: `scan: class 8B ...`
	Periodic int64 // `GC forced`: the cycle of the two minutes, which a gctrace line does not tell
}

// neighbours are the beginnings, at most maxBeginning bytes long.
const (
	scavBeginning     = "scav "
	pacerBeginning    = "pacer: "
	scanBeginning     = "scan: "
	periodicBeginning = "GC forced"
	maxBeginning      = len(periodicBeginning)
)

// lines counts the newlines of the next text and the neighbours in it.
type lines struct {
	newlines int
	found    Neighbours
	inside   bool // the next byte is not the first of a line
	begun    []byte
	held     [maxBeginning]byte // begun is in it: the beginning of a line, as far as it has come
}

func (l *lines) add(b []byte) {
	for len(b) > 0 {
		if !l.inside || len(l.begun) > 0 {
			l.begin(b)
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			l.inside = true
			return
		}
		l.newlines++
		l.inside = false
		b = b[i+1:]
	}
}

// record goes over an intact record, and its newline if it has ended.
func (l *lines) record(b []byte, ended bool) {
	if len(l.begun) > 0 {
		l.begin(b)
	}
	l.begun, l.inside = nil, !ended
	if ended {
		l.newlines++
	}
}

// begin looks at the beginning of a line, or at more of it.
func (l *lines) begin(b []byte) {
	if len(l.begun) == 0 {
		if c := b[0]; c != 's' && c != 'p' && c != 'G' {
			return
		}
		if len(b) >= maxBeginning {
			l.found.count(b)
			return
		}
		l.begun = l.held[:0]
	}
	l.begun = append(l.begun, b[:min(len(b), maxBeginning-len(l.begun))]...)
	if len(l.begun) == maxBeginning || bytes.IndexByte(l.begun, '\n') >= 0 {
		l.found.count(l.begun)
		l.begun = nil
	}
}

func (n *Neighbours) count(line []byte) {
	switch {
	case bytes.HasPrefix(line, []byte(scavBeginning)) && len(line) > len(scavBeginning) && isDigit(line[len(scavBeginning)]):
		n.Scav++
	case bytes.HasPrefix(line, []byte(pacerBeginning)):
		n.Pacer++
	case bytes.HasPrefix(line, []byte(scanBeginning)):
		n.Scan++
	case bytes.HasPrefix(line, []byte(periodicBeginning)):
		n.Periodic++
	}
}
