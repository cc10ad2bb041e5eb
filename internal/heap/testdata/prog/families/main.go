// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command families allocates in every way that is a family, one function a way, and then writes its own heap profile as
// /debug/pprof/heap?debug=1 answers it, and the answer of /debug/pprof/symbol for the runtime's frames in it.
//
//	families HEAP-FILE SYMBOLS-FILE ROUNDS RATE
//
// Stdout is the in-process truth: `FUNCTION BYTES`, the growth of MemStats.TotalAlloc while that function ran. The lines with
// a comment `// FAMILY ... | FAMILY ...` are those that must be named, each function's other lines must not; those behind the
// bar from Go 1.26 on, whose stacks begin with the allocator. It compiles with every Go from 1.19 on.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	httppprof "net/http/pprof"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"text/template"
)

var (
	text    string
	raw     []byte
	boxed   interface{}
	numbers []int
	counts  map[string]int
	equal   bool
	rounds  int
)

type order struct {
	ID    int
	Items []string
	Notes string
}

func main() {
	var err error
	rounds, err = strconv.Atoi(os.Args[3])
	check(err)
	runtime.MemProfileRate, err = strconv.Atoi(os.Args[4])
	check(err)
	counts = map[string]int{}
	for i := 0; i < 40; i++ {
		counts["key-"+strconv.Itoa(i)] = 1000 * i
	}
	log.SetOutput(nowhere{}) // for io.Discard nothing would be formatted
	log.SetFlags(0)
	for _, f := range []func(){
		printsMap, marshalsMap, walksMap, rendersMap, marshals, unmarshals, logs, concatenates, builds, buildsPresized, buffers, readsAll, converts, formats,
		convertsNumbers, appends, appendsPresized, boxes, makes, grows, compares,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		fmt.Println(runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name(), after.TotalAlloc-before.TotalAlloc)
	}
	for i := 0; i < 3; i++ { // allocations are published one to two cycles late
		runtime.GC()
	}
	write()
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

//go:noinline
func printsMap() {
	for i := 0; i < rounds; i++ {
		text = fmt.Sprintf("%v", counts) // map_to_string bytes_churn
	}
}

//go:noinline
func marshalsMap() {
	for i := 0; i < rounds; i++ {
		raw, _ = json.Marshal(counts) // map_to_string json
	}
}

//go:noinline
func walksMap() {
	for i := 0; i < rounds; i++ {
		for at := reflect.ValueOf(counts).MapRange(); at.Next(); {
			boxed = at.Key() // map_to_string | boxing
		}
	}
}

var page = template.Must(template.New("").Parse(`{{range $k, $v := .}}{{$k}}{{end}}`))

//go:noinline
func rendersMap() {
	for i := 0; i < rounds; i++ {
		check(page.Execute(nowhere{}, counts)) // map_to_string
	}
}

//go:noinline
func marshals() {
	o := &order{7, []string{"a", "b"}, strings.Repeat("note ", 200)}
	for i := 0; i < rounds; i++ {
		raw, _ = json.Marshal(o) // json
	}
}

//go:noinline
func unmarshals() {
	in := []byte(`{"ID":7,"Items":["a","b"],"Notes":"none"}`)
	for i := 0; i < rounds; i++ {
		o := order{}
		check(json.Unmarshal(in, &o)) // json
	}
}

//go:noinline
func logs() {
	for i := 0; i < rounds; i++ {
		log.Printf("order %s of %q", strings.ToLower("X"), text[:20]) // logging | boxing
	}
}

//go:noinline
func concatenates() {
	for i := 0; i < rounds; i++ {
		text = "a"
		for j := 0; j < 10; j++ {
			text += "and so on" // string_concat
		}
	}
}

//go:noinline
func builds() {
	for i := 0; i < rounds; i++ {
		var b strings.Builder
		for j := 0; j < 30; j++ {
			b.WriteString("and so on") // string_concat
		}
		text = b.String()
	}
}

//go:noinline
func buildsPresized() {
	for i := 0; i < rounds; i++ {
		var b strings.Builder
		b.Grow(30 * len("and so on"))
		for j := 0; j < 30; j++ {
			b.WriteString("and so on")
		}
		text = b.String()
	}
}

//go:noinline
func buffers() {
	for i := 0; i < rounds; i++ {
		var b bytes.Buffer
		for j := 0; j < 100; j++ {
			b.WriteString("and so on") // bytes_churn
		}
		raw = b.Bytes()
	}
}

//go:noinline
func readsAll() {
	long := strings.Repeat("and so on", 1000)
	for i := 0; i < rounds; i++ {
		raw, _ = io.ReadAll(strings.NewReader(long)) // bytes_churn
	}
}

//go:noinline
func converts() {
	for i := 0; i < rounds; i++ {
		text = string(raw) // | bytes_churn
	}
}

//go:noinline
func formats() {
	for i := 0; i < rounds; i++ {
		text = fmt.Sprintf("%d of %d", i, rounds) // bytes_churn | boxing
	}
}

//go:noinline
func convertsNumbers() {
	for i := 0; i < rounds; i++ {
		text = strconv.Itoa(i + 1000) // bytes_churn
	}
}

//go:noinline
func appends() {
	for i := 0; i < rounds; i++ {
		numbers = nil
		for j := 0; j < 100; j++ {
			numbers = append(numbers, j) // | slice_growth
		}
	}
}

//go:noinline
func appendsPresized() {
	for i := 0; i < rounds; i++ {
		numbers = make([]int, 0, 100)
		for j := 0; j < 100; j++ {
			numbers = append(numbers, j)
		}
	}
}

//go:noinline
func boxes() {
	for i := 0; i < rounds; i++ {
		boxed = i + 1000     // | boxing
		boxed = order{ID: i} // | boxing
	}
}

//go:noinline
func makes() {
	for i := 0; i < rounds; i++ {
		raw = make([]byte, 100+i%2)
		boxed = &order{}
	}
}

//go:noinline
func grows() {
	m := map[int]int{}
	for i := 0; i < rounds; i++ {
		m[i] = i
	}
	boxed = m
}

//go:noinline
func compares() {
	same := map[string]int{}
	for k, v := range counts {
		same[k] = v
	}
	for i := 0; i < rounds; i++ {
		equal = reflect.DeepEqual(counts, same)
	}
}

type answer struct {
	bytes.Buffer
	header http.Header
}

func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(int)     {}

func ask(handler http.HandlerFunc, path, query string) []byte {
	a := &answer{header: http.Header{}}
	handler(a, &http.Request{Method: "GET", URL: &url.URL{Path: path, RawQuery: query}})
	return a.Bytes()
}

func write() {
	text := ask(httppprof.Index, "/debug/pprof/heap", "debug=1")
	check(os.WriteFile(os.Args[1], text, 0o600))
	seen := map[string]bool{}
	var query []string
	for _, line := range regexp.MustCompile(`(?m)@( 0x[0-9a-f]+)+$`).FindAll(text, -1) {
		for _, word := range strings.Fields(string(line))[1:] {
			if pc, err := strconv.ParseUint(word, 0, 64); err == nil && !seen[word] {
				seen[word] = true
				query = append(query, fmt.Sprintf("%#x", pc-1))
			}
		}
	}
	var hidden bytes.Buffer
	for _, line := range strings.SplitAfter(string(ask(httppprof.Symbol, "/debug/pprof/symbol", strings.Join(query, "+"))), "\n") {
		if strings.HasPrefix(line, "num_symbols") || strings.Contains(line, " runtime.") || strings.Contains(line, " internal/runtime/") {
			hidden.WriteString(line)
		}
	}
	check(os.WriteFile(os.Args[2], hidden.Bytes(), 0o600))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
