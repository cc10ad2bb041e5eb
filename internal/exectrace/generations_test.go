// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The structural events that only tests look at.
const (
	evFrequency = 8
	evSync      = 50
)

// TestGenerations cuts a trace of more than one generation at every batch: what is told is the whole generations before
// the cut, so there are as many different results as generations, each telling of more time than the one before.
func TestGenerations(t *testing.T) {
	for _, version := range []int{22, 23, 25, 26} {
		body := asVersion(t, fixtures(t)["testdata/go1.26/idle.trace"], version)
		whole := read(t, body, Limits{})
		var told []Result
		c := cursor{body: body, at: headerBytes}
		for c.at < len(body) {
			if _, ok := c.batch(); !ok {
				t.Fatalf("no batch at %d", c.at)
			}
			r, err := Read(t.Context(), &part{body[:c.at]}, Limits{})
			if err != nil {
				if !errors.Is(err, ErrTruncated) || len(told) > 0 {
					t.Fatalf("1.%d at %d: %v", version, c.at, err)
				}
				continue
			}
			checkResult(t, r)
			if len(told) == 0 || r.Window != told[len(told)-1].Window {
				told = append(told, r)
			}
			if !r.Truncated || r.Window > whole.Window || r.Window < told[len(told)-1].Window {
				t.Errorf("1.%d at %d: truncated %v, window %v of %v", version, c.at, r.Truncated, r.Window, whole.Window)
			}
		}
		want := generations(t, body)
		if version < 26 {
			want-- // nothing says that the last one is whole
		}
		if len(told) != want || want < 1 || told[0].GC.Cycles == 0 {
			t.Errorf("1.%d: %d different results of %d generations", version, len(told), want)
		}
	}
}

// part is a stream that breaks off.
type part struct{ left []byte }

func (p *part) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return failing{}.Read(b)
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

func generations(t *testing.T, body []byte) int {
	t.Helper()
	all := map[uint64]bool{}
	for c := (cursor{body: body, at: headerBytes}); c.at < len(body); {
		b, ok := c.batch()
		if !ok {
			t.Fatalf("no batch at %d", c.at)
		}
		if !b.end {
			all[b.generation] = true
		}
	}
	return len(all)
}

// TestVersions: a trace says the same in every version of the format that can hold it.
func TestVersions(t *testing.T) {
	for _, file := range []string{"idle", "storm", "assist", "blocked"} {
		body := fixtures(t)["testdata/go1.26/"+file+".trace"]
		want := read(t, body, Limits{})
		for _, version := range []int{22, 23, 25} {
			got := read(t, asVersion(t, body, version), Limits{})
			got.Version = want.Version
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s as 1.%d (-want +got):\n%s", file, version, diff)
			}
		}
	}
}

// asVersion writes a trace of Go 1.26 in an older version: until 1.25 a generation ended where the next began, until 1.23
// the clock had a batch of its own.
func asVersion(t *testing.T, body []byte, version int) []byte {
	t.Helper()
	old := []byte("go 1.00 trace\x00\x00\x00")
	old[5], old[6] = '0'+byte(version/10), '0'+byte(version%10)
	for c := (cursor{body: body, at: headerBytes}); c.at < len(body); {
		start := c.at
		b, ok := c.batch()
		switch {
		case !ok:
			t.Fatalf("no batch at %d", start)
		case version == 26 || !b.end && (version == 25 || len(b.data) == 0 || b.data[0] != evSync):
			old = append(old, body[start:c.at]...)
		case !b.end:
			clock := cursor{body: b.data, at: 1}
			if !clock.next(evFrequency) || !clock.skip(1) {
				t.Fatalf("no frequency in the batch at %d", start)
			}
			old = append(old, evEventBatch)
			for _, v := range []uint64{b.generation, b.thread, 0, uint64(clock.at - 1)} {
				old = binary.AppendUvarint(old, v)
			}
			old = append(old, b.data[1:clock.at]...)
		}
	}
	return old
}
