// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// v1Trace writes a trace of the old format by hand; the clock ticks once in a microsecond.
type v1Trace []byte

func newV1() v1Trace { return v1Trace("go 1.19 trace\x00\x00\x00") }

func (b v1Trace) varint(values ...uint64) v1Trace {
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func (b v1Trace) batch(p, ticks uint64) v1Trace {
	return append(b, v1Batch|1<<6).varint(p, ticks)
}

// event has the ticks since the one before in the batch as its first argument.
func (b v1Trace) event(kind uint8, args ...uint64) v1Trace {
	if len(args) <= 3 {
		return append(b, kind|uint8(len(args)-1)<<6).varint(args...)
	}
	packed := v1Trace{}.varint(args...)
	return append(append(b, kind|3<<6).varint(uint64(len(packed))), packed...)
}

func (b v1Trace) string(id uint64, s string) v1Trace {
	return append(append(b, v1String).varint(id, uint64(len(s))), s...)
}

func (b v1Trace) end() v1Trace { return b.event(v1Frequency, 1_000_000) }

// wait is what Result.Waits has when one goroutine waited while the collector marked.
func wait(state State, us, idle int64) Wait {
	return Wait{state, time.Duration(us) * time.Microsecond, time.Duration(idle) * time.Microsecond}
}

// TestOldFormat: what single events of the old format say.
func TestOldFormat(t *testing.T) {
	// Another P's events are written first though they came last: reading has to sort.
	start := newV1().string(1, "runtime.chanrecv1").string(2, "main.f").string(3, "main.go").string(4, "runtime.bgsweep").batch(1, 1010)
	for i := range uint64(120) {
		start = start.event(v1HeapAlloc, i/119, 1)
	}
	start = start.batch(0, 1000).
		event(v1GoCreate, 0, 7, 0, 0).event(v1GoWaiting, 0, 7).event(v1GoCreate, 0, 8, 2, 0).event(v1GoWaiting, 0, 8).
		event(v1Gomaxprocs, 0, 4, 0).event(v1GCStart, 0, 0, 0)
	start = slices.Clip(start)
	stacks := func(b v1Trace) v1Trace {
		return b.event(v1Stack, 1, 2, 100, 1, 3, 5, 101, 2, 3, 6).event(v1Stack, 2, 1, 102, 4, 3, 7).end()
	}
	for _, c := range []struct {
		name  string
		trace v1Trace
		want  []Wait
	}{
		{"it waited before, and goes on to", start.event(v1GCDone, 100), []Wait{wait(Unknown, 0, 100)}},
		{"it is woken and starts", start.event(v1GoUnblock, 10, 7, 2, 0).event(v1GoStart, 5, 7, 3).event(v1GCDone, 85),
			[]Wait{wait(Runnable, 5, 0), wait(Unknown, 10, 0)}},
		{"it blocks again", start.event(v1GoUnblock, 10, 7, 2, 0).event(v1GoStart, 0, 7, 3).event(v1GoBlockRecv, 20, 1).event(v1GCDone, 70),
			[]Wait{wait(ChanReceive, 70, 0), wait(Unknown, 10, 0)}},
		{"it is stopped to be scanned", start.event(v1GoUnblock, 10, 7, 2, 0).event(v1GoStart, 0, 7, 3).event(v1GoBlock, 20, 0).event(v1GCDone, 70),
			[]Wait{wait(GCWait, 70, 0), wait(Unknown, 10, 0)}},
		{"nobody runs after it ends", start.event(v1GoUnblock, 0, 7, 2, 0).event(v1GoStart, 0, 7, 3).event(v1GoEnd, 10).
			event(v1GCMarkAssistStart, 10, 1).event(v1GCDone, 80), nil},
		{"the running one is of a P, from batch to batch", start.event(v1GoUnblock, 0, 7, 2, 0).event(v1GoStart, 0, 7, 3).
			batch(1, 1005).event(v1ProcStart, 0, 1).batch(0, 1010).event(v1GoSleep, 10, 1).event(v1GCDone, 80), []Wait{wait(Sleep, 80, 0)}},
		{"a call of the system ended before it was written", start.event(v1GoUnblock, 0, 7, 2, 0).event(v1GoStart, 0, 7, 3).
			event(v1GoSysBlock, 10).event(v1GoSysExit, 50, 7, 4, 1040).event(v1GoStart, 0, 7, 5).event(v1GCDone, 40), []Wait{wait(Runnable, 20, 0)}},
		{"events of one tick are in the order of the trace", turns(start.event(v1GoUnblock, 10, 7, 2, 0), 50).
			event(v1GoStart, 0, 7, 3).event(v1GoBlockSync, 0, 1).event(v1GCDone, 90), []Wait{wait(ChanReceive, 90, 0), wait(Unknown, 10, 0)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := read(t, stacks(c.trace), Limits{})
			checkResult(t, r)
			if diff := cmp.Diff(c.want, r.Waits); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if r.GC.Cycles != 1 || r.GC.Mark != 100*time.Microsecond || r.Procs.Last != 4 || r.Assist.Count != 0 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// turns lets goroutine 7 start and stop at once, again and again.
func turns(b v1Trace, n int) v1Trace {
	for range n {
		b = b.event(v1GoStart, 0, 7, 3).event(v1GoSched, 0, 1)
	}
	return b
}

// v1ProcStart is of no interest to the machine.
const v1ProcStart = 5

// TestOldFormatRefused shows why a trace of the old format is refused.
func TestOldFormatRefused(t *testing.T) {
	start := slices.Clip(newV1().batch(0, 0))
	for _, c := range []struct {
		name  string
		trace v1Trace
		err   string
	}{
		{"no frequency", start.event(v1GCStart, 0, 0, 0), ErrTruncated.Error()},
		{"no event", start.end(), ErrTruncated.Error()},
		{"cut in an argument", append(start, v1GoStart, 0x80), ErrTruncated.Error()},
		{"cut in a text", append(start, v1String).varint(1, 100), ErrTruncated.Error()},
		{"frequency of nothing", start.event(v1Frequency, 0), "broken trace: at byte 19: event 2 has not the arguments that it must have"},
		{"too few arguments", start.event(v1GoStart, 0).end(), "broken trace: at byte 19: event 14 has not the arguments that it must have"},
		{"too many arguments", start.event(v1GoCreate, 0, 1, 2, 3, 4, 5, 6, 7, 8).end(), "broken trace: at byte 19: event 13 has not the arguments that it must have"},
		{"more frames than there can be", start.event(v1Stack, 1, 1<<63, 1, 1).end(), "broken trace: at byte 19: event 3 has not the arguments that it must have"},
		{"an argument above 64 bits", append(append(start, v1GoStart), strings.Repeat("\xff", 11)...), "broken trace: at byte 19: event 14 has not the arguments that it must have"},
		{"no time", start.event(v1GCStart, 0, 0, 0).end(), "broken trace: no two events at different times"},
	} {
		r, err := Read(t.Context(), strings.NewReader(string(c.trace)), Limits{})
		if err == nil || err.Error() != c.err || r.Events != 0 {
			t.Errorf("%s: got %v, want %s", c.name, err, c.err)
		}
	}
	if _, err := Read(t.Context(), strings.NewReader(string(start)), Limits{}); !errors.Is(err, ErrTruncated) {
		t.Errorf("got %v, want ErrTruncated", err)
	}
}
