// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// elevenKinds are as many as the processor has.
func elevenKinds() *Settings {
	set := &Settings{Weeks: 6, MinSamples: 3}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
		set.Kinds = append(set.Kinds, Kind{Name: name, Floor: 0.001})
	}
	return set
}

// full has been heard for seven weeks in every kind.
func full(set *Settings, seed uint64) *Workload {
	w := New(set)
	rng := rand.New(rand.NewPCG(seed, 2))
	for hour := range int64(7 * slots) {
		w.Begin(start + hour)
		for kind := range set.Kinds {
			for range 5 {
				w.Learn(kind, start+hour, 1+0.1*rng.NormFloat64())
			}
		}
	}
	return w
}

// BenchmarkExpect is what one kind of one workload costs once an hour; Judge, what it costs at each point after that.
func BenchmarkExpect(b *testing.B) {
	w := full(elevenKinds(), 1)
	b.Run("once_an_hour", func(b *testing.B) {
		for b.Loop() {
			w.series[0].hour = -1
			w.Expect(0, start+7*slots)
		}
	})
	b.Run("each_point", func(b *testing.B) {
		var a Alarm
		now := time.Unix((start+7*slots)*3600, 0)
		for b.Loop() {
			e := w.Expect(0, start+7*slots)
			a.Judge(now, e.Deviation(1.2), standard)
			w.Learn(0, w.open, 1.2)
		}
	})
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			encode(&Key{Name: "api"}, time.Unix(start*3600, 0), w)
		}
	})
}

// TestSize pins what a workload costs when all of it is known: in memory and in the storage.
func TestSize(t *testing.T) {
	const n = 20
	set := elevenKinds()
	live := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	kept := make([]*Workload, n)
	for i := range kept {
		kept[i] = full(set, uint64(i))
	}
	if size := (live() - before) / n; size > 36<<10 {
		t.Errorf("a workload takes %d bytes, want at most 36 kB", size)
	} else {
		t.Logf("a workload takes %d bytes", size)
	}
	if size := len(encode(&Key{Name: "api"}, time.Unix(start*3600, 0), kept[0])); size > 28<<10 {
		t.Errorf("a stored workload takes %d bytes, want at most 28 kB", size)
	} else {
		t.Logf("a stored workload takes %d bytes", size)
	}
	runtime.KeepAlive(kept)
}
