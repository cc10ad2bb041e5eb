// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/heap"
)

// memStats is what package expvar writes of this process, with some numbers of the test's.
func memStats(t testing.TB) string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	m.NumGC, m.NumForcedGC, m.TotalAlloc, m.NextGC, m.PauseTotalNs, m.StackInuse = 2, 1, 3000, 4<<20, 77, 5
	m.PauseNs[1], m.PauseEnd[1] = 33, 44
	text, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadVars(t *testing.T) {
	stats := memStats(t)
	v, err := ReadVars(strings.NewReader(`{"cmdline": ["/opt/shop/shop","-password=hunter2"], "memstats": `+stats+`, "own": {"x":[1, "]}\""]}, "requests": 12}trailing`), "requests")
	if err != nil || v.Command != "shop" || v.PauseTotalNs != 77 || v.Load != 12 {
		t.Fatalf("%+v, %v", v, err)
	}
	m := v.MemStats
	if ns, end, ok := m.Pause(2); !ok || ns != 33 || end != 44 || m.NumForcedGC != 1 || m.TotalAlloc != 3000 || m.NextGC != 4<<20 || m.StackInuse != 5 || m.HeapSys == 0 {
		t.Errorf("%+v", m)
	}
	// Each field that a heap text prints is one of runtime.MemStats, but for MaxRSS.
	for i := range reflect.TypeFor[heap.MemStats]().NumField() {
		name := reflect.TypeFor[heap.MemStats]().Field(i).Name
		if _, ok := reflect.TypeFor[runtime.MemStats]().FieldByName(name); !ok && name != "MaxRSS" {
			t.Errorf("/debug/vars has no %s", name)
		}
	}
	if strings.Contains(fmt.Sprintf("%+v", v), "hunter2") {
		t.Error("an argument is kept")
	}
}

// TestLoad: what is no count is none, and spoils nothing else.
func TestLoad(t *testing.T) {
	stats := memStats(t)
	for value, want := range map[string]int64{"0": 0, "7": 7, "7.9": 7, "1e15": 1e15, "-1": -1, "1e300": -1, `"7"`: -1, "null": 0, "[7]": -1, `{"GET": 7}`: -1} {
		v, err := ReadVars(strings.NewReader(`{"load":`+value+`,"memstats":`+stats+`}`), "load")
		if err != nil || v.Load != want || v.MemStats.NumGC != 2 {
			t.Errorf("load %s: got %d, %v; want %d", value, v.Load, err, want)
		}
	}
	if v, err := ReadVars(strings.NewReader(`{"load":7,"memstats":`+stats+`}`), ""); err != nil || v.Load != -1 {
		t.Errorf("a load that nobody asked for: %d, %v", v.Load, err)
	}
}

