// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import "math"

const slopeBatches = 6

// line is a straight line through one pod's values over its age.
type line struct {
	slope, se float64 // unit a second; the standard error by batch means
	end       float64 // value of the line at the last point
	span, tau float64 // seconds, points
	fit       float64 // how many batches of 3 tau there is room for
	batches   int     // taken: 6 to 16
}

// ageLine fits the points of a pod between two ages in seconds, warm-up left out, and says which ages it found.
func ageLine(pod Pod, set LeakSettings, from, to float64) (l line, first, last float64, reason string) {
	var ages, values []float64
	points := ordered(pod.Points)
	present, negative, nan := 0, 0, 0
	born := float64(pod.Born)
	if pod.Born == 0 && len(points) > 0 {
		born = float64(points[0].At)
	}
	from = max(from, set.WarmUp.Seconds())
	for _, p := range points {
		switch {
		case math.IsNaN(p.Value):
			nan++
			continue
		case math.IsInf(p.Value, 0):
			return l, 0, 0, ReasonNotFinite
		case p.Value <= 0:
			negative++
			continue
		}
		present++
		if age := (float64(p.At) - born) / 1000; age >= from && age <= to {
			ages, values = append(ages, age), append(values, p.Value)
		}
	}
	switch expected := max(pod.Expected, len(points)); {
	case present == 0 && nan > 0:
		return l, 0, 0, ReasonNotFinite
	case negative > 0:
		return l, 0, 0, ReasonNotPositive
	case float64(present) < set.MinCoverage*float64(expected):
		return l, 0, 0, ReasonInsufficientData
	case len(ages) < minTimes:
		return l, 0, 0, ReasonTooShort
	}
	l = lineThrough(ages, values)
	if math.IsNaN(l.slope+l.se+l.end) || math.IsInf(l.slope+l.se+l.end, 0) {
		return line{}, 0, 0, ReasonNotFinite
	}
	return l, ages[0], ages[len(ages)-1], ""
}

// lineThrough fits all points for the residuals and their tau, then the means of batches of 3 tau points, which are
// independent enough for the usual standard error; where six of them do not fit, it is inflated as for a comparison. Both axes are scaled first, so that no sum of squares overflows.
func lineThrough(ages, values []float64) line {
	l := line{span: ages[len(ages)-1] - ages[0]}
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	if l.span <= 0 || top == 0 {
		return line{span: max(0, l.span), tau: 1}
	}
	x, y := make([]float64, len(ages)), make([]float64, len(ages))
	for i := range ages {
		x[i], y[i] = (ages[i]-ages[0])/l.span, values[i]/top
	}
	slope, level, _ := straight(x, y)
	rest := make([]float64, len(x))
	for i := range x {
		rest[i] = y[i] - level - slope*x[i]
	}
	l.tau = tau(rest)
	l.fit = float64(len(x)) / (batchTaus * l.tau)
	l.batches = min(max(int(l.fit), slopeBatches), maxBatches)
	bx, by := make([]float64, l.batches), make([]float64, l.batches)
	for b := range bx {
		low, high := b*len(x)/l.batches, (b+1)*len(x)/l.batches
		bx[b], by[b] = mean(x[low:high]), mean(y[low:high])
	}
	slope, level, se := straight(bx, by)
	se *= math.Sqrt(max(1, slopeBatches/l.fit))
	l.slope, l.se, l.end = slope*top/l.span, se*top/l.span, (level+slope)*top
	return l
}

// straight is least squares of y on x: slope, level at 0, and the slope's standard error with n-2 degrees of freedom.
func straight(x, y []float64) (slope, level, se float64) {
	mx, my := mean(x), mean(y)
	var sxx, sxy, sum float64
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	if sxx == 0 {
		return 0, my, 0
	}
	slope = sxy / sxx
	level = my - slope*mx
	for i := range x {
		r := y[i] - level - slope*x[i]
		sum += r * r
	}
	if len(x) > 2 {
		se = math.Sqrt(sum / float64(len(x)-2) / sxx)
	}
	return slope, level, se
}
