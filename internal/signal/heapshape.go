// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// Shapes of the live heap over hours.
const (
	shapeFlat     = "flat"     // neither rises nor has teeth
	shapeSawtooth = "sawtooth" // rises and drops: caches that are emptied, batches of work
	shapeWarming  = "warming"  // rises in the first half hour of the process
	shapeClimb    = "climb"    // rises for certain
	shapeUnknown  = "unknown"
)

var shapes = [...]string{shapeFlat, shapeSawtooth, shapeWarming, shapeClimb, shapeUnknown}

const (
	// toothHeight and rise are shares of the live heap. Noise of 4 % is 3 % in the mean of a batch, so that a tooth is eight
	// of its standard deviations.
	toothHeight = 0.25
	leastRise   = 0.05
	// fewestTeeth make a shapeSawtooth.
	fewestTeeth = 2
	// warmBatches tell that a heap is shapeWarming.
	warmBatches = 3
)

// shapeNow tells the shape of what is held.
func (s *climbState) shapeNow() string {
	held := s.history.held
	if !s.warm {
		if n := len(held); n >= warmBatches && held[n-1].sum/held[n-1].n > (1+leastRise)*held[0].sum/held[0].n {
			return shapeWarming
		}
		return shapeUnknown
	}
	f := &s.fit
	switch {
	case !f.ok:
		return shapeUnknown
	case s.history.teeth() >= fewestTeeth:
		return shapeSawtooth
	case f.lower > 0 && f.slope*f.window >= leastRise*f.level:
		return shapeClimb
	case f.upper*f.window > toothHeight*f.level:
		return shapeUnknown
	}
	return shapeFlat
}

// teeth is how often the means rose and then fell by a share of their overall mean. Teeth that are shorter than a batch are not seen.
func (b *batches) teeth() (n int) {
	level := 0.0
	for i := range b.held {
		level += b.held[i].sum / b.held[i].n / float64(len(b.held))
	}
	low, high := b.held[0].sum/b.held[0].n, b.held[0].sum/b.held[0].n
	risen := false
	for i := range b.held {
		v := b.held[i].sum / b.held[i].n
		if !risen {
			low = min(low, v)
			if v > low+toothHeight*level {
				risen, high = true, v
			}
			continue
		}
		high = max(high, v)
		if v < high-toothHeight*level {
			risen, low = false, v
			n++
		}
	}
	return n
}
