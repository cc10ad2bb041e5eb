// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package stacktext reads what the text forms of Go's profiles have in common (/debug/pprof/NAME?debug=1): records that
// begin with numbers and, behind an '@', the return addresses of a stack, and below each one its frames on '#' lines:
//
//	1: 288 [3: 864] @ 0x411a11 0x411b21 0x4a0c31 0x437e01
//	#	0x4a0c30	main.(*Cache).Put+0x70	/src/cache.go:31
//
// The runtime's own frames at the leaf have no '#' line: they are hidden, and their names are asked of
// /debug/pprof/symbol. What the numbers mean is the business of packages heap and goroutine.
//
// An address in this package's API is always a call address: the return PC minus one, as the '#' lines print it and as
// /debug/pprof/symbol must be asked. (Asked for the return PC itself it names the neighbour of an inlined call.) The one
// place that subtracts is Reader.hiddenUntil.
//
// A body is never held whole. A Reader keeps one buffer of lines, and per way that leads through the runtime to a call
// site one Chain: the hidden addresses, and the visible frames down to the site. Behind the site it only looks whether
// the stack is the observer's own, that is whether it serves or writes a profile; this is most of a text.
//
// The memory of a reading is kept for the next one, names included: processes of one build say the same names, so they
// share them.
package stacktext
