// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// cadence of the watch: the ring of 256 pauses must not turn over between two looks.
const cadence = 200 * time.Millisecond

// watch keeps what MemStats and runtime/metrics say, for good.
func watch() {
	var before, after runtime.MemStats
	for range time.NewTicker(cadence).C {
		runtime.ReadMemStats(&before)
		cpu := readCPU(&before)
		runtime.ReadMemStats(&after)
		goroutines := runtime.NumGoroutine()
		counts.Lock()
		keepPauses(&after)
		if before.NumGC == after.NumGC && before.NumGC > 0 && counts.cpus < mostTimes &&
			(counts.cpus == 0 || counts.cpu[counts.cpus-1].At < cpu.At) {
			counts.cpu[counts.cpus] = cpu
			counts.cpus++
		}
		if counts.times < mostTimes {
			counts.memory[counts.times] = memoryAt{time.Now().UnixNano(), after.TotalAlloc, after.Mallocs, after.HeapAlloc, after.NextGC, after.NumGC, after.NumForcedGC, goroutines}
			counts.times++
		}
		counts.Unlock()
	}
}

var lastCycle uint32

// keepPauses takes the cycles since the last look. counts is locked.
func keepPauses(m *runtime.MemStats) {
	first := lastCycle + 1
	if m.NumGC > 256 && first < m.NumGC-255 {
		counts.lost += int(m.NumGC - 255 - first)
		first = m.NumGC - 255
	}
	for n := first; n <= m.NumGC && counts.cycles < mostCycles; n++ {
		counts.pauses[counts.cycles] = pause{n, int64(m.PauseEnd[(n+255)%256]), int64(m.PauseNs[(n+255)%256])}
		counts.cycles++
	}
	lastCycle = m.NumGC
}

// cpuFrom says where CPU times are from: before Go 1.20 there is no /cpu/classes.
var cpuFrom = func() string {
	for _, d := range metrics.All() {
		if d.Name == "/cpu/classes/gc/total:cpu-seconds" {
			return "/cpu/classes"
		}
	}
	return "GCCPUFraction"
}()

var cpuSamples = []metrics.Sample{
	{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"},
}

// readCPU gives the CPU times up to the end of the last cycle.
func readCPU(m *runtime.MemStats) cpuAt {
	at := cpuAt{At: int64(m.LastGC)}
	if cpuFrom == "/cpu/classes" {
		metrics.Read(cpuSamples)
		at.GC = cpuSamples[0].Value.Float64() - cpuSamples[1].Value.Float64()
		at.Total = cpuSamples[2].Value.Float64()
		return at
	}
	at.Total = float64(int64(m.LastGC)-started.UnixNano()) / 1e9 * float64(runtime.GOMAXPROCS(0))
	at.GC = m.GCCPUFraction * at.Total
	return at
}
