// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "math"

// fit is a line through the batches with the interval of its slope.
type fit struct {
	ok                  bool
	slope, lower, upper float64 // bytes per second, two-sided 95 %
	level               float64 // bytes: of the line at the last batch
	later               float64 // bytes per second: slope of the second half of the window
	window              float64 // seconds between the first value and the last
	coverage            float64 // of the window's batches
	effective           float64 // independent batches that the interval stands on
}

// mostGroups is how many means the line is drawn through: more of them are less independent.
const mostGroups = 16

// student95 is the two-sided 95 % point of Student's t with i degrees of freedom.
var student95 = [mostGroups - 1]float64{4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228, 11: 2.201, 12: 2.179, 13: 2.160, 14: 2.145}

// fit draws the line. Live heaps remember what they were: points of a steady one are correlated over minutes, and a slope
// through them with the usual interval "rises" in a third of all cases. So the time tau over which the residuals are
// correlated is estimated, and the line goes through the means of groups that are at least 3 tau long. Where there are not six
// such groups, there are six, and the interval is wider by the root of what is missing.
func (b *batches) fit() fit {
	n := len(b.held)
	if n < fewestBatches {
		return fit{}
	}
	var x, y, residuals [mostBatches]float64
	for i := range b.held {
		p := &b.held[i]
		x[i], y[i] = p.mean(), p.sum/p.n
	}
	whole := drawn(x[:n], y[:n])
	for i := range n {
		residuals[i] = y[i] - whole.at(x[i])
	}
	tau := correlationTime(residuals[:n])
	if !finite(tau) {
		return fit{} // squares of what was heard overflow
	}
	effective := float64(n) / (3 * tau)
	groups := int(min(max(effective, fewestBatches), mostGroups, float64(n)))

	var gx, gy [mostGroups]float64
	for g := range groups {
		from, to := g*n/groups, (g+1)*n/groups
		gx[g], gy[g] = mean(x[from:to]), mean(y[from:to])
	}
	through := drawn(gx[:groups], gy[:groups])
	half := student95[groups-2] * through.deviation(gx[:groups], gy[:groups])
	if effective < fewestBatches {
		half *= math.Sqrt(fewestBatches / effective)
	}
	f := fit{
		ok: true, slope: through.slope, lower: through.slope - half, upper: through.slope + half,
		level: max(0, through.at(x[n-1])), later: drawn(gx[groups/2:groups], gy[groups/2:groups]).slope,
		window: b.window(), coverage: b.coverage(), effective: effective,
	}
	f.ok = finite(f.lower) && finite(f.upper) && finite(f.level)
	return f
}

// drawnLine goes through (x, y) with a slope.
type drawnLine struct{ x, y, slope, spread float64 }

// drawn is the line of least squares. The times rise, so that there is one.
func drawn(x, y []float64) drawnLine {
	l := drawnLine{x: mean(x), y: mean(y)}
	xy := 0.0
	for i := range x {
		l.spread += (x[i] - l.x) * (x[i] - l.x)
		xy += (x[i] - l.x) * (y[i] - l.y)
	}
	l.slope = xy / l.spread
	return l
}

func (l *drawnLine) at(x float64) float64 { return l.y + l.slope*(x-l.x) }

// deviation is the standard error of the slope.
func (l *drawnLine) deviation(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		e := y[i] - l.at(x[i])
		sum += e * e
	}
	return math.Sqrt(sum / float64(len(x)-2) / l.spread)
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// correlationTime is the integrated autocorrelation time in points, at least 1: over which of them what was left of a value is
// forgotten. Sums of two neighbouring autocovariances are positive for any stationary reversible series; the first that is not is
// noise, and ends the sum (Geyer 1992, initial positive sequence).
func correlationTime(residuals []float64) float64 {
	variance := autocovariance(residuals, 0)
	if !(variance > 0) {
		return 1
	}
	sum := 0.0
	for lag := 0; lag+1 < len(residuals); lag += 2 {
		pair := autocovariance(residuals, lag) + autocovariance(residuals, lag+1)
		if pair <= 0 {
			break
		}
		sum += pair
	}
	return max(1, 2*sum/variance-1)
}

func autocovariance(v []float64, lag int) float64 {
	sum := 0.0
	for i := lag; i < len(v); i++ {
		sum += v[i] * v[i-lag]
	}
	return sum / float64(len(v))
}
