// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// scenario is what is run, and what heapgate must say of it.
type scenario struct {
	name  string
	env   []string
	limit string // memory_limit that the collector is told
	short bool   // part of -short

	gcState   []string // each of these is right; none: not judged
	shape     []string
	verdict   []string // of the map site
	never     bool     // "unbounded" at no time
	leaks     bool     // "none" is wrong as well as "leak", since nobody can know within minutes
	goroutine string   // mark of the line that leaks goroutines
	family    []string // of the largest share: each of these is right
	crash     string   // kind
	exact     bool     // byte by byte
}

// The states of a process that does ordinary work, and of ordinary heaps.
var (
	calm   = []string{"calm"}
	steady = []string{"flat", "sawtooth"}
	rises  = []string{"warming", "climb"}
)

func growing(name string, short bool) scenario {
	return scenario{name: name, short: short, gcState: calm, shape: rises, verdict: []string{"unbounded"}, leaks: true}
}

var plan = []scenario{
	{name: "idle", gcState: []string{"idle"}, shape: steady},
	{name: "gc_storm", gcState: []string{"storm"}, shape: steady},
	{name: "gc_heavy", env: []string{"GOGC=50"}, gcState: []string{"heavy"}, shape: steady, short: true},
	growing("unbounded_int64", true),
	growing("unbounded_string", false),
	growing("unbounded_bytes", false),
	growing("unbounded_struct", false),
	growing("unbounded_any", false),
	{name: "slow_leak", gcState: calm, verdict: []string{"", "unknown", "warming", "unbounded"}, leaks: true},
	{name: "presized", gcState: calm, shape: steady, verdict: []string{"", "settled", "request_scoped", "unknown"}, never: true, short: true},
	{name: "churn", gcState: calm, shape: steady, verdict: []string{"", "churn", "settled"}, never: true, short: true},
	{name: "request_scoped", gcState: []string{"calm", "storm"}, shape: steady, verdict: []string{"request_scoped"}, never: true, short: true},
	growing("sync_map", false),
	{name: "steady_cache", gcState: calm, shape: steady, verdict: []string{"settled"}, never: true, short: true},
	{name: "warm_up", gcState: calm, shape: append(rises[:1:1], steady...), verdict: []string{"settled", "warming"}, never: true, short: true},
	{name: "warm_up_slow", gcState: calm, shape: append(rises[:1:1], steady...), verdict: []string{"settled", "warming"}, never: true},
	{name: "value_heavy", gcState: calm, shape: steady, verdict: []string{"", "settled"}, never: true},
	// What is boxed for the call is about as much as what the logger allocates itself; of Go 1.26 it is more.
	{name: "log_storm", gcState: []string{"calm", "storm"}, shape: steady, family: []string{"logging", "boxing"}},
	{name: "json_storm", gcState: []string{"calm", "storm"}, shape: steady, family: []string{"json"}},
	{name: "slice_leak", gcState: calm, shape: rises, leaks: true},
	{name: "goroutine_leak", gcState: calm, goroutine: "goroutine"},
	{name: "limit_ok", env: []string{"GOGC=off", "GOMEMLIMIT=200MiB"}, limit: "200MiB", gcState: []string{"limit_ok"}, shape: steady},
	{name: "limit_thrash", env: []string{"GOMEMLIMIT=96MiB"}, limit: "96MiB", gcState: []string{"limit_thrash"}, shape: steady, short: true},
	{name: "death_spiral", env: []string{"GOMEMLIMIT=40MiB"}, limit: "40MiB", gcState: []string{"death_spiral"}, shape: steady},
	{name: "crash_map_writes", crash: "concurrent_map_writes", short: true},
	{name: "crash_map_read", crash: "concurrent_map_read_write"},
	{name: "crash_memory", crash: "out_of_memory"},
	{name: "exact", env: []string{"GODEBUG=gctrace=1,memprofilerate=1"}, exact: true, short: true},
}

func scenarioOf(name string) (scenario, bool) {
	i := slices.IndexFunc(plan, func(s scenario) bool { return s.name == name })
	if i < 0 {
		return scenario{}, false
	}
	return plan[i], true
}

// chosen are the scenarios of a run.
func (s settings) chosen() (all []scenario) {
	if names := s.names(); names != nil {
		for _, name := range names {
			one, _ := scenarioOf(name)
			all = append(all, one)
		}
		return all
	}
	for _, one := range plan {
		if one.short || !s.short {
			all = append(all, one)
		}
	}
	return all
}
