// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

const (
	replicas = 3       // of each kind of process
	dayLong  = 24 * 60 // minutes
)

// day is a fleet for a day, and what was said of it.
type day struct {
	t       *testing.T
	sims    []*sim
	skew    time.Duration // by which the collector's clock is wrong
	p       *goSignals
	told    *consumertest.LogsSink
	batches int

	intervals, inside int                       // of growth, and those that had the truth in them
	rates, right      int                       // of allocation, and those within a tenth of the truth
	names             map[string]int            // of signals, how often they were said
	said              map[string]map[string]int // by kind, signal and function: how often which label held
	changes           map[string][]change       // by target, signal and function
}

// change is one that was told, to what and when.
type change struct {
	to     string
	minute int
}

func (c change) String() string { return fmt.Sprintf("%s@%d", c.to, c.minute) }

// TestDay sends a day of a fleet through the processor: restarts, a rollout, gaps, clocks that are set, and a collector that
// restarts. What is remembered stays bounded, what is said stays true, and no verdict flaps.
func TestDay(t *testing.T) {
	if testing.Short() {
		t.Skip("ten seconds of CPU")
	}
	d := &day{t: t, names: map[string]int{}, said: map[string]map[string]int{}, changes: map[string][]change{}}
	synctest.Test(t, func(t *testing.T) {
		d.collect()
		for _, kind := range slices.Sorted(maps.Keys(shapes)) {
			for n := range replicas {
				s := &sim{kind: kind, rng: rand.New(rand.NewPCG(uint64(len(d.sims)), 3))}
				s.name(n, "1")
				s.restart(time.Now())
				d.sims = append(d.sims, s)
			}
		}
		for minute := range dayLong {
			time.Sleep(time.Minute)
			d.happens(minute)
			for i, s := range d.sims {
				if !gap(minute, i) {
					d.visit(minute, s)
				}
			}
			d.read(minute)
			if minute%60 == 59 {
				d.bounded(minute)
			}
		}
	})
	d.judge()
}

// rare are signals that no process of the day leads to: a baseline of an hour of the week needs weeks.
var rare = regexp.MustCompile(`^baseline\.|^memory.limit_inferred$`)

// name gives the process of one replica its identity, that of a pod.
func (s *sim) name(replica int, version string) {
	s.resource = map[string]string{
		"service.name": s.kind, "service.instance.id": fmt.Sprintf("%s-%s-%d", s.kind, version, replica), "service.version": version,
		"k8s.namespace.name": "shop", "heapgate.workload.name": s.kind,
	}
}

// collect starts a collector that has not heard of anything.
func (d *day) collect() {
	d.p, d.told = newTestProcessor(d.t), &consumertest.LogsSink{}
	if err := (&outlet{d.p.shared, d.told}).start(d.t.Context(), nil); err != nil {
		d.t.Fatal(err)
	}
}

// happens is what happens in a minute.
func (d *day) happens(minute int) {
	now := time.Now()
	switch {
	case minute == 480: // a rollout: one pod of each workload takes the place of another
		for i, s := range d.sims {
			if i%replicas == 1 {
				s.name(1, "2")
				s.restart(now)
			}
		}
	case minute == 400:
		d.skew = 2 * time.Hour
	case minute == 405:
		d.skew = 0
	case minute == 900:
		d.skew = -30 * time.Minute
	case minute == 600:
		for i, s := range d.sims {
			if i%4 == 0 {
				s.host = -20 * time.Minute
			}
		}
	case minute == 1000: // the receiver begins its series afresh too
		d.collect()
		for _, s := range d.sims {
			s.heard = now
		}
	case minute >= 200 && minute < 200+17*len(d.sims) && minute%17 == 0: // a restart in place
		if i := (minute - 200) / 17; i%replicas == 0 {
			d.sims[i].restart(now)
		}
	}
}

// gap tells whether a process is not heard: twelve minutes that are remembered, and an hour that is not.
func gap(minute, i int) bool {
	return i%3 == 0 && minute >= 300 && minute < 312 || i%5 == 0 && minute >= 700 && minute < 760
}

