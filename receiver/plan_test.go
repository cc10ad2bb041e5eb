// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

var epoch = time.Unix(1_800_000_000, 0)

// planOf makes a plan of "source every cost" lines and lets it learn the costs.
func planOf(t *testing.T, budget float64, lines ...string) *plan {
	t.Helper()
	var sources []configuredSource
	costs := map[source]time.Duration{}
	for _, line := range lines {
		var name string
		var every, cost time.Duration
		fields := strings.Fields(line)
		name = fields[0]
		every, cost = duration(t, fields[1]), duration(t, fields[2])
		sources = append(sources, configuredSource{source: source(name), every: every})
		costs[source(name)] = cost
	}
	p := newPlan("target", epoch, sources, budget)
	for _, s := range p.sources {
		p.done(s, epoch, costs[s.source], false)
	}
	return p
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func intervals(p *plan) string {
	var all []string
	for _, s := range p.sources {
		all = append(all, fmt.Sprintf("%s %s", s.source, s.interval.Round(time.Second)))
	}
	return strings.Join(all, ", ")
}

func TestBudgetStretchesTheDearSourcesOnly(t *testing.T) {
	for _, c := range []struct {
		name, want string
		budget     float64
		sources    []string
	}{
		{"cheap enough", "heap_text 1m0s, goroutine 1m0s", 0.001, []string{"heap_text 60s 20ms", "goroutine 60s 5ms"}},
		{"one is dear", "heap_text 7m16s, goroutine 1m0s", 0.001, []string{"heap_text 60s 400ms", "goroutine 60s 5ms"}},
		{"both are dear", "heap_text 13m20s, goroutine 22m24s", 0.001, []string{"heap_text 60s 400ms", "goroutine 60s 672ms"}},
		{"nothing can be dearer than an hour", "heap_text 1h0m0s", 0.001, []string{"heap_text 60s 30s"}},
		{"a larger budget", "heap_text 1m0s", 0.01, []string{"heap_text 60s 400ms"}},
		{"unknown cost", "heap_text 1m0s", 0.001, []string{"heap_text 60s 0s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planOf(t, c.budget, c.sources...)
			if got := intervals(p); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			share := 0.0
			for _, s := range p.sources {
				if s.interval < maxStretched {
					share += float64(s.cost()) / float64(s.interval)
				}
			}
			if share > c.budget*(1+1e-6) {
				t.Errorf("takes %g of a core, budget %g", share, c.budget)
			}
		})
	}
}

func TestOneSlowAnswerStretchesNothing(t *testing.T) {
	p := planOf(t, 0.001, "heap_text 60s 10ms")
	s := p.lead()
	p.done(s, epoch, 10*time.Millisecond, false)
	p.done(s, epoch, 5*time.Second, false)
	if s.interval != s.every {
		t.Errorf("got interval %s after one slow answer, want %s", s.interval, s.every)
	}
	for range 3 {
		p.done(s, epoch, 5*time.Second, false)
	}
	if s.interval != maxStretched {
		t.Errorf("got interval %s although most answers were slow, want %s", s.interval, maxStretched)
	}
	if p.stretched() != 1 {
		t.Errorf("got %d stretched, want 1", p.stretched())
	}
}

func TestWhatIsAskedInVainIsAskedSeldom(t *testing.T) {
	p := planOf(t, 1, "heap_text 60s 1ms", "cpu 300s 1ms")
	cpu := p.sources[1]
	var got []string
	for range 7 {
		p.done(cpu, epoch, 0, true)
		got = append(got, cpu.interval.String())
	}
	if want := "10m0s 20m0s 40m0s 1h0m0s 1h0m0s 1h0m0s 1h0m0s"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if p.stretched() != 0 {
		t.Errorf("%d sources count as stretched by the budget, want none", p.stretched())
	}
	p.renew()
	p.done(cpu, epoch, 0, false)
	if cpu.interval != cpu.every {
		t.Errorf("got interval %s in a new process, want %s", cpu.interval, cpu.every)
	}
}

// A trace of which nothing comes through is asked for less, and a new process for as much as configured.
func TestWhatIsTooLongIsShortened(t *testing.T) {
	p := newPlan("x", epoch, []configuredSource{{sourceExecTrace, time.Hour, time.Second}, {sourceCPUProfile, time.Hour, 3 * time.Second}}, 1)
	for _, c := range []struct{ source, want string }{{"trace", "500ms 250ms 125ms 62.5ms 50ms 50ms"}, {"cpu", "1.5s 1s 1s 1s 1s 1s"}} {
		var got []string
		for _, s := range p.sources {
			for range 6 {
				if string(s.source) == c.source {
					s.shorten()
					got = append(got, s.lasts.String())
				}
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s got %v, want %s", c.source, got, c.want)
		}
	}
	p.renew()
	if got := p.sources[0].lasts; got != time.Second {
		t.Errorf("a new process is asked for %s, want 1s", got)
	}
}

func TestBeatIsKept(t *testing.T) {
	p := planOf(t, 1, "heap_text 60s 1ms")
	s := p.lead()
	s.due = epoch
	for _, c := range []struct{ doneAfter, nextAfter time.Duration }{
		{time.Second, 60 * time.Second},
		{61 * time.Second, 120 * time.Second},
		{190 * time.Second, 240 * time.Second}, // 180 s was missed
		{240 * time.Second, 300 * time.Second},
	} {
		p.done(s, epoch.Add(c.doneAfter), time.Millisecond, false)
		if got := s.due.Sub(epoch); got != c.nextAfter {
			t.Errorf("done after %s: next after %s, want %s", c.doneAfter, got, c.nextAfter)
		}
	}
}

func TestPhasesSpreadAFleet(t *testing.T) {
	const targets, parts = 6000, 60
	var hits [parts]int
	for i := range targets {
		p := newPlan(fmt.Sprintf("shop/pod-%d/api", i), epoch, []configuredSource{{sourceHeapText, time.Minute, 0}, {sourceGoroutines, time.Minute, 0}}, 1)
		for _, s := range p.sources {
			hits[int(s.due.Sub(epoch)/time.Second)]++
		}
		if p.sources[0].due.Equal(p.sources[1].due) {
			t.Fatal("both sources of a target are due at once")
		}
	}
	for second, n := range hits {
		if mean := float64(2 * targets / parts); math.Abs(float64(n)-mean) > 5*math.Sqrt(mean) {
			t.Errorf("second %d has %d visits, the mean is %g", second, n, mean)
		}
	}
}
