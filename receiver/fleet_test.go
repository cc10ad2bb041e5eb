// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// yard is a fleet whose loops only wait for their end.
type yard struct {
	*fleet
	mu      sync.Mutex
	running map[string]int // by id and address
	begun   atomic.Int64
}

func newYard(limit int) *yard {
	y := &yard{running: map[string]int{}}
	y.fleet = newFleet(limit, func(ctx context.Context, s spec) {
		y.note(s, +1)
		go func() {
			for range ticks(ctx, s.ID, time.Minute) {
				y.note(s, 0)
			}
			y.note(s, -1)
		}()
	})
	return y
}

func (y *yard) note(s spec, by int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.begun.Add(int64(max(by, 0)))
	if y.running[s.ID+"="+s.URL] += by; y.running[s.ID+"="+s.URL] == 0 {
		delete(y.running, s.ID+"="+s.URL)
	}
}

func (y *yard) now() string {
	synctest.Wait()
	y.mu.Lock()
	defer y.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(y.running)), " ")
}

// wants reads id=url pairs.
func wants(text string) (specs []spec) {
	for _, pair := range strings.Fields(text) {
		id, url, _ := strings.Cut(pair, "=")
		specs = append(specs, spec{TargetConfig: TargetConfig{ID: id, URL: url}})
	}
	return specs
}

func TestFleetFollowsWhatIsWanted(t *testing.T) {
	for name, steps := range map[string][]struct{ source, wanted, running, refused string }{
		"come and go": {
			{"p", "a=1 b=2", "a=1 b=2", ""}, {"q", "c=3", "a=1 b=2 c=3", ""}, {"p", "b=2", "b=2 c=3", ""}, {"q", "", "b=2", ""}, {"p", "", "", ""},
		},
		"another address": {{"p", "a=1", "a=1", ""}, {"p", "a=2", "a=2", ""}},
		"above the limit": {
			{configured, "s=0", "s=0", ""}, {"p", "a=1 b=2", "a=1 b=2 s=0", ""}, {"q", "c=3 d=4", "a=1 b=2 s=0", "limit limit"},
			{"p", "a=1", "a=1 c=3 s=0", ""}, {"q", "d=4", "a=1 d=4 s=0", ""},
		},
		"who waits and goes": {{"p", "a=1 b=2 c=3", "a=1 b=2 c=3", ""}, {"q", "d=4", "a=1 b=2 c=3", "limit"}, {"q", "", "a=1 b=2 c=3", ""}, {"p", "a=1", "a=1", ""}},
		"a taken id": {
			{configured, "a=1", "a=1", ""}, {"p", "a=2", "a=1", "duplicate"}, {"q", "b=3", "a=1 b=3", ""}, {"r", "b=4", "a=1 b=3", "duplicate"}, {"q", "", "a=1 b=4", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				y := newYard(3)
				for i, step := range steps {
					var refused []string
					for _, r := range y.apply(ctx, step.source, wants(step.wanted)) {
						refused = append(refused, r.reason)
					}
					if got := y.now(); got != step.running || strings.Join(refused, " ") != step.refused {
						t.Errorf("step %d: %q runs, refused %q; want %q, refused %q", i, got, refused, step.running, step.refused)
					}
					begun := y.begun.Load()
					y.apply(ctx, step.source, wants(step.wanted))
					if time.Sleep(time.Hour); y.now() != step.running || y.begun.Load() != begun {
						t.Errorf("step %d: what is wanted again starts again", i)
					}
				}
				discovered := 0
				for _, v := range y.visited {
					if v.source != configured {
						discovered++
					}
				}
				if y.discovered() != discovered {
					t.Errorf("%d targets count as discovered; want %d", y.discovered(), discovered)
				}
				cancel()
				if got := y.now(); got != "" {
					t.Errorf("%q runs after the end", got)
				}
			})
		})
	}
}
