// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestOrderCacheKeepsEverything(t *testing.T) {
	c := NewOrderCache(slog.New(slog.DiscardHandler), 1<<30)
	const orders = 100_000
	for id := range int64(orders) {
		c.Insert(id, []byte{byte(id)})
	}
	if c.Len() != orders {
		t.Errorf("got %d receipts, want %d", c.Len(), orders)
	}
	if got, ok := c.Get(0); !ok || got[0] != 0 {
		t.Errorf("the first receipt is gone: %v %v", got, ok)
	}
	if _, ok := c.Get(orders); ok {
		t.Error("a receipt was invented")
	}
}

func TestOrderCacheDumpIsWholeButItsLogLineIsShort(t *testing.T) {
	var out bytes.Buffer
	c := NewOrderCache(slog.New(slog.NewJSONHandler(&out, nil)), 15_000)
	for id := range int64(45_000) {
		c.Insert(id, []byte("receipt"))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d dumps, want one after each 15000 of 45000 inserts:\n%s", len(lines), out.String())
	}
	for i, want := range []struct{ Held, Dumped int }{{15_000, 15_000}, {30_000, dumpEntries}, {45_000, dumpEntries}} {
		var got struct {
			Held, Dumped, Bytes int
			Head                string
		}
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if got.Held != want.Held || got.Dumped != want.Dumped {
			t.Errorf("dump %d: got held %d dumped %d, want %+v", i, got.Held, got.Dumped, want)
		}
		if got.Bytes < 20*got.Dumped || len(got.Head) != dumpLogBytes || !strings.HasPrefix(got.Head, "map[") {
			t.Errorf("dump %d: %d bytes formatted for %d receipts, head of %d bytes: %.40q", i, got.Bytes, got.Dumped, len(got.Head), got.Head)
		}
	}
}

func TestBoundedCacheKeepsTheLatest(t *testing.T) {
	c := NewBoundedCache(3)
	for id := range int64(5) {
		c.Insert(id, []byte{byte(id)})
	}
	c.Insert(3, []byte{33}) // known: no one has to go for it
	for id, want := range map[int64][]byte{0: nil, 1: nil, 2: {2}, 3: {33}, 4: {4}} {
		if got, ok := c.Get(id); !bytes.Equal(got, want) || ok != (want != nil) {
			t.Errorf("receipt %d: got %v %v, want %v", id, got, ok, want)
		}
	}
	c.Insert(5, []byte{5})
	if _, ok := c.Get(2); ok || c.Len() != 3 {
		t.Errorf("the oldest receipt (2) should have gone; %d held", c.Len())
	}
}

// The claim of the good version is not only about the number of entries: the map's own memory must not move either.
func TestBoundedCacheNeverAllocatesAgain(t *testing.T) {
	const most = 7000 // tables as full as they get if the map had room for just so many
	c := NewBoundedCache(most)
	receipt := []byte("receipt")
	id := int64(0)
	turnOver := func() {
		for range most {
			c.Insert(id, receipt)
			id++
		}
	}
	turnOver()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 50 {
		turnOver()
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<10 { // one table has 1024 slots of 32 bytes
		t.Errorf("turning the cache over 50 times allocated %d bytes", grown)
	}
	if c.Len() != most {
		t.Errorf("got %d receipts, want %d", c.Len(), most)
	}
}

func TestCachesServeManyAtOnce(t *testing.T) {
	for name, c := range map[string]cache{
		"good": NewBoundedCache(100),
		"bad":  NewOrderCache(slog.New(slog.DiscardHandler), 500),
	} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for worker := range int64(8) {
				all.Go(func() {
					for i := range int64(1000) {
						c.Insert(worker*1000+i, []byte{1})
						c.Get(i)
					}
				})
			}
			all.Wait()
			if want := map[string]int{"good": 100, "bad": 8000}[name]; c.Len() != want {
				t.Errorf("got %d receipts, want %d", c.Len(), want)
			}
		})
	}
}
