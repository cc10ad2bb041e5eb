// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"compress/gzip"
	"io"
	"runtime"
	"testing"
)

// bombs are small on the wire and large behind it. Each must be refused with little of it inflated.
func bombs(t *testing.T) map[string]io.Reader {
	zeros := func(n int64) io.Reader { return io.LimitReader(repeat{0}, n) }
	large := message{}.key(tagString, bytesType).varint(1 << 40)
	packed := message{}.key(tagSample, bytesType).varint(60 << 20)
	packed = packed.key(tagSampleValue, bytesType).varint(60<<20 - 10)
	return map[string]io.Reader{
		"zeros":          gzipped(t, zeros(200<<20)),
		"one string":     gzipped(t, io.MultiReader(bytes.NewReader(large), zeros(200<<20))),
		"packed varints": gzipped(t, io.MultiReader(bytes.NewReader(small()), bytes.NewReader(packed), io.LimitReader(repeat{1}, 60<<20-10))),
		"empty samples":  gzipped(t, io.LimitReader(&cycle{b: []byte{tagSample<<3 | bytesType, 0}}, 200<<20)),
		"empty strings":  gzipped(t, io.LimitReader(&cycle{b: []byte{tagString<<3 | bytesType, 0}}, 200<<20)),
		"many members":   &cycle{b: deflate(nil)},
		"plain zeros":    zeros(4 << 30),
	}
}

func TestBombs(t *testing.T) {
	for name, bomb := range bombs(t) {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p, err := NewDecoder(Limits{}).Decode(bomb)
			runtime.ReadMemStats(&after)
			checkOutcome(t, p, err)
			if err == nil {
				t.Fatal("accepted")
			}
			t.Logf("%v; %d MB allocated", err, (after.TotalAlloc-before.TotalAlloc)>>20)
			if n := after.TotalAlloc - before.TotalAlloc; n > 256<<20 {
				t.Errorf("allocated %d bytes for it", n)
			}
		})
	}
}

type repeat struct{ b byte }

func (r repeat) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = r.b
	}
	return len(b), nil
}

// cycle gives b over and over.
type cycle struct {
	b  []byte
	at int
}

func (c *cycle) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = c.b[c.at]
		c.at = (c.at + 1) % len(c.b)
	}
	return len(b), nil
}

// gzipped deflates while it is read.
func gzipped(t *testing.T, r io.Reader) io.Reader {
	pr, pw := io.Pipe()
	t.Cleanup(func() { _ = pr.Close() })
	go func() {
		z, _ := gzip.NewWriterLevel(pw, gzip.BestSpeed)
		_, err := io.Copy(z, r)
		if err == nil {
			err = z.Close()
		}
		_ = pw.CloseWithError(err)
	}()
	return pr
}
