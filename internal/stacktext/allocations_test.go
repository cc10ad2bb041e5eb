// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package stacktext

import (
	"strings"
	"testing"
)

// TestSteadyAllocations pins what a text costs whose build is known: its table and nothing else. (The race detector makes pools forget.)
func TestSteadyAllocations(t *testing.T) {
	f := testFormat()
	r := strings.NewReader(twoWays)
	read := func() {
		r.Reset(twoWays)
		rd := f.Read(r, Limits{})
		defer rd.Close()
		for {
			line, ok := rd.Next()
			switch {
			case !ok:
				return
			case line[0] == '@':
				rd.Open(line[1:], false)
			case line[0] == '#':
				_ = rd.Frame(line)
			default:
				_, _ = rd.Chain()
			}
		}
	}
	read()
	if n := testing.AllocsPerRun(100, read); n > 1 { // now and then the pool is emptied
		t.Errorf("%v allocations", n)
	}
}
