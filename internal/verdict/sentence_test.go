// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"
)

// TestSentences reads findings as policies write them and compares the summary with what a tired person should read.
func TestSentences(t *testing.T) {
	for want, finding := range map[string]string{
		"fail: map in main.(*OrderCache).Insert (examples/shop/cache.go:42) of 10.0.0.1:6060 grows 1.9 MB/s (95 %: 1.6 to 2.2), 97 % of it retained, over 6 GC windows; limit 100 kB/s [MAP-001]": `{"Kind":"deny","Rule":"MAP-001","Signal":"map_sites","Target":"10.0.0.1:6060","Value":1601234.5,"Limit":100000,"Unit":"By/s",
			"Facts":{"function":"main.(*OrderCache).Insert","file":"examples/shop/cache.go","line":42,"rate":1900000,"lower":1601234.5,"upper":2187654,"retained_share":0.9712,"windows":6}}`,
		"inconclusive: cycles has 2 samples on a:1; at least 4 needed [EVID-001]": `{"Kind":"inconclusive","Rule":"EVID-001","Signal":"cycles","Target":"a:1","Value":3,"Facts":{"reason":"too_few","samples":2,"min_samples":4}}`,
		"inconclusive: map in main.f (f.go:1) grows 950 kB/s (95 %: 800 to 1100), over 1 GC window; too early to call it unbounded: doublings 0.41 of 1, windows 1 of 3 [MAP-001]": `{"Kind":"inconclusive","Rule":"MAP-001","Signal":"map_sites","Value":800000,"Limit":100000,"Unit":"By/s",
			"Facts":{"function":"main.f","file":"f.go","line":1,"rate":950000,"lower":800000,"upper":1100000,"windows":1,"doublings":0.41,"short":["windows","doublings"],"needed":{"windows":3,"doublings":1,"samples":4}}}`,
		"fail: map in other grows at least 800 kB/s; limit 100 kB/s [MAP-001]":                                                                                         `{"Kind":"deny","Rule":"MAP-001","Signal":"map_sites","Value":800000,"Limit":100000,"Unit":"By/s","Facts":{"function":"other"}}`,
		"fail: garbage collection takes 31 % of the CPU time of a:1; limit 25 % [GC-001]":                                                                              `{"Kind":"deny","Rule":"GC-001","Signal":"gc_cpu_share","Target":"a:1","Value":0.3112,"Limit":0.25,"Unit":"1"}`,
		"fail: garbage collection takes 25.01 % of the CPU time of a:1; limit 25 % [GC-001]":                                                                           `{"Kind":"deny","Rule":"GC-001","Signal":"gc_cpu_share","Target":"a:1","Value":0.2501,"Limit":0.25,"Unit":"1"}`,
		"fail: the 99th percentile of the GC pauses of a:1 is 130 ms; limit 100 ms [GC-002]":                                                                           `{"Kind":"deny","Rule":"GC-002","Signal":"gc_pause_p99_seconds","Target":"a:1","Value":0.13,"Limit":0.1,"Unit":"s"}`,
		"pass: 1 rule holds for shop/shop, with 1 warning: 62 % of the GC cycles ran with a goal below the live heap, forced by the memory limit; limit 50 % [GC-003]": `{"Kind":"warn","Rule":"GC-003","Signal":"limit_pressure","Value":0.62,"Limit":0.5,"Unit":"1"}`,
		"fail: the live heap of a:1 is 480 MiB, 94 % of the memory limit 512 MiB; limit 90 % [HEAP-001]":                                                               `{"Kind":"deny","Rule":"HEAP-001","Signal":"heap_live_bytes","Target":"a:1","Value":0.9375,"Limit":0.9,"Unit":"1","Facts":{"heap_live_bytes":503316480,"memory_limit_bytes":536870912}}`,
		"fail: too many goroutines of a:1: goroutines 12000; limit 10000 (age_seconds 3, note n) [OWN-1]":                                                              `{"Kind":"deny","Rule":"OWN-1","Title":"too many goroutines","Signal":"goroutines","Target":"a:1","Value":12000,"Limit":10000,"Unit":"{goroutine}","Facts":{"note":"n","age_seconds":3}}`,
		"fail: rule OWN-1 [OWN-1]": `{"Kind":"deny","Rule":"OWN-1"}`,
		"inconclusive: gc_cpu_share is missing: a:1 is scraped but has no such series [EVID-001]":                   `{"Kind":"inconclusive","Rule":"EVID-001","Signal":"gc_cpu_share","Target":"a:1","Facts":{"reason":"missing","detail":"a:1 is scraped but has no such series"}}`,
		"inconclusive: windows is not a number on a:1 [EVID-001]":                                                   `{"Kind":"inconclusive","Rule":"EVID-001","Signal":"windows","Target":"a:1","Facts":{"reason":"nan"}}`,
		"inconclusive: cycles covers 40 % of the window (16 of 40 samples) on a:1; at least 80 % needed [EVID-001]": `{"Kind":"inconclusive","Rule":"EVID-001","Signal":"cycles","Target":"a:1","Value":3,"Facts":{"reason":"partial","min_coverage":0.8,"coverage":0.4,"samples":16,"expected_samples":40}}`,
		"inconclusive: cycles covers 79.99 % of the window; at least 80 % needed [EVID-001]":                        `{"Kind":"inconclusive","Rule":"EVID-001","Signal":"cycles","Value":3,"Facts":{"reason":"partial","min_coverage":0.8,"coverage":0.7999}}`,
		"inconclusive: the newest cycles is 6m10s old on a:1; at most 5m0s [EVID-001]":                              `{"Kind":"inconclusive","Rule":"EVID-001","Signal":"cycles","Target":"a:1","Value":3,"Facts":{"reason":"stale","max_age_seconds":300,"age_seconds":370}}`,
		"fail: allocation rose 23 % (95 %: 18 to 28) over the previous version; limit 10 %; shop/cart.(*Index).Put (cart/index.go:42) +1.2 MB/s [ALLOC-001]": `{"Kind":"deny","Rule":"ALLOC-001","Signal":"allocation_rate_bytes_per_second","Value":1.23,"Limit":1.1,"Unit":"1",
			"Facts":{"lower":1.18,"upper":1.28,"baseline_kind":"previous","sites":[{"function":"shop/cart.(*Index).Put","file":"cart/index.go","line":42,"difference":1200000},{"function":"b","difference":1}]}}`,
		"fail: the live heap grew 100 % over last week v1.2; limit 10 %; main.f +1 kB/s [HEAP-002]":                                                      `{"Kind":"deny","Rule":"HEAP-002","Value":2,"Limit":1.1,"Facts":{"baseline_kind":"last_week","baseline_version":"v1.2","sites":[{"function":"main.f","difference":1000}]}}`,
		"fail: GC CPU time per allocated byte rose 12 % over the version beside it; limit 10 % [GC-004]":                                                 `{"Kind":"deny","Rule":"GC-004","Value":1.12,"Limit":1.1,"Facts":{"baseline_kind":"concurrent","sites":[]}}`,
		"fail: the share of the memory limit in use rose 33 % (95 %: 20 to 50) over the baseline; limit 10 % [HEAD-001]":                                 `{"Kind":"deny","Rule":"HEAD-001","Value":1.33,"Limit":1.1,"Facts":{"lower":1.2,"upper":1.5}}`,
		"fail: 95.1 % of the memory limit of a:1 is in use; limit 95 % [HEAD-002]":                                                                       `{"Kind":"deny","Rule":"HEAD-002","Target":"a:1","Value":0.951,"Limit":0.95,"Unit":"1"}`,
		"inconclusive: memory_share is missing [HEAD-002]":                                                                                               `{"Kind":"inconclusive","Rule":"HEAD-002","Signal":"memory_share","Limit":0.95,"Facts":{"reason":"missing"}}`,
		"fail: the live heap of a:1 leaks and reaches its limit in 5 h at the earliest; limit 24 h [LEAK-001]":                                           `{"Kind":"deny","Rule":"LEAK-001","Target":"a:1","Value":18000,"Limit":86400,"Unit":"s"}`,
		"pass: 1 rule holds for shop/shop, with 1 warning: the live heap leaks and reaches its limit in 3 days at the earliest; limit 30 min [LEAK-001]": `{"Kind":"warn","Rule":"LEAK-001","Value":259200,"Limit":1800,"Unit":"s"}`,
		"pass: 1 rule holds for shop/shop, with 1 warning: whether the live heap of a:1 leaks is unknown: the soak is too short [LEAK-001]":              `{"Kind":"warn","Rule":"LEAK-001","Target":"a:1","Limit":86400,"Facts":{"reason":"too_short"}}`,
		"inconclusive: whether the live heap leaks is unknown: the moon is full [LEAK-001]":                                                              `{"Kind":"inconclusive","Rule":"LEAK-001","Limit":86400,"Facts":{"reason":"the_moon_is_full"}}`,
		"inconclusive: look 2 of 6 has not decided yet [EVID-004]":                                                                                       `{"Kind":"inconclusive","Rule":"EVID-004","Value":2,"Limit":6,"Unit":"{look}","Facts":{"reason":"undecided"}}`,
		"inconclusive: not compared with an earlier version: first release [EVID-004]":                                                                   `{"Kind":"inconclusive","Rule":"EVID-004","Facts":{"reason":"no_baseline","detail":"first release"}}`,
		"pass: 1 rule holds for shop/shop, with 1 warning: not compared with an earlier version: there is no baseline [HEAP-002]":                        `{"Kind":"warn","Rule":"HEAP-002","Limit":1.1,"Facts":{"reason":"no_baseline","detail":""}}`,
		"inconclusive: the live heap cannot be told from that of the previous version: its load lies outside of what the baseline bore [HEAP-002]":       `{"Kind":"inconclusive","Rule":"HEAP-002","Value":1.2,"Limit":1.1,"Facts":{"reason":"load_not_comparable","baseline_kind":"previous"}}`,
		"inconclusive: allocation cannot be told from that of last week: it varies too much (95 %: -5 to +20 %, limit 10 %) [ALLOC-001]":                 `{"Kind":"inconclusive","Rule":"ALLOC-001","Value":1.05,"Limit":1.1,"Facts":{"reason":"too_variable","baseline_kind":"last_week","lower":0.95,"upper":1.2}}`,
		"inconclusive: allocation cannot be told from that of the baseline: it varies too much [ALLOC-001]":                                              `{"Kind":"inconclusive","Rule":"ALLOC-001","Facts":{"reason":"too_variable","lower":0.95,"upper":null}}`,
		"inconclusive: GC CPU time per allocated byte cannot be told from that of the baseline: some new code [GC-004]":                                  `{"Kind":"inconclusive","Rule":"GC-004","Facts":{"reason":"some_new_code"}}`,
		"pass: 1 rule holds for shop/shop, with 1 warning: the exception shop-gc (OPS-1, approved by bob) lets GC-001, MAP-001 pass until 2026-11-22T12:00:00Z, used 1 of 2 times [EXC-001]": `{"Kind":"warn","Rule":"EXC-001","Value":1,"Limit":2,
			"Facts":{"exception":"shop-gc","valid":true,"refused":"","rules":["MAP-001","GC-001"],"expires":"2026-11-22T12:00:00Z","ticket":"OPS-1","approver":"bob"}}`,
		"pass: 1 rule holds for shop/shop, with 1 warning: the exception shop-gc is refused: nobody but its author approved it [EXC-001]": `{"Kind":"warn","Rule":"EXC-001","Value":1,"Limit":2,"Facts":{"exception":"shop-gc","valid":false,"refused":"approver"}}`,
		"pass: 1 rule holds for shop/shop, with 1 warning: the exception without a name is refused: it is malformed [EXC-001]":            `{"Kind":"warn","Rule":"EXC-001","Facts":{"exception":"","valid":false,"refused":"malformed"}}`,
		"inconclusive: 2 of 3 targets are up [EVID-002]":                                        `{"Kind":"inconclusive","Rule":"EVID-002","Signal":"targets","Value":2,"Limit":3,"Facts":{"reason":"partial"}}`,
		"inconclusive: 0 targets seen; at least 1 needed [EVID-002]":                            `{"Kind":"inconclusive","Rule":"EVID-002","Signal":"targets","Value":0,"Limit":1,"Facts":{"reason":"missing"}}`,
		"inconclusive: windows is 1 on a:1; at least 3 needed [EVID-003]":                       `{"Kind":"inconclusive","Rule":"EVID-003","Signal":"windows","Target":"a:1","Value":1,"Limit":3,"Facts":{"reason":"too_few"}}`,
		"inconclusive: 4 map sites watched, but no growth rate is known yet [MAP-001]":          `{"Kind":"inconclusive","Rule":"MAP-001","Signal":"map_sites","Facts":{"reason":"missing","sites_watched":4}}`,
		"inconclusive: map in main.f (f.go:3) of a:1 has no lower, no retained_share [MAP-001]": `{"Kind":"inconclusive","Rule":"MAP-001","Signal":"map_sites","Target":"a:1","Facts":{"reason":"missing","function":"main.f","file":"f.go","line":3,"absent":["retained_share","lower"]}}`,
	} {
		var f Finding
		if err := json.Unmarshal([]byte(finding), &f); err != nil {
			t.Fatal(err)
		}
		if got := Decide(Input{Subject: "shop/shop", Evaluated: []string{f.Rule}, Findings: []Finding{f}}).Summary; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestNumbersOfPoliciesInEveryForm(t *testing.T) {
	for _, v := range []any{float64(7), 7, int64(7), json.Number("7")} {
		if got, ok := number(map[string]any{"n": v}, "n"); !ok || got != 7 {
			t.Errorf("%T: %v %t", v, got, ok)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		value float64
		unit  string
		want  string
	}{
		{0, "1", "0 %"}, {1, "1", "100 %"}, {0.0004, "1", "0.04 %"}, {0.999, "1", "100 %"}, {0.155, "1", "16 %"},
		{1023, "By", "1023 B"}, {1024, "By", "1 KiB"}, {1 << 29, "By", "512 MiB"}, {1.5 * (1 << 30), "By", "1.5 GiB"},
		{999, "By/s", "999 B/s"}, {100000, "By/s", "100 kB/s"}, {1.94e6, "By/s", "1.9 MB/s"}, {2e9, "By/s", "2 GB/s"},
		{0.13, "s", "130 ms"}, {0.0000251, "s", "25 µs"}, {2, "s", "2 s"}, {0, "s", "0 µs"},
		{3, "{window}", "3"}, {3, "", "3"}, {-2.5, "", "-2.5"},
		{0.1 + 0.2, "", "0.3"}, {1e21, "", "1000000000000000000000"},
	} {
		if got := Format(tt.value, tt.unit); got != tt.want {
			t.Errorf("Format(%v, %q) = %q, want %q", tt.value, tt.unit, got, tt.want)
		}
	}
	for _, tt := range []struct{ value, limit float64 }{{0.25000001, 0.25}, {0.9000000000000001, 0.9}, {100000.001, 100000}} {
		if a, b := formatPair(tt.value, tt.limit, "1"); a == b {
			t.Errorf("%v and %v both read %s", tt.value, tt.limit, a)
		}
	}
}

// Each reason code of a comparison or a leak is explained in words.
func TestEveryReasonOfAComparisonIsExplained(t *testing.T) {
	codes := regexp.MustCompile(`\n\tReason\w+\s*= "(\w+)"`)
	found := 0
	for file, explained := range map[string][]map[string]string{
		"compare/compare.go": {undecidedBecause}, "compare/leak.go": {unknownBecause},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range codes.FindAllStringSubmatch(string(text), -1) {
			found++
			for _, words := range explained {
				if words[code[1]] == "" {
					t.Errorf("%s: %s is explained nowhere", file, code[1])
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("want the codes of the comparisons, got %d", found)
	}
}
