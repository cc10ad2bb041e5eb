// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"encoding/json"
)

// detect decides the format by the first line; Auto means that more of it is needed.
func detect(in []byte, eof bool) Format {
	n, whole := lineEnd(in)
	if !whole && !eof && n < maxFirst && (n == 0 || in[0] == '{' || isDigit(in[0])) {
		return Auto
	}
	if _, _, ok := dockerText(in[:n]); ok {
		return Docker
	}
	if _, _, ok := criText(in[:n]); ok {
		return CRI
	}
	return Raw
}

// lineEnd is the length of the first line with its newline, or of all there is.
func lineEnd(b []byte) (n int, whole bool) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1, true
	}
	return len(b), false
}

// dockerText reads one line of docker's json-file log. mine: it went to stderr.
func dockerText(line []byte) (text []byte, mine, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return nil, false, false
	}
	var entry struct {
		Log    *string `json:"log"`
		Stream string  `json:"stream"`
	}
	if json.Unmarshal(line, &entry) != nil || entry.Log == nil {
		return nil, false, false
	}
	switch entry.Stream {
	case "stderr":
		return []byte(*entry.Log), true, true
	case "stdout":
		return nil, false, true
	}
	return nil, false, false
}

// stampOf finds the time in a line that is wrapped.
func stampOf(line []byte, f Format) []byte {
	var end byte = ' '
	if f == Docker {
		const key = `"time":"`
		i := bytes.LastIndex(line, []byte(key))
		if i < 0 {
			return nil
		}
		line, end = line[i+len(key):], '"'
	}
	if i := bytes.IndexByte(line, end); i >= 0 {
		return line[:i]
	}
	return nil
}

// criText reads one line of a CRI log: `2026-11-21T06:00:00.123456789Z stderr F text`. mine: it went to stderr. The tag
// may have more parts behind a colon.
func criText(line []byte) (text []byte, mine, ok bool) {
	at, rest, found := bytes.Cut(line, []byte{' '})
	if !found || len(at) < len("2026-11-21T06:00:00Z") || !isDate(at) || at[10] != 'T' || !isTime(at[11:]) {
		return nil, false, false
	}
	stream, rest, _ := bytes.Cut(rest, []byte{' '})
	if string(stream) != "stderr" && string(stream) != "stdout" {
		return nil, false, false
	}
	tag, text, found := bytes.Cut(rest, []byte{' '})
	if !found {
		tag, text = bytes.TrimRight(rest, "\r\n"), rest[len(rest):]
	}
	tag, _, _ = bytes.Cut(tag, []byte{':'})
	switch string(tag) {
	case "F":
	case "P":
		text = bytes.TrimSuffix(text, []byte{'\n'})
	default:
		return nil, false, false
	}
	return text, string(stream) == "stderr", true
}
