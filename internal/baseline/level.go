// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

const (
	// maxWeeks bounds Settings.Weeks.
	maxWeeks = 8
	// recent is how many hours say what the level is and how far seasons miss. A level is learned when half of them have it.
	recent = 120
	// fewestLevel of the last 120 hours must be known in both weeks to compare these: less would be one bad day.
	fewestLevel = 48
	// fewestMisses must be known to say how far misses go.
	fewestMisses = 24
	// fewestSameTime of the misses must be at one time of day (an hour more or less) to count on their own.
	fewestSameTime = 6
)

// levels are by how many units the last 120 hours are above the same hours 1, 2, .. weeks before, each a median. Each week has its
// own: when the hours of the weeks are moved by these to the present level, one week in which the level changed is one of many.
type levels [maxWeeks + 1]float64

func (l *levels) move(kind *Kind, weeks int, v float64) float64 { return v + l[weeks]*kind.unit(v) }

func (w *Workload) levels(s *series, kind *Kind, hour int64) (l levels) {
	var now [recent]float64
	var known [recent]bool
	for i := range now {
		now[i], known[i] = w.at(s, hour-1-int64(i))
	}
	for k := 1; k <= w.set.Weeks; k++ {
		var by [recent]float64
		n := 0
		for i := range now {
			if !known[i] {
				continue
			}
			if then, ok := w.at(s, hour-1-int64(i)-int64(k)*slots); ok {
				by[n] = (now[i] - then) / kind.unit(then)
				n++
			}
		}
		if n >= fewestLevel {
			l[k] = median(by[:n])
		}
	}
	return l
}

// misses is by how many units the last 120 known hours missed what was expected of them, as a robust standard deviation: of all of
// them or of those at the same time of day, whichever is more. It is false if too few are known. It goes back as far as the memory
// does: a job that runs for two hours a night is known by its nights. Levels are of the last 120 hours, so older ones are compared
// as they were.
func (w *Workload) misses(s *series, kind *Kind, hour int64, l *levels) (off float64, ok bool) {
	var all, same [recent]float64
	n, m := 0, 0
	newest := min(w.newest(), hour-1)
	for then := newest; then > newest-int64(w.set.Weeks)*slots && n < recent; then-- {
		v, ok := w.at(s, then)
		if !ok {
			continue
		}
		level := l
		if then < hour-recent {
			level = &levels{}
		}
		expected, weeks := w.season(s, kind, then, level)
		if weeks < 2 {
			continue
		}
		all[n] = (v - expected) / kind.unit(expected)
		if sameTime(then, hour) {
			same[m] = all[n]
			m++
		}
		n++
	}
	if n < fewestMisses {
		return 0, false
	}
	off = mad(all[:n], 0)
	if m >= fewestSameTime {
		off = max(off, mad(same[:m], 0))
	}
	return toSigma * off, true
}

// sameTime is true of hours whose time of day differs by at most one.
func sameTime(a, b int64) bool { return (a%24-b%24+25)%24 <= 2 }
