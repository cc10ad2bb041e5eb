// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/signal"
)

// TestSizeOf holds the walk over a target to what the heap grows by.
func TestSizeOf(t *testing.T) {
	const targets = 25
	for _, sites := range []int{1, 5, 40} {
		p := newTestProcessor(t)
		before := live()
		for n := range targets {
			id, _ := identify(scrape(fmt.Sprint("target", n), 0, 0).ResourceMetrics().At(0).Resource())
			for i := range 30 {
				var r signal.Report
				p.state.observe(time.Unix(epoch, 0), id, decode(scrape("a", i, sites).ResourceMetrics().At(0), &r), &r)
			}
		}
		heap := float64(live()-before) / targets
		said := 0.0
		for _, e := range p.state.targets {
			said += float64(sizeOf(e.Value.(*entry))) / targets
		}
		t.Logf("%d sites: %.0f bytes a target, by the heap %.0f", sites, said, heap)
		if said < 0.75*heap || said > 1.25*heap {
			t.Errorf("%d sites: %.0f bytes a target, the heap grew by %.0f", sites, said, heap)
		}
		runtime.KeepAlive(p)
	}
}

// TestSizeOfSharedMemory: what two fields share counts once.
func TestSizeOfSharedMemory(t *testing.T) {
	walked := func(v any) int64 {
		w := walk{seen: map[uintptr]struct{}{}}
		w.reach(reflect.ValueOf(v))
		return w.bytes
	}
	s := fmt.Sprint("sixteen bytes ", 16)
	type two struct{ a, b string }
	if once, twice := walked(&two{a: s}), walked(&two{s, s}); once != 48 || twice != once {
		t.Errorf("%d and %d bytes, want 48 both times", once, twice)
	}
	type ring struct{ next *ring }
	r := &ring{}
	r.next = r
	if n := walked(r); n != 16 {
		t.Errorf("a ring takes %d bytes, want 16", n)
	}
	var any1 any = map[string][]int64{"k": make([]int64, 0, 100)}
	if n := walked(&any1); n < 1000 || n > 1300 {
		t.Errorf("a map with one slice of 800 bytes takes %d", n)
	}
}