func (d *day) visit(minute int, s *sim) {
	now := time.Now()
	batch := s.batch(now, now.Add(d.skew), minute)
	had := batch.ResourceMetrics().At(0).ScopeMetrics().Len()
	if _, err := d.p.process(d.t.Context(), batch); err != nil {
		d.t.Fatal(err)
	}
	d.batches++
	scopes := batch.ResourceMetrics().At(0).ScopeMetrics()
	if scopes.Len() == had {
		d.t.Fatalf("minute %d: %s has no signals", minute, s.resource["service.instance.id"])
	}
	d.check(s, scopes.At(had).Metrics())
}

// check holds what was said to the truth.
func (d *day) check(s *sim, metrics pmetric.MetricSlice) {
	lower := map[string]float64{}
	for _, m := range metrics.All() {
		name := strings.TrimPrefix(m.Name(), "heapgate.signal.")
		d.names[name]++
		for _, p := range m.Gauge().DataPoints().All() {
			function := text(p, "code.function.name")
			switch name {
			case "heap.allocation_rate":
				d.rates++
				if math.Abs(p.DoubleValue()/s.rate-1) < 0.1 {
					d.right++
				}
			case "map.growth_rate.lower":
				lower[function] = p.DoubleValue()
			case "map.growth_rate.upper":
				if truth := map[string]float64{"main.churn": 3e6, "main.unbounded": 2e5}[function]; truth > 0 {
					d.intervals++
					if lower[function] <= truth && truth <= p.DoubleValue() {
						d.inside++
					}
				}
			case "map.verdict", "heap.leak", "goroutine.leak", "gc.state", "heap.shape":
				d.hear(s, name, function, p)
			}
		}
	}
}

// hear notes which label of a state or a verdict holds in a process that is older than an hour.
func (d *day) hear(s *sim, name, function string, p pmetric.NumberDataPoint) {
	if p.IntValue() == 0 || s.age < 3600 {
		return
	}
	key := strings.TrimSpace(s.kind + " " + name + " " + function)
	if d.said[key] == nil {
		d.said[key] = map[string]int{}
	}
	for _, label := range []string{"heapgate.map.verdict", "heapgate.leak", "heapgate.gc.state", "heapgate.heap.shape"} {
		if v := text(p, label); v != "" {
			d.said[key][v]++
		}
	}
}

// read takes the records that the collector has told.
func (d *day) read(minute int) {
	for _, logs := range d.told.AllLogs() {
		for _, rl := range logs.ResourceLogs().All() {
			for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
				key := of(rl.Resource().Attributes(), "service.instance.id") + " " + of(r.Attributes(), "heapgate.signal") + " " + of(r.Attributes(), "code.function.name")
				d.changes[key] = append(d.changes[key], change{of(r.Attributes(), "heapgate.to"), minute})
			}
		}
	}
	d.told.Reset()
}

func of(attributes pcommon.Map, key string) string {
	v, ok := attributes.Get(key)
	if !ok {
		return ""
	}
	return v.Str()
}

// bounded: the fleet is remembered and nothing else, in the memory that it may take.
func (d *day) bounded(minute int) {
	targets, _ := d.p.state.held()
	size, measured := int64(0), int64(0)
	for _, element := range d.p.state.targets {
		e := element.Value.(*entry)
		measured += sizeOf(e)
		if size += e.size; !e.measured {
			size += sizeOf(e) - e.size
		}
	}
	if targets > len(d.sims) {
		d.t.Errorf("minute %d: %d targets held, want %d", minute, targets, len(d.sims))
	}
	if each := measured / int64(targets); each > assumedSize {
		d.t.Errorf("minute %d: %d bytes a target, want at most %d", minute, each, assumedSize)
	}
	if math.Abs(float64(size)/float64(measured)-1) > 0.5 {
		d.t.Errorf("minute %d: says that it takes %d bytes, takes %d", minute, size, measured)
	}
	if minute == dayLong-1 {
		d.t.Logf("%d batches, %d targets of %d bytes at the end", d.batches, targets, measured/int64(targets))
	}
}

