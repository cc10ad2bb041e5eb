// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import "bytes"

const (
	leakCheck = " (checking for goroutine leaks)"
	forced    = " (forced)"

	maxRecord = 1024 // bytes; the longest line with 18-digit numbers everywhere is shorter
	maxDigits = 18   // of an integer, so that it fits an int64
)

// failed is the position behind what is not there; whatever is read from it fails too.
const failed = 1 << 30

// intact reads one undamaged record at the start of text, which ends before a newline, by the runtime's exact grammar: a
// number that the runtime would print differently is not one. n is its length; only after " (forced)" may more follow. It
// leaves Line, Mended and Ambiguous alone. Its other half is grammar.go, which reads the same language with foreign text
// between the tokens.
//
// stacks and globals are handed over as they are used in the cycle: the reader shares equal values between cycles.
func intact(text []byte, c *Cycle) (n int, stacks, globals int64, ok bool) {
	c.Absent = 0
	gc, i := readInteger(text, lit(text, 0, "gc "))
	at, i := readSeconds(text, lit(text, i, " @"))
	percent, i := readInteger(text, lit(text, i, "s "))
	i = lit(text, i, "%")
	i, c.LeakCheck = maybe(text, i, leakCheck)
	i = readPhases(text, lit(text, i, ": "), c)
	start, i := readInteger(text, i)
	end, i := readInteger(text, lit(text, i, "->"))
	live, i := readInteger(text, lit(text, i, "->"))
	goal, i := readInteger(text, lit(text, i, " MB, "))
	procs, i := readInteger(text, lit(text, i, " MB goal, "))
	i, newer := maybe(text, i, " MB stacks, ")
	if newer {
		stacks = procs
		globals, i = readInteger(text, i)
		procs, i = readInteger(text, lit(text, i, " MB globals, "))
	} else {
		c.Absent |= Go119
	}
	i, c.Forced = maybe(text, lit(text, i, " P"), forced)
	c.GC, c.At, c.Percent, c.GoalMB, c.Procs = gc, at, int(percent), goal, int(procs)
	c.Heap = Heap{Start: start, End: end, Live: live}
	return i, stacks, globals, i == len(text) || c.Forced && i < len(text)
}

func readPhases(b []byte, i int, c *Cycle) int {
	c1, i := readMS(b, i)
	c2, i := readMS(b, lit(b, i, "+"))
	c3, i := readMS(b, lit(b, i, "+"))
	if j, older := maybe(b, i, "+"); older {
		c.Clock = Clock{SweepTerm: c1, Scan: c2, Sync: c3}
		return readPhases15(b, j, c)
	}
	c.Absent |= Go15
	c.Clock = Clock{SweepTerm: c1, Mark: c2, MarkTerm: c3}
	sweepTerm, i := readMS(b, lit(b, i, " ms clock, "))
	assist, i := readMS(b, lit(b, i, "+"))
	background, i := readMS(b, lit(b, i, "/"))
	idle, i := readMS(b, lit(b, i, "/"))
	markTerm, i := readMS(b, lit(b, i, "+"))
	c.CPU = CPU{SweepTerm: sweepTerm, Assist: assist, Background: background, Idle: idle, MarkTerm: markTerm}
	return lit(b, i, " ms cpu, ")
}

// readPhases15 goes on with Go 1.5's fourth clock phase.
func readPhases15(b []byte, i int, c *Cycle) int {
	c.Clock.Mark, i = readMS(b, i)
	c.Clock.MarkTerm, i = readMS(b, lit(b, i, "+"))
	c.CPU.SweepTerm, i = readMS(b, lit(b, i, " ms clock, "))
	c.CPU.Scan, i = readMS(b, lit(b, i, "+"))
	c.CPU.Sync, i = readMS(b, lit(b, i, "+"))
	c.CPU.Assist, i = readMS(b, lit(b, i, "+"))
	c.CPU.Background, i = readMS(b, lit(b, i, "/"))
	c.CPU.Idle, i = readMS(b, lit(b, i, "/"))
	c.CPU.MarkTerm, i = readMS(b, lit(b, i, "+"))
	return lit(b, i, " ms cpu, ")
}

func lit(b []byte, i int, want string) int {
	if len(b)-i < len(want) || string(b[i:i+len(want)]) != want {
		return failed
	}
	return i + len(want)
}

func maybe(b []byte, i int, want string) (int, bool) {
	if j := lit(b, i, want); j != failed {
		return j, true
	}
	return i, false
}

// readInteger reads digits without leading zeros.
func readInteger(b []byte, start int) (v int64, end int) {
	v, end = digits(b, start)
	n := end - start
	if n == 0 || n > maxDigits || n > 1 && b[start] == '0' {
		return 0, failed
	}
	return v, end
}

// readSeconds reads a decimal with exactly three decimals.
func readSeconds(b []byte, i int) (float64, int) {
	v, i := readInteger(b, i)
	frac, j := digits(b, lit(b, i, "."))
	if j != i+4 || v > 1e12 {
		return 0, failed
	}
	return float64(v*1000+frac) / 1000, j
}

// readMS reads what fmtNSAsMS prints: 0, 0.0DD, 0.DD, D.D or an integer from 10 on. Below 10 ms there are two digits that
// count, so the value is looked up. Digits behind them are for the caller to see, who wants a literal next.
func readMS(b []byte, i int) (float64, int) {
	if i >= len(b) {
		return 0, failed
	}
	if i+1 == len(b) || b[i+1] != '.' {
		if b[i] == '0' {
			return 0, i + 1
		}
		v, j := readInteger(b, i)
		if v < 10 {
			return 0, failed
		}
		return float64(v), j
	}
	if len(b)-i < 5 {
		return shortMS(b[i:], i)
	}
	b = b[i : i+5]
	d0, d1, d2, d3 := b[0]-'0', b[2]-'0', b[3]-'0', b[4]-'0'
	switch {
	case d0 > 9 || d1 > 9:
	case d0 > 0:
		return tenths[d0*10+d1], i + 3
	case d2 > 9:
	case d1 > 0:
		return hundredths[d1*10+d2], i + 4
	case d3 <= 9 && d2|d3 > 0:
		return thousandths[d2*10+d3], i + 5
	}
	return 0, failed
}

// shortMS reads a fraction at the end of b.
func shortMS(b []byte, i int) (float64, int) {
	v, j := readMS(append(append(make([]byte, 0, 8), b...), "    "...), 0)
	return v, i + j
}

var tenths, hundredths, thousandths = table(10), table(100), table(1000)

func table(of float64) (t [100]float64) {
	for i := range t {
		t[i] = float64(i) / of
	}
	return t
}

// digits reads the run of digits at i. More than maxDigits overflow, which the caller sees by the length.
func digits(b []byte, i int) (v int64, end int) {
	for i < len(b) {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		v = v*10 + int64(d)
		i++
	}
	return v, i
}

// unsupported reports whether text starts with the record of Go 1.4 or older: `gc328(8): 0+0+6000+1000 us, ...`.
func unsupported(text []byte) bool {
	_, i := digits(text, 2)
	if i == 2 || i >= len(text) || text[i] != '(' {
		return false
	}
	_, j := digits(text, i+1)
	return j > i+1 && bytes.HasPrefix(text[j:], []byte("): "))
}

// begins reports whether text, which starts with "gc ", goes on with "N @": a record and not a word of a log line.
func begins(text []byte) bool {
	_, i := digits(text, 3)
	return i > 3 && i <= 3+maxDigits && bytes.HasPrefix(text[i:], []byte(" @")) && !bytes.HasPrefix(text[i:], []byte(" @ "))
}
