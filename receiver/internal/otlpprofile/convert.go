// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"math"
	"math/bits"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/heapgate/heapgate/internal/profile"
)

// Options of one conversion.
type Options struct {
	Resource                pcommon.Resource // of the target; copied. The zero Resource is an empty one
	SchemaURL               string
	ScopeName, ScopeVersion string
	Kind                    string    // heap, cpu, mutex, ...; the attribute heapgate.profile.kind. Block and mutex differ by nothing else
	Started                 time.Time // when the process began, if known: the start of what is cumulative

	// Delta remembers this target's profiles of this kind. nil: cumulative values stay cumulative.
	Delta     *Delta
	Restarted bool // the process is known to be another than at the last profile

	// KeepZeros gives each OTLP Profile every sample, in the same order, so that a reader can put the sample types of the
	// message together again by position, as some translators back to pprof do. Without it a zero is left out: it says
	// nothing, and most values of a delta are zeros.
	KeepZeros bool

	Limits Limits
}

// Stats of one conversion.
type Stats struct {
	Profiles      int // OTLP profiles in the message: sample types that had something to say
	Samples       int // in all of them
	Stacks        int // distinct, without the empty one
	Merged        int // samples that had the stack and the labels of one before
	DroppedLabels int // labels that crossed a limit, had no name, or had another unit than a label of the same name
	Delta         Outcome
	Reset         Cause // why Delta is OutcomeReset
	StateBytes    int   // what Options.Delta holds now
}

// Convert makes one message of one profile of one target. p is only read. It gives a message or an error, never both:
// *ReferenceError or *profile.LimitError. A message with Stats.Samples == 0 is valid and not worth sending.
func Convert(p *profile.Profile, opts Options) (pprofile.Profiles, Stats, error) {
	limits := opts.Limits.withDefaults()
	if err := check(p, limits); err != nil {
		return pprofile.Profiles{}, Stats{}, err
	}
	c := converters.Get().(*converter)
	defer c.release()
	c.start(p, limits)
	var stats Stats
	if opts.Delta != nil {
		stats.Delta, stats.Reset = opts.Delta.apply(&c.delta, p, c.series, c.values, opts.Restarted)
		stats.StateBytes = opts.Delta.Bytes()
	}
	if err := c.gather(opts.KeepZeros, &stats); err != nil {
		if opts.Delta != nil {
			opts.Delta.Forget() // it has subtracted what nobody will see
		}
		return pprofile.Profiles{}, Stats{}, err
	}
	message := c.emit(opts, &stats)
	stats.Stacks = c.dict.stacks.len() - 1
	stats.DroppedLabels = c.dict.dropped
	return message, stats, nil
}

// series is one sample type on its way to an OTLP Profile.
type series struct {
	temporality     Temporality
	start, duration int64 // of what the values are about; unix ns, ns
}

// converter holds the memory of one conversion.
type converter struct {
	p      *profile.Profile
	limits Limits
	series []series // by sample type
	values []int64  // by sample, then by sample type
	delta  deltaScratch

	dict     dictionary
	rows     lists    // distinct {stack, attribute set}; row 0 is the first
	rowValue []int64  // by row, then by sample type
	rowHas   []uint64 // by row: bit i, there was a value of sample type i
	at       [2]int32
}

var converters = sync.Pool{New: func() any { return new(converter) }}

// keptInts is how much a converter keeps of what a large profile needed.
const keptInts = 4 << 20

func (c *converter) release() {
	if c.dict.size()+len(c.values)+len(c.rowValue)+len(c.p.Locations) > keptInts {
		return
	}
	c.p = nil
	c.dict.reset(nil, Limits{}) // it would hold the names of this profile
	converters.Put(c)
}

func (c *converter) start(p *profile.Profile, limits Limits) {
	c.p, c.limits = p, limits
	c.dict.reset(p, limits)
	c.rows.reset()
	c.rowValue, c.rowHas = c.rowValue[:0], c.rowHas[:0]
	c.series = c.series[:0]
	for _, t := range p.SampleTypes {
		c.series = append(c.series, series{temporalityOf(t.Type, p.DurationNanos), p.TimeNanos, p.DurationNanos})
	}
	c.values = c.values[:0]
	for i := range p.Samples {
		c.values = append(c.values, p.Samples[i].Values...)
	}
}

// gather makes rows of the samples, and the dictionary that they need.
func (c *converter) gather(keepZeros bool, stats *Stats) error {
	n := len(c.series)
	var all uint64
	for i, s := range c.series {
		if s.temporality != "" {
			all |= 1 << i
		}
	}
	samples := 0
	for i := range c.p.Samples {
		values := c.values[i*n : (i+1)*n]
		has := all
		if !keepZeros {
			has &= nonZero(values)
		}
		if has == 0 {
			continue
		}
		s := &c.p.Samples[i]
		c.at = [2]int32{c.dict.stack(s.Locations), c.dict.labels(s.Labels)}
		row, isNew := c.rows.intern(c.at[:])
		if isNew {
			c.rowValue, c.rowHas = append(c.rowValue, values...), append(c.rowHas, has)
			samples += bits.OnesCount64(has)
		} else {
			samples += bits.OnesCount64(has &^ c.rowHas[row])
			c.rowHas[row] |= has
			for j, v := range values {
				sum := &c.rowValue[int(row)*n+j]
				*sum = saturated(*sum, v)
			}
			stats.Merged++
		}
		if samples > c.limits.Samples {
			return &profile.LimitError{What: "samples of all types", Limit: int64(c.limits.Samples)}
		}
		if len(c.dict.stacks.ints) > c.limits.Frames {
			return &profile.LimitError{What: "locations of distinct stacks", Limit: int64(c.limits.Frames)}
		}
	}
	stats.Samples = samples
	return nil
}

func nonZero(values []int64) (mask uint64) {
	for i, v := range values {
		if v != 0 {
			mask |= 1 << i
		}
	}
	return mask
}

// saturated is a + b, or the end of the range where that does not fit.
func saturated(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}
