// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// measurements are the releases that were asked about: bounded in number and age, in memory.
type measurements struct {
	settings gateSettings
	once     func(context.Context, gateSettings, lookMoment) report
	keep     time.Duration
	most     int
	busy     chan struct{} // one place for each look at the store

	mu  sync.Mutex
	all map[candidateRelease]*measurement
}

// candidateRelease is what one measurement is about. A new image, version or run is a new one.
type candidateRelease struct {
	workload workload
	baseline string // name of the workload that is the concurrent baseline
	run      string // the caller's word for this rollout
}

// measurement is the course of looks at one release, as await has it, driven by questions instead of a timer.
type measurement struct {
	turn   chan struct{} // one look at a time
	course *course
	looked time.Time
	asked  time.Time // guarded by measurements.mu
	last   *report
	final  bool
}

var (
	errBusy = errors.New("too many questions at once; ask again")
	errFull = errors.New("too many measurements are remembered; raise --max-measurements or shorten --keep")
)

func newMeasurements(f *serveFlags, s gateSettings, once func(context.Context, gateSettings, lookMoment) report) *measurements {
	return &measurements{settings: s, once: once, keep: f.keep, most: f.most, busy: make(chan struct{}, f.concurrent), all: map[candidateRelease]*measurement{}}
}

// ask gives the state of a release's measurement, after a look if one is due.
func (m *measurements) ask(ctx context.Context, about candidateRelease, now time.Time) (report, bool, error) {
	one, err := m.find(about, now)
	if err != nil {
		return report{}, false, err
	}
	select {
	case one.turn <- struct{}{}:
		defer func() { <-one.turn }()
	case <-ctx.Done():
		return report{}, false, errBusy
	}
	if one.last != nil && (one.final || now.Sub(one.looked) < m.settings.step) {
		return *one.last, one.final, nil
	}
	select {
	case m.busy <- struct{}{}:
		defer func() { <-m.busy }()
	case <-ctx.Done():
		return report{}, false, errBusy
	}
	r := m.look(ctx, about, one, now)
	return r, one.final, nil
}

func (m *measurements) find(about candidateRelease, now time.Time) (*measurement, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if one, ok := m.all[about]; ok && now.Sub(one.asked) < m.keep {
		one.asked = now
		return one, nil
	}
	if len(m.all) >= m.most {
		for key, one := range m.all {
			if now.Sub(one.asked) >= m.keep {
				delete(m.all, key)
			}
		}
	}
	if _, old := m.all[about]; !old && len(m.all) >= m.most {
		return nil, errFull
	}
	one := &measurement{turn: make(chan struct{}, 1), course: m.settings.schedule().begin(now), asked: now}
	m.all[about] = one
	return one, nil
}

func (m *measurements) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.all)
}

// look is one step of await. A store that fails leaves the schedule as it was: the look is made up for.
func (m *measurements) look(ctx context.Context, about candidateRelease, one *measurement, now time.Time) report {
	settings := m.settings
	settings.workload = about.workload
	if about.baseline != "" {
		settings.compare.workload = about.baseline
	}
	r := m.once(ctx, settings, one.course.moment(now))
	if r.exitCode() == exitEvidence {
		return r
	}
	one.course.took(r)
	one.looked, one.last = now, &r
	one.final = ended(r) || one.course.left(now) <= 0
	return r
}
