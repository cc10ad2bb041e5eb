// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// # Verdicts on maps
//
// A site of a growing map gets one verdict from the first two judged windows on (mapverdict.go). Read from the top; the first row
// that is true holds. "Window" is what Settings.Window says, the others are seen from the first judged snapshot of the site on.
//
//	verdict                     when
//	unknown few_windows         fewer than two GC-advanced windows
//	(growing)                   in use rose by half a doubling or more, a fifth or more of what was allocated stayed, in use did
//	                            not fall by a third since, and the next step of a steady growth is not overdue (map_path.go):
//	  unknown few_samples         it may be the error of the samples
//	  warming slowing             the last doubling came at less than half the rate of the one before
//	  warming young               it grew for less than a window: any cache does when it fills
//	  unknown few_windows         it rose in fewer than three GC-advanced windows
//	  unknown few_doublings       fewer than two doublings; four where deleted keys alone may make a map eight times as large
//	                              (Go 1.24, and where the version is not known)
//	  unbounded doublings         all of that, and nothing says that it ends
//	(nothing was sampled)       in the window:
//	  unknown few_samples         what may have been allocated unseen is more than a quarter of what is in use
//	  settled quiet               it is less
//	(rising)                    a fifth or more of what was allocated stayed, in the window and since the site was first judged,
//	                            and it rose in three windows, beyond the sampling error:
//	  warming slowing             it had grown by half a doubling before
//	  unknown few_doublings       it had not
//	settled steady              the window allocated less than a tenth of what is in use, and at most a quarter whatever the sampling
//	                            error
//	unknown few_windows         a fifth or more of what the window allocated stayed, but it rose in fewer than three windows
//	unknown few_samples         there are fewer than four, or it may be their error that less than half of what the window allocated
//	                            stayed
//	unknown mixed               the least in use within the window is two doublings up, and yet hardly anything stays
//	churn same_size             all blocks have one size: keys come and go in an old map, which is rebuilt at that size
//	request_scoped dropped      in use is less than a tenth of what the window allocated: made and dropped, again and again
//	churn replaced              in use fell to less than half of what it had been
//	churn flat                  it allocates, and in use stays about as it is
//
// So a map is never called unbounded on fewer than two doublings, on fewer than three windows in which it rose, or before it grew
// for a whole window. A cache that fills at a steady rate for longer than that looks like a leak until it is full; nothing in a
// heap profile tells them apart.
package signal

import (
	"math"

	"github.com/heapgate/heapgate/internal/ladder"
)

// Verdicts on a map.
const (
	mapUnbounded     = "unbounded"
	mapWarming       = "warming"
	mapChurn         = "churn"
	mapRequestScoped = "request_scoped"
	mapSettled       = "settled"
	mapUnknown       = "unknown"
)

const (
	fewestWindows   = 2
	fewestRises     = 3
	fewestDoublings = 2
	fewestSamples   = 4
	keeps           = 0.5 // of what was allocated: a map that only grows keeps its last half
	stays           = 0.2
	drops           = 0.1
	hidden          = 0.25 // of what is in use: as much may have been allocated unseen where a map is called settled
	fell            = 2.0 / 3
)

// evidence is what a verdict stands on.
type evidence struct {
	growth
	path      *path
	first     sitePoint
	window    float64 // seconds
	doublings float64 // that it takes
	sameSize  bool    // of the blocks
	sameGrows bool    // the runtime grows maps at the same size
}

