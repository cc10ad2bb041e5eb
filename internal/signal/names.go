// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// Name of a signal. Its text is the part of the metric name after "heapgate.signal.".
type Name uint8

// The signals, in the order of their text.
const (
	AdviceGOGC Name = iota
	AdviceMemoryLimit
	BaselineDeviation
	BaselineExpected
	BaselineSamples
	BaselineUnusual
	Cycles
	FamilyRate
	FamilyShare
	AssistShare
	GCCPUPerByte
	GCCPUShare
	CycleRate
	ForcedShare
	EffectiveGOGC
	LimitPressure
	MarkPerByte
	MarkShare
	NextCycle
	PauseAgreement
	PauseMax
	PauseP50
	PauseP95
	PauseP99
	GCState
	STWShare
	SweepShare
	WorkShare
	GoroutineAge
	GoroutineBlocked
	GoroutineGrowth
	GoroutineLeak
	GoroutineSlope
	AllocationRate
	Headroom
	Leak
	HeapLive
	ObjectRate
	ObjectSize
	HeapShape
	Slope
	SlopeLower
	SlopeUpper
	SlopeWindow
	TimeToLimit
	TimeToLimitLower
	Turnover
	Lag
	Doublings
	GrowthRate
	GrowthRateLower
	GrowthRateUpper
	GrowthWindows
	MapInflation
	MapPresize
	RetainedShare
	Samples
	MapShare
	Sites
	MapVerdict
	MemoryLimitInferred
	MemoryRSSRatio
	MemoryShare
	Warning
	Window
	Windows
	Names // how many there are
)

var names = [Names]string{
	AdviceGOGC:          "advice.gogc",
	AdviceMemoryLimit:   "advice.memory_limit",
	BaselineDeviation:   "baseline.deviation",
	BaselineExpected:    "baseline.expected",
	BaselineSamples:     "baseline.samples",
	BaselineUnusual:     "baseline.unusual",
	Cycles:              "cycles",
	FamilyRate:          "family.rate",
	FamilyShare:         "family.share",
	AssistShare:         "gc.assist.share",
	GCCPUPerByte:        "gc.cpu.per_byte",
	GCCPUShare:          "gc.cpu.share",
	CycleRate:           "gc.cycle_rate",
	ForcedShare:         "gc.forced.share",
	EffectiveGOGC:       "gc.gogc",
	LimitPressure:       "gc.limit_pressure",
	MarkPerByte:         "gc.mark.per_byte",
	MarkShare:           "gc.mark.share",
	NextCycle:           "gc.next_cycle",
	PauseAgreement:      "gc.pause.agreement",
	PauseMax:            "gc.pause.max",
	PauseP50:            "gc.pause.p50",
	PauseP95:            "gc.pause.p95",
	PauseP99:            "gc.pause.p99",
	GCState:             "gc.state",
	STWShare:            "gc.stw.share",
	SweepShare:          "gc.sweep.share",
	WorkShare:           "gc.work.share",
	GoroutineAge:        "goroutine.age",
	GoroutineBlocked:    "goroutine.blocked",
	GoroutineGrowth:     "goroutine.growth",
	GoroutineLeak:       "goroutine.leak",
	GoroutineSlope:      "goroutine.slope",
	AllocationRate:      "heap.allocation_rate",
	Headroom:            "heap.headroom",
	Leak:                "heap.leak",
	HeapLive:            "heap.live",
	ObjectRate:          "heap.object_rate",
	ObjectSize:          "heap.object_size",
	HeapShape:           "heap.shape",
	Slope:               "heap.slope",
	SlopeLower:          "heap.slope.lower",
	SlopeUpper:          "heap.slope.upper",
	SlopeWindow:         "heap.slope.window",
	TimeToLimit:         "heap.time_to_limit",
	TimeToLimitLower:    "heap.time_to_limit.lower",
	Turnover:            "heap.turnover",
	Lag:                 "lag",
	Doublings:           "map.doublings",
	GrowthRate:          "map.growth_rate",
	GrowthRateLower:     "map.growth_rate.lower",
	GrowthRateUpper:     "map.growth_rate.upper",
	GrowthWindows:       "map.growth_windows",
	MapInflation:        "map.inflation",
	MapPresize:          "map.presize",
	RetainedShare:       "map.retained_share",
	Samples:             "map.samples",
	MapShare:            "map.share",
	Sites:               "map.sites",
	MapVerdict:          "map.verdict",
	MemoryLimitInferred: "memory.limit_inferred",
	MemoryRSSRatio:      "memory.rss_ratio",
	MemoryShare:         "memory.share",
	Warning:             "warning",
	Window:              "window",
	Windows:             "windows",
}

func (n Name) String() string { return names[n] }