// TestBadVars: an error says what was read; Vars gives it a kind.
func TestBadVars(t *testing.T) {
	stats := memStats(t)
	object := func(member string) string { return `{"memstats":` + stats + `,` + member + `}` }
	for _, test := range []struct {
		name, body string
		kind       Kind // empty: none
		words      string
	}{
		{"whole", object(`"a":1`), "", ""},
		{"memstats twice", object(`"memstats":{"NumGC":9}`), "", ""},
		{"no TotalAlloc", strings.Replace(object(`"a":1`), `"TotalAlloc"`, `"Total"`, 1), KindNotPprof, "lack"},
		{"no NextGC", strings.Replace(object(`"a":1`), `"NextGC"`, `"Next"`, 1), KindNotPprof, "lack"},
		{"no NumGC", strings.Replace(object(`"a":1`), `"NumGC"`, `"Num"`, 1), KindNotPprof, "lack"},
		{"no PauseNs", strings.Replace(object(`"a":1`), `"PauseNs"`, `"Pause"`, 1), KindNotPprof, "0 PauseNs"},
		{"no PauseEnd", strings.Replace(object(`"a":1`), `"PauseEnd"`, `"Pause"`, 1), KindNotPprof, "0 PauseEnd"},
		{"a field of its own", strings.Replace(object(`"a":1`), `"NumGC"`, `"MaxRSS":5,"NumGC"`, 1), "", ""},
		{"no program", object(`"cmdline":[]`), "", ""},
		{"odd program", object(`"cmdline":{"a":1}`), "", ""},
		{"HTML", "<html>", KindNotPprof, "got '<', want '{'"},
		{"a list", "[1]", KindNotPprof, "got '[', want '{'"},
		{"empty", "", KindTruncated, ""},
		{"empty object", "{}", KindNotPprof, "no memstats"},
		{"other object", `{"status":"ok"}`, KindNotPprof, "no memstats"},
		{"no key", `{1:2}`, KindNotPprof, "want a key"},
		{"no colon", `{"a" 2}`, KindNotPprof, "want ':'"},
		{"no comma", `{"a":1 "b":2}`, KindNotPprof, "want ',' or '}'"},
		{"no value", `{"a":}`, KindNotPprof, "want a value"},
		{"cut in a key", `{"memst`, KindTruncated, ""},
		{"cut in a string", `{"a":"hunter2\`, KindTruncated, ""},
		{"cut in a number", `{"a":12`, KindTruncated, ""},
		{"cut in memstats", object("")[:2000], KindTruncated, ""},
		{"cut at the end", strings.TrimSuffix(object(`"a":1`), "}"), KindTruncated, ""},
		{"memstats are a string", `{"memstats":"x"}`, KindNotPprof, "memstats"},
		{"memstats lack", `{"memstats":{"NumGC":1}}`, KindNotPprof, "lack"},
		{"memstats lack a ring", `{"memstats":{"NumGC":1,"TotalAlloc":1,"NextGC":1,"PauseNs":[1]}}`, KindNotPprof, "1 PauseNs and 0 PauseEnd, want 256"},
		{"negative", strings.Replace(object(`"a":1`), `"NumGC":2`, `"NumGC":-2`, 1), KindNotPprof, "memstats"},
		{"negative share", strings.Replace(object(`"a":1`), `"GCCPUFraction":`, `"GCCPUFraction":-1`, 1), KindNotPprof, "GCCPUFraction"},
		{"deep", object(`"a":` + strings.Repeat("[", 1000)), KindTooLarge, "levels of JSON"},
		{"deep in what is wanted", `{"memstats":` + strings.Repeat(`{"a":`, 1000), KindTooLarge, "levels of JSON"},
		{"long memstats", `{"memstats":{"x":"` + strings.Repeat("x", maxMemStats) + `"}}`, KindTooLarge, `bytes of "memstats"`},
		{"long command line", object(`"cmdline":["` + strings.Repeat("x", maxCmdline) + `"]`), KindTooLarge, `bytes of "cmdline"`},
		{"long key", object(`"` + strings.Repeat("x", 5<<20) + `":1`), "", ""},
		{"much of its own", object(`"own":"` + strings.Repeat("x", 7<<20) + `"`), "", ""},
		{"too much of its own", object(`"own":"` + strings.Repeat("x", 9<<20) + `"`), KindTooLarge, "bytes"},
		{"spaces", strings.Repeat(" ", 9<<20), KindTooLarge, "bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := start(t, at(map[string]http.HandlerFunc{"/debug/vars": says(test.body)}))
			v, cost, err := New(client(t), Settings{}).Vars(t.Context(), base)
			if cost.CPU < leastCPU {
				t.Errorf("cost %+v", cost)
			}
			if test.kind == "" {
				if err != nil || v.MemStats.NumGC != 2 || v.MemStats.MaxRSS != 0 {
					t.Errorf("NumGC %d, %v", v.MemStats.NumGC, err)
				}
				return
			}
			wantError(t, err, test.kind, test.words, "/debug/vars")
			if v != (Vars{}) {
				t.Error("vars beside an error")
			}
		})
	}
}

// FuzzVars holds the reader to encoding/json, for what both can read.
func FuzzVars(f *testing.F) {
	stats := memStats(f)
	f.Add(`{"cmdline":["/a/b","c"],"memstats":` + stats + `,"x":{"y":[null,true,"\""]}}`)
	f.Add(`{"memstats":{"TotalAlloc":1,"NextGC":1,"NumGC":1}}`)
	f.Add(`{"a":[{}],"b":-1e9}`)
	f.Fuzz(func(t *testing.T, body string) {
		v, err := ReadVars(strings.NewReader(body), "load")
		if err != nil && v != (Vars{}) {
			t.Fatal("vars beside an error")
		}
		var page struct {
			MemStats *runtime.MemStats `json:"memstats"`
		}
		if strings.Contains(body, `\`) || strings.Count(strings.ToLower(body), `"memstats"`) != 1 || !strings.Contains(body, `"memstats"`) ||
			json.Unmarshal([]byte(body), &page) != nil || page.MemStats == nil {
			return
		}
		if err == nil && (v.PauseTotalNs != page.MemStats.PauseTotalNs || v.MemStats.PauseNs != page.MemStats.PauseNs || v.MemStats.NumGC != page.MemStats.NumGC || v.MemStats.Sys != page.MemStats.Sys) {
			t.Fatalf("got %+v, want %+v", v, page.MemStats)
		}
	})
}

// TestVarsAllocate little, whatever a program publishes beside its MemStats.
func TestVarsAllocate(t *testing.T) {
	stats := memStats(t)
	small := `{"memstats":` + stats + `}`
	big := `{"own":"` + strings.Repeat("x", 4<<20) + `","more":` + strings.Repeat("[1,", 90) + "1" + strings.Repeat("]", 90) + `,"memstats":` + stats + `}`
	count := func(body string) float64 {
		return testing.AllocsPerRun(20, func() {
			if _, err := ReadVars(strings.NewReader(body), "load"); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, big := count(small), count(big); big > small+8 {
		t.Errorf("%.0f allocations for 4 MB more, want about %.0f", big, small)
	}
}
