// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// A target is up if its last point says so and is not older than this, or than four steps.
const freshFor = time.Minute

// target is one process of the workload, with the points of its signals.
type target struct {
	name   string // instance
	labels map[string]string
	first  int       // index of its first point in the window: signals are expected from there on
	born   time.Time // its first sign of life; zero: before anything that was asked for
	up     track     // of heapgate_target_up
	// tracks by name of the signal and then by heapgate_source; a signal without sources has the source "".
	tracks map[string]map[string]track
}

// track is one series on the grid.
type track struct {
	points    []float64 // NaN where absent
	present   []bool
	duplicate bool // there was a second series
}

func newTrack(s promapi.Series, g grid) track {
	t := track{points: make([]float64, g.n), present: make([]bool, g.n)}
	for _, p := range s.Points {
		if i, ok := g.index(p.At); ok {
			t.points[i], t.present[i] = p.Value, true
		}
	}
	return t
}

// turn makes of what is left what is used.
func (t track) turn() {
	for i := range t.points {
		t.points[i] = 1 - t.points[i]
	}
}

// last is the index of the newest point, -1 if there is none.
func (t track) last() int {
	for i := len(t.present) - 1; i >= 0; i-- {
		if t.present[i] {
			return i
		}
	}
	return -1
}

func (t track) first() int { return slices.Index(t.present, true) }

func (t track) values() []float64 {
	var all []float64
	for i, ok := range t.present {
		if ok {
			all = append(all, t.points[i])
		}
	}
	return all
}

// targets by identity.
type targets map[string]*target

func identity(labels map[string]string) string {
	parts := make([]string, len(identityLabels))
	for i, label := range identityLabels {
		parts[i] = labels[label]
	}
	return strings.Join(parts, "\x00")
}

// readTargets makes the targets from the answer for heapgate_target_up.
func readTargets(answer promapi.Answer, g grid) targets {
	all := targets{}
	for _, s := range answer.Series {
		t := newTrack(s, g)
		id := identity(s.Labels)
		if known, ok := all[id]; ok {
			known.up.duplicate = true
			continue
		}
		if t.last() >= 0 {
			all[id] = newTarget(s.Labels, t.first(), t)
		}
	}
	return all
}

func newTarget(labels map[string]string, first int, up track) *target {
	return &target{name: labels["instance"], labels: labels, first: first, up: up, tracks: map[string]map[string]track{}}
}

// read adds the series of one signal. A target that has signals but was never heard to be up is a target too: what is not judged
// must not pass. One point alone is what a process that ended before the window leaves at its edge.
func (all targets) read(spec signalSpec, answer promapi.Answer, g grid) {
	for _, s := range answer.Series {
		id := identity(s.Labels)
		t := newTrack(s, g)
		if spec.left {
			t.turn()
		}
		if all[id] == nil {
			if len(t.values()) < 2 {
				continue
			}
			all[id] = newTarget(s.Labels, t.first(), track{present: make([]bool, g.n)})
		}
		sources := all[id].tracks[spec.name]
		if sources == nil {
			sources = map[string]track{}
			all[id].tracks[spec.name] = sources
		}
		source := spec.source(s.Labels)
		if _, twice := sources[source]; twice {
			t.duplicate = true
		}
		sources[source] = t
	}
}

// sorted by name, so that nothing depends on the order of the store's answer.
func (all targets) sorted() []*target {
	list := make([]*target, 0, len(all))
	for _, t := range all {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *target) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(identity(a.labels), identity(b.labels)))
	})
	return list
}

func (all targets) count(g *gatherer) targetCount {
	c := targetCount{Seen: len(all)}
	for _, t := range all {
		if last := t.up.last(); last >= 0 && t.up.points[last] == 1 && g.age(last) <= max(freshFor, 4*g.grid.step) {
			c.Up++
		}
	}
	return c
}

// age of a point at the index.
func (g *gatherer) age(index int) time.Duration { return g.now.Sub(g.grid.at(index)) }

// complete fills what the user left open about the workload, if all targets agree in it.
func (all targets) complete(w workload) workload {
	for label, field := range map[string]*string{
		"k8s_cluster_name": &w.Cluster, "heapgate_workload_kind": &w.Kind, "k8s_container_name": &w.Container,
		"service_version": &w.Version, "oci_manifest_digest": &w.ImageDigest,
	} {
		values := map[string]bool{}
		for _, t := range all {
			values[t.labels[label]] = true
		}
		if *field == "" && len(values) == 1 {
			for value := range values {
				*field = value
			}
		}
	}
	return w
}

func isNumber(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
