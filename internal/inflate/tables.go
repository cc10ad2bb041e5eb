// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package inflate

import "math/bits"

// An entry tells what the next bits mean.
//
//	bits 0-7    bits to take, those of the code and of what it has extra
//	bits 8-11   bits of the code alone (lengths and distances); literals: how many, 1 or 2
//	bits 12-15  what it is
//	bits 16-31  literals: the first and the second; lengths and distances: the base; subtables: where they begin
//
// In an entry that points to a subtable, bits 0-7 are those of the main table and bits 8-11 those of the subtable.
type entry = uint32

const (
	isLiteral  = 1 << 15
	isSubtable = 1 << 14
	isEnd      = 1 << 13
	isInvalid  = 1 << 12
	isSpecial  = isSubtable | isEnd | isInvalid

	literalBits  = 11
	distanceBits = 8
	maxCode      = 15 // bits

	// Subtables: at most as many entries as codes that are longer than the main table's bits could fill; these numbers are
	// zlib's ENOUGH, rounded up.
	literalEntries  = 1<<literalBits + 1024
	distanceEntries = 1<<distanceBits + 512
)

var (
	literalSymbols  [288]entry
	distanceSymbols [32]entry
)

// RFC 1951, 3.2.5.
func init() {
	for i := range 256 {
		literalSymbols[i] = entry(i)<<16 | 1<<8 | isLiteral
	}
	literalSymbols[256] = isEnd
	base := 3
	for i := range 28 {
		extra := max(i/4-1, 0)
		literalSymbols[257+i] = entry(base)<<16 | entry(extra)
		base += 1 << extra
	}
	literalSymbols[285] = 258 << 16
	literalSymbols[286], literalSymbols[287] = isInvalid, isInvalid
	base = 1
	for i := range 30 {
		extra := max(i/2-1, 0)
		distanceSymbols[i] = entry(base)<<16 | entry(extra)
		base += 1 << extra
	}
	distanceSymbols[30], distanceSymbols[31] = isInvalid, isInvalid
}

// fill makes a decoding table of the code lengths of symbols. It refuses what is no code: oversubscribed, or incomplete
// but for a single code of one bit, or none at all where empty is allowed: a bit pattern without a code is then invalid.
// short, unless nil, gets the literals whose codes are shorter than the table's index.
func fill(table []entry, main int, lengths []uint8, symbols []entry, short *shortCodes) bool {
	var count [maxCode + 1]int
	for _, n := range lengths {
		count[n]++
	}
	used := len(lengths) - count[0]
	count[0] = 0
	longest := maxCode
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	// The codes in order: by length, then by symbol.
	var next [maxCode + 1]int
	left := 1
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - count[n]
		if left < 0 {
			return false
		}
		next[n] = next[n-1] + count[n-1]
	}
	if left > 0 && !(used == 0 || used == 1 && longest == 1) {
		return false
	}
	var sorted [288]uint16
	for symbol, n := range lengths {
		if n > 0 {
			sorted[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	place(table, main, sorted[:used], &count, symbols, short)
	return true
}

// place writes the codes into the table. Codes grow by one, read from the highest bit; the stream has the highest bit
// first, so an index is a code reversed. The table grows with the codes' length: for each bit more, what there is comes again.
func place(table []entry, main int, sorted []uint16, count *[maxCode + 1]int, symbols []entry, short *shortCodes) {
	reversed, at := uint32(0), 0
	table[0] = isInvalid | 1
	for n := 1; n <= main; n++ {
		copy(table[1<<(n-1):1<<n], table[:1<<(n-1)])
		for _, s := range sorted[at : at+count[n]] {
			e := symbols[s] + entry(n)
			if e&(isLiteral|isSpecial) == 0 {
				e += entry(n) << 8
			} else if short != nil && e&isLiteral != 0 && n < main {
				short.all[short.n] = shortCode{e, reversed}
				short.n++
			}
			table[reversed] = e
			reversed = following(reversed, n)
		}
		at += count[n]
	}
	end := 1 << main // of the table in use
	from, prefix, sub := 0, ^uint32(0), 0
	for n := main + 1; n <= maxCode; n++ {
		for left := count[n]; left > 0; left-- {
			symbol := symbols[sorted[at]]
			at++
			if low := reversed & (1<<main - 1); low != prefix {
				prefix, from = low, end
				// The subtable has as many bits as the codes with this prefix need.
				sub = n - main
				for room := left; room < 1<<sub && main+sub < maxCode; {
					sub++
					room = room<<1 + count[main+sub]
				}
				end += 1 << sub
				table[low] = entry(from)<<16 | isSubtable | entry(sub)<<8 | entry(main)
			}
			rest := n - main
			e := symbol + entry(rest)
			if symbol&(isLiteral|isSpecial) == 0 {
				e += entry(rest) << 8
			}
			for i := int(reversed >> main); i < 1<<sub; i += 1 << rest {
				table[from+i] = e
			}
			reversed = following(reversed, n)
		}
	}
}

// following gives the code of n bits behind another, both reversed; 0 behind the last one.
func following(reversed uint32, n int) uint32 {
	zeros := ^reversed & (1<<n - 1)
	if zeros == 0 {
		return 0
	}
	bit := uint32(1) << (bits.Len32(zeros) - 1)
	return reversed&(bit-1) | bit
}

// shortCodes are the literals that may share an entry with another, the shortest first.
type shortCodes struct {
	n   int
	all [256]shortCode
}

type shortCode struct {
	entry    entry
	reversed uint32
}

// pair makes entries of two literals where the codes of both fit into the table's index.
func pair(table *[1 << literalBits]entry, short *shortCodes) {
	all := short.all[:short.n]
	for _, first := range all {
		n := first.entry & 0xff
		for _, second := range all {
			both := n + second.entry&0xff
			if both > literalBits {
				break
			}
			e := first.entry + second.entry&0xff + 1<<8 | second.entry&0xff0000<<8
			for i := first.reversed | second.reversed<<n; i < uint32(len(table)); i += 1 << both {
				table[i] = e
			}
		}
	}
}
