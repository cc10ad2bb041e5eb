// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heapgate/heapgate/internal/crash"
)

// dump is what a process prints that writes a map in two goroutines.
func dump(line int) string {
	return fmt.Sprintf(`fatal error: concurrent map writes

goroutine 7 [running]:
internal/runtime/maps.fatal({0x4b5b3f?, 0x0?})
	/usr/local/go/src/runtime/panic.go:1053 +0x18
main.fill(...)
	/src/main.go:%d +0x85
created by main.main in goroutine 1
	/src/main.go:11 +0x45

goroutine 1 [sleep]:
time.Sleep(0x3b9aca00)
	/usr/local/go/src/runtime/time.go:338 +0x165
main.main()
	/src/main.go:15 +0x5d
`, line)
}

// heardCrashes collects what readers tell.
type heardCrashes struct {
	mu  sync.Mutex
	all []crash.Crash
}

func (h *heardCrashes) hear(_ context.Context, _, _ string, c *crash.Crash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, *c)
}

func TestCrashIsToldOnceAndCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told heardCrashes
		r := &reader{kept: newMemory(), path: filepath.Join(t.TempDir(), "0.log"), set: func(f *followers) { f.crashed = told.hear }}
		crashes := func(want int64) {
			t.Helper()
			counts, since, ok := r.crashesOf("p")
			if !ok || counts[crash.MapWrites] != want || since.IsZero() {
				t.Errorf("%v crashes are counted since %s (%v); want %d", counts, since, ok, want)
			}
		}
		write(t, r.path, "no gctrace\n"+dump(20), 0)
		r.start(t)
		time.Sleep(time.Minute)
		crashes(1)
		if len(told.all) != 1 || told.all[0].Function != "main.fill" || told.all[0].Line != 20 || told.all[0].Goroutine != 7 {
			t.Fatalf("told %+v", told.all)
		}
		r.stop(t, true)
		r.start(t) // there is no cycle in the log: only the place behind the dump keeps it from being counted again
		time.Sleep(time.Minute)
		crashes(1)
		write(t, r.path, cycleLines(1, 3)+dump(21), os.O_APPEND) // the container was started again, and died again
		time.Sleep(time.Minute)
		crashes(2)
		r.stop(t, true)
		rename(t, r.path, r.path+".20261121-060000")
		pack(t, r.path+".20261121-060000")
		write(t, r.path, dump(22), 0)
		r.start(t)
		time.Sleep(time.Minute)
		crashes(3)
		if len(told.all) != 3 {
			t.Errorf("%d crashes are told, 3 happened", len(told.all))
		}
		if err := os.Remove(r.path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		crashes(3) // of a log that is gone
		r.stop(t, true)
		r.start(t)
		time.Sleep(time.Minute)
		crashes(3)
		r.stop(t, false)
	})
}

// A pod that dies again and again leaves the dump of each instance in the log of the instance before.
func TestCrashOfTheInstanceBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, filepath.Join(folder, "3.log"), cri(cycleLines(1, 9)+dump(20)), 0)
		write(t, filepath.Join(folder, "4.log"), cri(cycleLines(1, 2)), 0)
		r := &reader{kept: newMemory(), path: filepath.Join(folder, "4.log")}
		r.start(t)
		r.followPod(r.ctx, "p", folder)
		time.Sleep(time.Minute)
		if counts, _, ok := r.crashesOf("p"); !ok || counts[crash.MapWrites] != 1 {
			t.Errorf("%v crashes are counted (%v)", counts, ok)
		}
		if got := r.sums(t); got.summed != 2 { // the only one that is heard
			t.Errorf("%d cycles are summed", got.summed)
		}
		r.stop(t, false)
	})
}
