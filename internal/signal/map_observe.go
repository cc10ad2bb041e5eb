// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "github.com/heapgate/heapgate/internal/ladder"

// mapState is what is remembered of the verdicts on map sites, beside what each site's slot holds.
type mapState struct {
	epoch   int
	known   bool
	version string
	runtime ladder.Runtime
}

// made is what the sizes of a site's blocks tell.
type made struct{ objects, largest Number }

// judgement is the verdict on a site and how long it has held.
type judgement struct {
	verdict, reason string
	times           int    // successive snapshots with this verdict
	told            string // the verdict of the last Change
}

// confirmed is how many snapshots a verdict must hold before it is told as a change: one at the edge must not fill a log.
const confirmed = 2

func (s *mapState) observe(o *Observation, t *Target, set Settings, r *Report) {
	if o.Heap == nil || !t.heap.accepted {
		return
	}
	s.learn(o.Runtime, t.heap.epoch)
	last := t.heap.snapshots.last()
	if last == nil || seconds(o.Heap.At)-last.at > set.Window.Seconds() {
		return // nothing was heard for a window
	}
	judged := t.heap.judged()
	for i, p := range last.sites {
		slot := &t.heap.sites.slots[i]
		if len(judged) == 0 || !p.known || !slot.growing {
			continue
		}
		fresh := slot.path.known == 0 || last.until != slot.path.until
		if fresh {
			slot.path.learn(last.until, p, slot.base(p))
		}
		told := s.judge(slot, growthOf(judged, i, t.heap.sites.rate), set)
		r.add(Signal{Name: MapVerdict, Label: told.verdict, Reason: told.reason, Site: slot.key, At: o.Heap.At, Value: 1})
		if told.entries > 0 {
			r.add(Signal{Name: MapPresize, Site: slot.key, At: o.Heap.At, Value: float64(told.entries)})
		}
		if fresh && told.e.points > fewestWindows && slot.judged.changes(told.verdict, told.reason) { // a gap in the history is no change
			r.Changes = append(r.Changes, Change{MapVerdict, slot.key, slot.judged.told, told.verdict, told.reason, told.text(), o.Heap.At})
			slot.judged.told = told.verdict
		}
	}
	t.heap.sites.addShares(judged, o.Heap.At, r)
}

// judge gives the verdict on a site, and what its sentence is made of.
func (s *mapState) judge(slot *slot, g growth, set Settings) told {
	e := evidence{
		growth: g, path: &slot.path, first: slot.first, window: set.Window.Seconds(),
		doublings: doublingsNeeded(s.runtime), sameSize: slot.sameSize(), sameGrows: s.runtime.SameSize,
	}
	t := told{slot: slot, e: e, runtime: s.runtime}
	t.verdict, t.reason = t.e.verdict()
	if t.verdict == mapRequestScoped {
		t.entries, _ = s.runtime.Presize(slot.made.of(slot.last, g.rate))
	}
	return t
}

// learn keeps the version of the runtime, which not every observation says.
func (s *mapState) learn(version string, epoch int) {
	if s.known && s.epoch == epoch && (version == "" || version == s.version) {
		return
	}
	*s = mapState{epoch, true, version, ladder.RuntimeOf(version)}
}

// changes takes the verdict of a new snapshot, and tells whether it is worth a Change.
func (j *judgement) changes(verdict, reason string) bool {
	if verdict != j.verdict {
		j.times = 0
	}
	j.verdict, j.reason = verdict, reason
	j.times++
	return j.times >= confirmed && verdict != j.told && (j.told != "" || verdict != mapUnknown)
}

// of are the blocks of a site since the start of its process.
func (m made) of(p sitePoint, rate Number) ladder.Made {
	return ladder.Made{Largest: m.largest.Value, Allocated: p.allocated, Objects: m.objects.Value, Samples: p.samples, Rate: rate.Value}
}

// sameSize tells that the mean block is nearly as large as the largest: a map that grows has blocks of many sizes.
func (s *slot) sameSize() bool {
	const nearly = 1.5
	return s.made.largest.Known && s.made.objects.Known && s.last.allocated > 0 && s.made.largest.Value*s.made.objects.Value < nearly*s.last.allocated
}