// verdict follows the table above.
func (e *evidence) verdict() (verdict, reason string) {
	if e.points-1 < fewestWindows {
		return mapUnknown, "few_windows"
	}
	if e.growing() {
		return e.ofGrowth()
	}
	allocated := e.allocated()
	rising := e.rising()
	switch {
	case e.to.samples == e.from.samples && !e.surely():
		return mapUnknown, "few_samples"
	case e.to.samples == e.from.samples || allocated == 0:
		return mapSettled, "quiet"
	case rising && e.path.known > 1:
		return mapWarming, "slowing"
	case rising:
		return mapUnknown, "few_doublings"
	case allocated < drops*e.to.inuse && e.surely():
		return mapSettled, "steady"
	case e.to.inuse-e.from.inuse >= stays*allocated && e.enough() && e.windows < fewestRises:
		return mapUnknown, "few_windows"
	case !e.dropped():
		return mapUnknown, "few_samples"
	case e.kept() < stays && e.low > 4*e.path.base() && e.low-e.path.base() > z95*e.noise(e.low):
		return mapUnknown, "mixed"
	case e.sameSize && e.sameGrows:
		return mapChurn, "same_size"
	case e.to.inuse < drops*allocated:
		return mapRequestScoped, "dropped"
	case e.to.inuse < e.path.top().inuse/2:
		return mapChurn, "replaced"
	}
	return mapChurn, "flat"
}

// growing tells whether the site is on its way up, also between two steps of the staircase.
func (e *evidence) growing() bool {
	return !e.path.over() && e.kept() >= stays && e.to.inuse >= fell*e.path.top().inuse
}

func (e *evidence) ofGrowth() (verdict, reason string) {
	risen := e.path.top().inuse - e.path.base()
	deviation := z95 * math.Sqrt(max(0, e.to.stdErr*e.to.stdErr-e.first.stdErr*e.first.stdErr))
	switch {
	case e.to.allocated-e.first.allocated <= deviation, risen <= z95*e.noise(e.path.top().inuse):
		return mapUnknown, "few_samples"
	case e.path.slows(e.noise):
		return mapWarming, "slowing"
	case e.path.span() < e.window:
		return mapWarming, "young"
	case e.path.rises < fewestRises:
		return mapUnknown, "few_windows"
	case math.Log2(e.to.inuse/e.path.base()) < e.doublings:
		return mapUnknown, "few_doublings"
	}
	return mapUnbounded, "doublings"
}

// rising tells that the window saw more than noise go up, as it did before.
func (e *evidence) rising() bool {
	lower, _ := e.interval()
	return e.windows >= fewestRises && lower > 0 && e.enough() && e.kept() >= stays && e.to.inuse-e.from.inuse >= stays*e.allocated()
}

// dropped tells that less than what a growing map keeps stayed in the window, whatever the sampling error.
func (e *evidence) dropped() bool {
	return e.enough() && e.to.inuse-e.from.inuse+z95*e.noise(e.to.inuse+e.from.inuse) < keeps*e.allocated()
}

// surely tells that the window allocated little of what is in use, also if as much was missed as the samples allow for. A process
// that takes no samples any more says nothing.
func (e *evidence) surely() bool {
	return e.atMost() <= hidden*e.to.inuse && !(e.rate.Known && e.rate.Value == 0)
}

// enough samples to look at the window, or all of it.
func (e *evidence) enough() bool {
	return e.to.stdErr == 0 || e.to.samples-e.from.samples >= fewestSamples
}

// kept is the share that stayed in use of what was allocated since the site was first judged.
func (e *evidence) kept() float64 {
	allocated := e.to.allocated - e.first.allocated
	if allocated <= 0 {
		return 0
	}
	return (e.to.inuse - e.first.inuse) / allocated
}

// noise is the standard error of so many bytes in use: that of the same blocks' allocated bytes, and not that of none where none
// was sampled.
func (e *evidence) noise(inuse float64) float64 {
	if e.to.allocated == 0 {
		return 0
	}
	return e.to.stdErr * math.Sqrt((inuse+fewestSamples*e.to.weight())/e.to.allocated)
}

// doublingsNeeded are two, or one more than deletions alone can make of a map that does not get more entries.
func doublingsNeeded(r ladder.Runtime) float64 {
	return max(fewestDoublings, math.Log2(r.Inflation)+1)
}
