// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"time"
)

// family is every child that is running. One that ends early ends the story: the context of the family is cancelled with
// what it said.
type family struct {
	grace time.Duration
	fail  context.CancelCauseFunc

	mu       sync.Mutex
	children []*child
	watchers sync.WaitGroup
}

// newFamily returns a family and the context that lives while all its children do.
func newFamily(parent context.Context, grace time.Duration) (*family, context.Context) {
	ctx, fail := context.WithCancelCause(parent)
	return &family{grace: grace, fail: fail}, ctx
}

func (f *family) start(p program) (*child, error) {
	c, err := start(p)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.children = append(f.children, c)
	f.mu.Unlock()
	f.watchers.Go(func() {
		<-c.done
		if !c.stopping.Load() {
			f.fail(c.ended())
		}
	})
	return c, nil
}

// stop ends all children, the youngest first, so that none of them sees those that it depends on go away. It returns when
// no process and no watcher is left.
func (f *family) stop() {
	f.mu.Lock()
	children := f.children
	f.children = nil
	f.mu.Unlock()
	for i := len(children) - 1; i >= 0; i-- {
		children[i].stop(f.grace)
	}
	f.watchers.Wait()
	f.fail(nil)
}
