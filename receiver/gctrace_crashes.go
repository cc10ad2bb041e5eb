// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"context"
	"maps"
	"time"

	"github.com/heapgate/heapgate/internal/crash"
)

// crashCounts counts crashes by kind.
type crashCounts map[crash.Kind]int64

func (c crashCounts) add(more crashCounts) {
	for kind, n := range more {
		c[kind] += n
	}
}

func (c crashCounts) total() (n int64) {
	for _, of := range c {
		n += of
	}
	return n
}

// valid is false of counts that this program cannot have written.
func (c crashCounts) valid() bool {
	for kind, n := range c {
		if n < 0 || !isCrashKind(kind) {
			return false
		}
	}
	return true
}

func isCrashKind(kind crash.Kind) bool {
	for _, k := range crash.Kinds {
		if k == kind {
			return true
		}
	}
	return false
}

// ownerCrashes are the crashes in files of an owner that are gone, kept so that what is told of the owner never falls.
type ownerCrashes struct {
	Owner   string      `json:"owner"`
	Since   time.Time   `json:"since"` // when the owner's first file was followed
	Crashes crashCounts `json:"crashes,omitempty"`

	idle time.Time // since when none of its files has been followed; zero: one is
}

// tell hands a crash on that was counted, if it is new. If the collector is killed at this moment it may be told again.
func (f *followers) tell(ctx context.Context, key fileKey, c crash.Crash, fresh bool) {
	if fresh && f.crashed != nil {
		f.crashed(ctx, key.owner, key.path, &c)
	}
	select {
	case f.urgent <- struct{}{}: // so that it is not told again
	default:
	}
}

// crashesOf counts the crashes of an owner's process since it was first followed, by kind; every kind that was ever heard.
// Not ok: nothing of the owner was read yet.
func (f *followers) crashesOf(owner string) (counts crashCounts, since time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	of, known := f.owners[owner]
	if !known {
		return nil, time.Time{}, false
	}
	counts = crashCounts{}
	counts.add(of.Crashes)
	for key, sums := range f.files {
		if key.owner == owner {
			heard, reached := sums.heard()
			if !reached {
				return nil, time.Time{}, false // they would fall below those of the run before
			}
			counts.add(heard.crashes)
		}
	}
	return counts, of.Since, true
}

// retire adds the crashes of a file that is gone to those of its owner.
func (f *followers) retire(key fileKey, sums *gcSums) {
	heard, _ := sums.heard()
	of := f.ownerOf(key.owner)
	counts := maps.Clone(of.Crashes)
	if counts == nil {
		counts = crashCounts{}
	}
	counts.add(heard.crashes)
	of.Crashes = counts
	f.offsets.putOwner(*of)
}

// ownerOf is called with the lock held.
func (f *followers) ownerOf(owner string) *ownerCrashes {
	of, known := f.owners[owner]
	if !known {
		of = f.offsets.takeOwner(owner)
		f.owners[owner] = of
	}
	return of
}

func indexNewline(b []byte) (first, last int) {
	return bytes.IndexByte(b, '\n'), bytes.LastIndexByte(b, '\n')
}