func (d *day) judge() {
	d.t.Logf("growth: %d of %d intervals hold the truth; allocation: %d of %d rates within a tenth", d.inside, d.intervals, d.right, d.rates)
	if d.intervals < dayLong || float64(d.inside) < 0.92*float64(d.intervals) {
		d.t.Errorf("%d of %d intervals of growth hold the truth, want 95 %%", d.inside, d.intervals)
	}
	if d.rates < dayLong || float64(d.right) < 0.99*float64(d.rates) {
		d.t.Errorf("%d of %d allocation rates are within a tenth of the truth, want 99 %%", d.right, d.rates)
	}
	for n := range signal.Names {
		if d.names[n.String()] == 0 && !rare.MatchString(n.String()) {
			d.t.Errorf("%v was never said", n)
		}
	}
	d.states()
	d.flaps()
}

// states: what was said of each kind of process, and at least how often.
func (d *day) states() {
	for key, want := range map[string]struct {
		labels string // those that are true
		least  float64
	}{
		"churn gc.state": {"calm", 0.95}, "steady gc.state": {"calm", 0.95}, "idle gc.state": {"idle", 0.95}, "goroutines gc.state": {"calm", 0.95},
		"storm gc.state": {"storm heavy", 0.95}, "thrash gc.state": {"limit_thrash death_spiral", 0.95},
		"steady heap.shape": {"flat", 0.95}, "leak heap.shape": {"climb", 0.9}, "unbounded heap.shape": {"climb", 0.9},
		"leak heap.leak": {"leak", 0.1}, "unbounded heap.leak": {"leak", 0.1},
		"unbounded map.verdict main.unbounded": {"unbounded", 0.3}, "warming map.verdict main.warming": {"warming settled", 0.9},
		"churn map.verdict main.churn": {"churn request_scoped", 0.9}, "steady map.verdict main.settled": {"settled", 0.9},
		"goroutines goroutine.leak main.serve1": {"leak", 0.9}, "goroutines goroutine.leak main.serve0": {"none", 0.9},
	} {
		total, right := 0, 0
		for label, n := range d.said[key] {
			if total += n; slices.Contains(strings.Fields(want.labels), label) {
				right += n
			}
		}
		if total < dayLong/3 || float64(right) < want.least*float64(total) {
			d.t.Errorf("%s: %v, want %s in at least %v of %d", key, d.said[key], want.labels, want.least, total)
		}
	}
	for key, labels := range d.said { // what must never be said
		kind, of, _ := strings.Cut(key, " ")
		grows := slices.Contains([]string{"leak", "unbounded", "shop"}, kind)
		if labels["unbounded"] > 0 && !strings.HasSuffix(of, "main.unbounded") || labels["leak"] > 0 && !(grows && of == "heap.leak" || strings.HasSuffix(of, "main.serve1")) {
			d.t.Errorf("%s: %v", key, labels)
		}
	}
}

// mostFlaps are verdicts of the day that were taken back within half an hour although nothing had happened to the process.
const mostFlaps = 10

// disturbed tells whether clocks, gaps or a restart of the collector have emptied windows shortly before.
func disturbed(minute int) bool {
	return slices.ContainsFunc([]int{312, 400, 405, 600, 760, 900, 1000}, func(at int) bool { return minute >= at && minute < at+30 })
}

// flaps: a verdict that is taken back within half an hour was said too early.
func (d *day) flaps() {
	told, flaps := 0, 0
	for _, key := range slices.Sorted(maps.Keys(d.changes)) {
		all := d.changes[key]
		told += len(all)
		for i := 2; i < len(all); i++ {
			if all[i].to == all[i-2].to && all[i].minute-all[i-1].minute < 30 && !disturbed(all[i-1].minute) {
				flaps++
				d.t.Logf("%s: %v", key, all[i-2:i+1])
			}
		}
	}
	d.t.Logf("%d changes told, %d taken back within half an hour", told, flaps)
	if told == 0 || flaps > mostFlaps {
		d.t.Errorf("%d of %d verdicts were taken back within half an hour, want at most %d", flaps, told, mostFlaps)
	}
}
