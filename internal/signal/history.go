// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "slices"

// point is one entry of a history.
type point[P any] interface {
	when() float64     // seconds on the time base of the history
	after(dropped P) P // takes over what must not be lost of the entry before it
}

// history is a window of points, oldest first, with strictly rising times.
type history[P point[P]] struct{ points []P }

// push appends p, drops what is a window older, and thins what is left to at most `most` points.
func (h *history[P]) push(p P, window float64, most int) {
	if n := len(h.points); n == cap(h.points) && n <= most && 2*n > most { // append would make room for more than there may ever be
		h.points = append(make([]P, 0, most+1), h.points...)
	}
	h.points = append(h.points, p)
	from := 0
	for h.points[from].when() < p.when()-window {
		from++
	}
	h.points = slices.Delete(h.points, 0, from)
	if len(h.points) > most {
		h.drop(h.leastMissed())
	}
}

// leastMissed is the inner point whose neighbours are closest to each other, the oldest of equals. Dropping it keeps the
// points about evenly spaced; the ends stay, since the window is measured between them.
func (h *history[P]) leastMissed() int {
	best, hole := 1, -1.0
	for i := 1; i+1 < len(h.points); i++ {
		if d := h.points[i+1].when() - h.points[i-1].when(); hole < 0 || d < hole {
			best, hole = i, d
		}
	}
	return best
}

func (h *history[P]) drop(i int) {
	h.points[i+1] = h.points[i+1].after(h.points[i])
	h.points = slices.Delete(h.points, i, i+1)
}

func (h *history[P]) first() *P { return &h.points[0] }

// last is nil if there is no point.
func (h *history[P]) last() *P {
	if len(h.points) == 0 {
		return nil
	}
	return &h.points[len(h.points)-1]
}
