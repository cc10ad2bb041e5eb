// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command proto allocates in many ways, and writes its heap profile in both forms while nothing moves: no collection
// runs between the two.
//
//	proto RATE ROUNDS OUT...
//
// For each round it works on, and writes OUT.heap.pb.gz, OUT.heap.txt and OUT.symbols.txt. It compiles with every Go from 1.19 on.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"sync"
	"text/template"
)

var keep []interface{}

func main() {
	var err error
	runtime.MemProfileRate, err = strconv.Atoi(os.Args[1])
	check(err)
	rounds, err := strconv.Atoi(os.Args[2])
	check(err)
	for n, out := range os.Args[3:] {
		debug.SetGCPercent(100)
		for i := 0; i < rounds; i++ {
			work(i)
		}
		if n > 0 {
			later(rounds)
		}
		for i := 0; i < 3; i++ { // allocations are published one to two cycles late
			runtime.GC()
		}
		debug.SetGCPercent(-1)
		write(out)
	}
}

type record struct {
	Name  string
	Tags  map[string]string
	Items []map[string]interface{}
	Sub   *record
}

// Set is generic, so that one line is compiled into several functions.
type Set[K comparable, V any] struct{ m map[K]V }

// Put stores what a function makes: the map and the value grow on one line.
func (s *Set[K, V]) Put(k K, make func() V) {
	if s.m == nil {
		s.m = map[K]V{}
	}
	s.m[k] = make()
}

func inlined(m map[int][]byte, k int) { m[k] = make([]byte, 16<<uint(k%8)) }

func work(round int) {
	ints := map[int][]byte{}
	byName := map[string]*record{}
	big := map[int][40]int64{}
	var strs Set[string, []string]
	var nums Set[int64, *[4]int64]
	var any1 Set[[2]int32, interface{}]
	nested := map[int]map[string]int{}
	var shared sync.Map
	for i := 0; i < 400; i++ {
		name := "name-" + strconv.Itoa(i%97)
		inlined(ints, i)
		byName[name] = &record{Name: strings.Repeat(name, 3), Tags: map[string]string{"a": name, "b": name + "!"}}
		big[i] = [40]int64{int64(i)}
		strs.Put(name, func() []string { return strings.Split("a b c d "+name, " ") })
		nums.Put(int64(i), func() *[4]int64 { return &[4]int64{int64(i)} })
		any1.Put([2]int32{int32(i), 1}, func() interface{} { return i * 1000 })
		if nested[i%37] == nil {
			nested[i%37] = make(map[string]int, i%29)
		}
		nested[i%37][name] = i
		shared.Store(name, i)
	}
	reflected := reflect.MakeMap(reflect.TypeOf(map[string]record{}))
	for i := 0; i < 50; i++ {
		reflected.SetMapIndex(reflect.ValueOf(fmt.Sprint("r", i)), reflect.ValueOf(record{Name: "x"}))
	}
	data, err := json.Marshal(byName)
	check(err)
	var back map[string]record
	check(json.Unmarshal(data, &back))
	var loose map[string]interface{}
	check(json.Unmarshal(data, &loose))
	var b bytes.Buffer
	t := template.Must(template.New("t").Parse(`{{range $k, $v := .}}{{$k}}={{$v.Name}} {{end}}`))
	check(t.Execute(&b, back))
	words := regexp.MustCompile(`[a-z]+-(\d+)`).FindAllString(b.String(), -1)
	sort.Strings(words)
	if round%16 == 0 {
		keep = append(keep, ints, byName, big, strs, nums, any1, nested, &shared, reflected.Interface(), back, loose, words)
	}
}

// later runs from the second round on: sites and pairs that the first profile does not have.
func later(rounds int) {
	m := map[string]map[int]string{}
	for i := 0; i < 100*rounds; i++ {
		k := strconv.Itoa(i % 53)
		if m[k] == nil {
			m[k] = map[int]string{}
		}
		m[k][i] = strconv.Itoa(i)
	}
	keep = append(keep, m)
}

func write(out string) {
	var proto, text bytes.Buffer
	check(pprof.Lookup("heap").WriteTo(&proto, 0))
	check(pprof.Lookup("heap").WriteTo(&text, 1))
	var symbols bytes.Buffer
	seen := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)@( 0x[0-9a-f]+)+$`).FindAllString(text.String(), -1) {
		for _, word := range strings.Fields(line)[1:] {
			pc, err := strconv.ParseUint(word, 0, 64)
			if err != nil || seen[word] {
				continue
			}
			seen[word] = true
			if f := runtime.FuncForPC(uintptr(pc - 1)); f != nil { // as net/http/pprof.Symbol
				fmt.Fprintf(&symbols, "%#x %s\n", pc-1, f.Name())
			}
		}
	}
	check(os.WriteFile(out+".heap.pb.gz", proto.Bytes(), 0o600))
	check(os.WriteFile(out+".heap.txt", text.Bytes(), 0o600))
	check(os.WriteFile(out+".symbols.txt", symbols.Bytes(), 0o600))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
