// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// work is what a process had done when its goroutines were counted, by what is known of it.
type work struct {
	at                uint64  // when the MemStats were read; 0 if none were
	allocated, cycles float64 // bytes, GC cycles
	usage             float64 // cores of the last CPU profile
	usageAt           uint64  // when that was taken; 0 if none was
}

func (s *blockingState) worked(t *Target) *work {
	w := &work{usage: s.cpu.Usage.Value, usageAt: s.cpu.At}
	if t.heap.heard {
		w.at, w.allocated, w.cycles = t.heap.at, t.heap.allocated, t.heap.cycles
	}
	return w
}

// Words of the warning that says what the work of a process was read from, where that was not its CPU time.
const (
	byAllocation = "by_allocation_rate"
	byCycles     = "by_cycle_rate"
)

// workRatio is the work of the later part of some time over that of the earlier part: CPU time if two profiles of it were
// taken, else bytes allocated per second, else GC cycles per second. ok is false where nothing tells.
func workRatio(first, middle, last *work) (ratio float64, source string, ok bool) {
	if first.usageAt != 0 && last.usageAt > first.usageAt && first.usage > 0 {
		return last.usage / first.usage, "", true
	}
	if first.at == 0 || middle.at <= first.at || last.at <= middle.at {
		return 0, "", false
	}
	earlier, later := seconds(middle.at-first.at), seconds(last.at-middle.at)
	if before := (middle.allocated - first.allocated) / earlier; before > 0 {
		return (last.allocated - middle.allocated) / later / before, byAllocation, true
	}
	if before := (middle.cycles - first.cycles) / earlier; before > 0 {
		return (last.cycles - middle.cycles) / later / before, byCycles, true
	}
	return 0, "", false
}
