// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	stopGrace  = 8 * time.Second  // between SIGTERM and SIGKILL
	keepAtMost = 15 * time.Minute // the bad version takes about 1 MB a second
)

// tell tells the story of the package comment. It reports whether it came out as it should: good passed, bad failed.
func tell(ctx context.Context, s settings, stdout, stderr io.Writer) (holds bool, err error) {
	if _, err := os.Stat("examples/shop"); err != nil {
		return false, fmt.Errorf("the demo must run at the top of the repository: %w", err)
	}
	_, _ = fmt.Fprintln(stdout, "[1/5] build")
	built, err := build(ctx, s, stdout)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "heapgate-demo-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	family, together := newFamily(ctx, stopGrace)
	defer family.stop()
	st, err := newStage(s, built, family, dir, stdout, stderr)
	if err != nil {
		return false, err
	}
	holds, err = st.play(together)
	if together.Err() != nil && ctx.Err() == nil {
		err = context.Cause(together) // a child ended early; whatever noticed that first knows less
	}
	return holds, err
}

func (st *stage) play(ctx context.Context) (holds bool, err error) {
	st.say("[2/5] two versions of a shop, %v requests a second on each", st.rate)
	for _, v := range st.versions {
		if err := st.openShop(ctx, v); err != nil {
			return false, err
		}
	}
	st.say("[3/5] a collector that scrapes both, and its store")
	if err := st.startCollector(ctx); err != nil {
		return false, err
	}
	st.say("[4/5] the gate, on %v of evidence", st.window)
	if err := st.gather(ctx); err != nil {
		return false, err
	}
	judgements := make([]judgement, len(st.versions))
	for i, v := range st.versions {
		if judgements[i], err = st.judge(ctx, v); err != nil {
			return false, err
		}
	}
	st.say("\n[5/5] what came out")
	holds = st.reportVerdicts(judgements)
	st.reportMemory()
	st.reportFurther()
	if st.keep {
		st.hold(ctx)
	}
	st.reportLoad()
	return holds, nil
}

// gather lets a whole window of evidence come in. The gate can wait by itself, but it ends as soon as its rules have enough to
// speak, and the first seconds of a map say little of what it will become.
func (st *stage) gather(ctx context.Context) error {
	stop := progress(st.out, fmt.Sprintf("gather %v of evidence", st.window), 2*time.Second)
	timer := time.NewTimer(st.window)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	stop(ctx.Err())
	return context.Cause(ctx)
}

// hold leaves everything running until ctx ends: the user has seen enough, or a child has died.
func (st *stage) hold(ctx context.Context) {
	st.say("\n      running until Ctrl-C, %v at most; files in %s", keepAtMost, st.dir)
	timer := time.NewTimer(keepAtMost)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
