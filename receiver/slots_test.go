// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// 1,000 targets, each visited once a minute for 20 ms; every tenth hangs for the timeout. There are far too few places
// for all that hang.
func TestHangingTargetsStarveNobody(t *testing.T) {
	const targets, timeout, minute = 1000, 10 * time.Second, time.Minute
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8, 8)
		ctx, cancel := context.WithTimeout(t.Context(), 20*minute)
		defer cancel()
		var loops sync.WaitGroup
		var worst, most atomic.Int64
		for i := range targets {
			hangs := i%10 == 0
			loops.Go(func() {
				host, suspect := fmt.Sprint(i), false
				time.Sleep(phase(host, minute))
				for visits := 0; ; visits++ {
					began := time.Now()
					release, ok := s.acquire(ctx, host, suspect)
					if !ok {
						return
					}
					waited := int64(time.Since(began))
					for most.Load() < int64(s.busy()) {
						most.Store(int64(s.busy()))
					}
					if !hangs && visits > 4 && waited > worst.Load() {
						worst.Store(waited)
					}
					if suspect = hangs; hangs {
						time.Sleep(timeout)
					} else {
						time.Sleep(20 * time.Millisecond)
					}
					release()
					if sleep := minute - time.Since(began); sleep > 0 {
						time.Sleep(sleep)
					}
				}
			})
		}
		loops.Wait()
		if worst := time.Duration(worst.Load()); worst > 2*time.Second {
			t.Errorf("a healthy target waited %s for a place", worst)
		}
		if most.Load() > 8 {
			t.Errorf("%d visits ran at once, want at most 8", most.Load())
		}
		if len(s.hosts) != 0 || s.busy() != 0 {
			t.Errorf("%d hosts and %d places are left behind", len(s.hosts), s.busy())
		}
	})
}

func TestOneHostHasItsOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(100, 2)
		ctx, cancel := context.WithCancel(t.Context())
		var loops sync.WaitGroup
		var inside, most atomic.Int64
		for range 10 {
			loops.Go(func() {
				release, ok := s.acquire(ctx, "one", false)
				if !ok {
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(time.Second)
				inside.Add(-1)
				release()
			})
		}
		time.Sleep(2500 * time.Millisecond)
		if release, ok := s.acquire(ctx, "another", false); !ok {
			t.Error("another host has to wait")
		} else {
			release()
		}
		cancel() // who waits gives up
		loops.Wait()
		if most.Load() != 2 {
			t.Errorf("%d visits of one host ran at once, want 2", most.Load())
		}
		if len(s.hosts) != 0 || s.busy() != 0 {
			t.Errorf("%d hosts and %d places are left behind", len(s.hosts), s.busy())
		}
	})
}
