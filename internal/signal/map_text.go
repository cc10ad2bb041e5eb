// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"fmt"
	"math"
	"time"

	"github.com/heapgate/heapgate/internal/bytesize"
	"github.com/heapgate/heapgate/internal/ladder"
)

// told is what the sentence about a verdict is made of.
type told struct {
	slot            *slot
	e               evidence
	runtime         ladder.Runtime
	verdict, reason string
	entries         int // to make a map with; 0 where that is not known
}

// text says where, what with its numbers, and what to do.
func (t *told) text() string {
	place := t.slot.place()
	switch t.verdict {
	case mapUnbounded:
		return fmt.Sprintf("%s grows without a bound in sight: %s in use, %s times as much as %s before, now %s. Find what is never deleted, or bound the map",
			place, size(t.e.to.inuse), factor(t.e.to.inuse/t.e.path.base()), lasting(t.e.path.until-t.e.path.start), t.rate())
	case mapWarming:
		return fmt.Sprintf("%s fills up: %s in use, %s times as much as %s before, now %s. Nothing to do unless it goes on",
			place, size(t.e.to.inuse), factor(t.e.to.inuse/t.e.path.base()), lasting(t.e.path.until-t.e.path.start), t.rate())
	case mapSettled:
		text := fmt.Sprintf("%s has settled: %s in use, it allocated %s in the last %s", place, size(t.e.to.inuse), size(t.e.allocated()), lasting(t.e.seconds))
		if t.runtime.Maps == ladder.Swiss && t.runtime.Minor == 24 && t.e.path.known > 1 {
			text += ". On Go 1.24 deleted keys can make a map up to 8 times as large; Go 1.25 reuses their room"
		}
		return text
	case mapRequestScoped:
		return fmt.Sprintf("%s makes maps and drops them: %s allocated in the last %s, %s in use. %s", place, size(t.e.allocated()), lasting(t.e.seconds), size(t.e.to.inuse), t.presize())
	case mapChurn:
		return fmt.Sprintf("%s allocates %s and keeps no more: %s in use. %s", place, t.rate(), size(t.e.to.inuse), t.churning())
	}
	return fmt.Sprintf("%s: %s. It has %s in use, allocated %s", place, t.doubt(), size(t.e.to.inuse), t.rate())
}

// doubt says what is missing for a verdict.
func (t *told) doubt() string {
	switch t.reason {
	case "few_windows":
		return "it rose in too few windows to call that growth"
	case "few_doublings":
		return fmt.Sprintf("it grows, but has not got as large as %.0f times what it was %s before", math.Exp2(t.e.doublings), lasting(t.e.path.until-t.e.path.start))
	case "mixed":
		return fmt.Sprintf("most of it is dropped, but never less than %s were in use in the last %s, after %s at first", size(t.e.low), lasting(t.e.seconds), size(t.e.path.base()))
	}
	if t.e.to.samples == t.e.from.samples {
		return fmt.Sprintf("no sample in the last %s, in which it may have allocated up to %s unseen", lasting(t.e.seconds), size(t.e.atMost()))
	}
	return "too few samples to tell growth from chance"
}

// presize says with how many entries to make the maps, in bytes where that is not known.
func (t *told) presize() string {
	switch {
	case t.entries > 0:
		return fmt.Sprintf("Make them with room for about %d entries: their largest block has %s, the mean one %s", t.entries, size(t.slot.made.largest.Value),
			size(t.slot.last.allocated/t.slot.made.objects.Value))
	case t.slot.made.largest.Known:
		return fmt.Sprintf("Make them with as many entries as they get, or reuse one with clear(); their largest block has %s", size(t.slot.made.largest.Value))
	}
	return "Make them with as many entries as they get, or reuse one with clear()"
}

func (t *told) churning() string {
	switch {
	case t.e.sameSize && t.e.sameGrows:
		return "Its keys come and go, and it is rebuilt at the same size each time; Go 1.25 and later do not"
	case t.e.to.inuse < t.e.path.top().inuse/2:
		return "It was larger before, and gets replaced"
	}
	return "Its entries come and go"
}

// rate with its 95 % interval, if it is not exact.
func (t *told) rate() string {
	lower, upper := t.e.interval()
	if t.e.to.stdErr == 0 {
		return fmt.Sprintf("%s/s over %s", size(t.e.allocated()/t.e.seconds), lasting(t.e.seconds))
	}
	return fmt.Sprintf("%s/s over %s (95 %%: %s to %s)", size(t.e.allocated()/t.e.seconds), lasting(t.e.seconds), size(lower/t.e.seconds), size(upper/t.e.seconds))
}

// place is the site as a person looks for it.
func (s *slot) place() string {
	if s.key.File == "" {
		return s.key.Function
	}
	return fmt.Sprintf("%s (%s:%d)", s.key.Function, s.key.File, s.key.Line)
}

func size(bytes float64) string { return bytesize.Human(bytes) }

func factor(v float64) string { return fmt.Sprintf("%.1f", v) }

// lasting is a number of seconds, rounded so that a person can read it.
func lasting(seconds float64) string {
	if !(seconds < math.MaxInt32) {
		return "years"
	}
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
