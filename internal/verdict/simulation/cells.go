// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// Cell is a count of answers: one method, scenario, length and true ratio.
type Cell struct {
	Runs, Allowed, Blocked, Neither int
	Points                          float64 // mean number of points a side until the answer
}

// Percent are the three shares.
func (c Cell) Percent() (allowed, blocked, neither float64) {
	part := 100 / float64(c.Runs)
	return part * float64(c.Allowed), part * float64(c.Blocked), part * float64(c.Neither)
}

func (c *Cell) add(a answer, points int) {
	c.Runs++
	c.Points += (float64(points) - c.Points) / float64(c.Runs)
	switch a {
	case allow:
		c.Allowed++
	case block:
		c.Blocked++
	default:
		c.Neither++
	}
}

// rule decides on a pair, perhaps before its end, and says after how many points.
type rule func(p pair, points int) (answer, int)

// once looks at the end.
func (m Method) once() rule {
	return func(p pair, points int) (answer, int) { return m.decide(p, compare.Look{Number: 1, Of: 1}), points }
}

// looks decides at each of several evenly spaced looks. With spending each look gets its share of alpha, else all of it.
// With patience an allow waits for the last look, as a tool that can only fail early does.
func (m Method) looks(of int, spending, patience bool) rule {
	return func(p pair, points int) (answer, int) {
		for k := 1; k <= of; k++ {
			look := compare.Look{Number: 1, Of: 1}
			if spending {
				look = compare.Look{Number: k, Of: of}
			}
			seen := points * k / of
			a := m.decide(p.until(seen), look)
			if k == of || a == block || a == allow && !patience {
				return a, seen
			}
		}
		return neither, points
	}
}

// run counts the answers of several rules on the same series. Two workers at most; the counts do not depend on them.
func run(s Scenario, ratio float64, points, runs int, rules []rule) []Cell {
	type outcome struct {
		answer answer
		points int
	}
	all := make([][]outcome, runs)
	var workers sync.WaitGroup
	const parallel = 2
	for w := range parallel {
		workers.Go(func() {
			for i := w; i < runs; i += parallel {
				p := s.draw(rand.New(rand.NewPCG(seed(s.Name, ratio, points), uint64(i))), ratio, points)
				for _, r := range rules {
					a, n := r(p, points)
					all[i] = append(all[i], outcome{a, n})
				}
			}
		})
	}
	workers.Wait()
	cells := make([]Cell, len(rules))
	for _, one := range all {
		for i, o := range one {
			cells[i].add(o.answer, o.points)
		}
	}
	return cells
}

func seed(name string, ratio float64, points int) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name+" "+strconv.FormatFloat(ratio, 'g', -1, 64)+" "+strconv.Itoa(points))
	return h.Sum64()
}
