// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"strings"
)

// rank says how surely foreign text begins at a place, where it could also begin elsewhere.
type rank uint8

const (
	head    rank = iota // a known beginning of a log line
	unknown             // any text
	absurd              // ".17": a line hardly begins so, but a number goes on so
)

// rankOf judges text as the beginning of a log line. The known heads are
//
//	2026/11/21, 2026-11-21, 15:04:05, 5:04:05, 3:04PM     dates and times
//	level=, ts=, INFO, myapp: ...                         words, but neither units (12ms, 3rd) nor hexadecimal
//	{", [INFO, [2026-, <134>, ESC[, I1121 15:04           JSON, brackets, syslog, colours, klog
func rankOf(text []byte) rank {
	if len(text) == 0 {
		return unknown
	}
	c := text[0]
	switch {
	case c == '.' && len(text) > 1 && isDigit(text[1]):
		return absurd
	case isDigit(c):
		if isDate(text) || isTime(text) {
			return head
		}
	case isLetter(c):
		if isWord(text) || isKlog(text) {
			return head
		}
	case len(text) < 2:
	case c == '{' && text[1] == '"', c == '\x1b' && text[1] == '[', c == '[' && (isLetter(text[1]) || isDate(text[1:])):
		return head
	case c == '<':
		_, i := digits(text, 1)
		if i > 1 && i < len(text) && text[i] == '>' {
			return head
		}
	}
	return unknown
}

func isDigit(c byte) bool  { return c-'0' <= 9 }
func isLetter(c byte) bool { return c|0x20-'a' <= 'z'-'a' }

// two reads two digits of at most limit.
func two(b []byte, limit int64) bool {
	v, n := digits(b[:min(2, len(b))], 0)
	return n == 2 && v <= limit
}

// isDate knows YYYY/MM/DD and YYYY-MM-DD of this and the last century.
func isDate(b []byte) bool {
	return len(b) >= 10 && (string(b[:2]) == "20" || string(b[:2]) == "19") && two(b[2:], 99) &&
		(b[4] == '/' || b[4] == '-') && b[7] == b[4] && two(b[5:], 12) && two(b[8:], 31) &&
		(len(b) == 10 || bytes.IndexByte([]byte(" T\t,]_"), b[10]) >= 0) // not "+": 2026/11/21+0 ms cpu
}

// isTime knows H:MM:SS, HH:MM:SS and time.Kitchen.
func isTime(b []byte) bool {
	hour, n := digits(b[:min(3, len(b))], 0)
	if n == 0 || n > 2 || hour > 23 || len(b) < n+5 || b[n] != ':' || !two(b[n+1:], 59) {
		return false
	}
	rest := b[n+3:]
	if string(rest[:2]) == "AM" || string(rest[:2]) == "PM" {
		return hour >= 1 && hour <= 12
	}
	return rest[0] == ':' && two(rest[1:], 59)
}

// isKlog knows Lmmdd hh:mm:ss.
func isKlog(b []byte) bool {
	return bytes.IndexByte([]byte("IWEF"), b[0]) >= 0 && len(b) > 8 && two(b[1:], 12) && two(b[3:], 31) &&
		b[5] == ' ' && two(b[6:], 23) && b[8] == ':'
}

// units are the words that follow a number, so that text before them is no cut.
var units = map[string]bool{}

func init() {
	const all = `sec secs second seconds min mins minute minutes hour hours hrs day days week weeks month months year years
		bit bits byte bytes kib mib gib tib kbit mbit gbit kbps mbps gbps msec usec nsec millis micros nanos times
		req reqs rps qps rpm ops fps dpi hz khz mhz ghz`
	for _, unit := range strings.Fields(all) {
		units[unit] = true
	}
}

// isWord knows words that cannot be the rest of one that begins with digits: key=, or three letters and more, one of
// them beyond f, and no digit behind them.
func isWord(b []byte) bool {
	n, beyond := 0, false
	for n < len(b) && n < 32 && isLetter(b[n]) {
		beyond = beyond || b[n]|0x20 > 'f'
		n++
	}
	if n == len(b) || n == 32 || isDigit(b[n]) || units[strings.ToLower(string(b[:n]))] {
		return false
	}
	if b[n] == '=' {
		switch string(b[:n]) {
		case "s", "ms", "us", "ns", "h", "m", "x":
			return false
		}
		return true
	}
	return n >= 3 && beyond
}
