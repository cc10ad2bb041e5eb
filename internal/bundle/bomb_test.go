// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// bomb is a gzip of n zeros behind a prefix, of which the reader sees about a thousandth.
func bomb(t *testing.T, prefix []byte, n int64) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, err = zipped.Write(prefix)
	_, much := io.CopyN(zipped, zeros{}, n)
	if err := errors.Join(err, much, zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// header is that of one file in a tar, whatever size it claims.
func header(t *testing.T, name string, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestBombs: what inflates beyond the limit is refused, and no more is allocated than a few times the limit, as io.ReadAll grows.
func TestBombs(t *testing.T) {
	const limit = 4 << 20
	limits := Limits{Packed: 1 << 20, Inflated: limit, Files: 8}
	for name, text := range map[string][]byte{
		"zeros alone":                  bomb(t, nil, 64<<20),
		"a file beyond the limit":      bomb(t, header(t, Settings, 64<<20), 64<<20),
		"a file that claims 8 GiB":     bomb(t, header(t, Settings, 8<<30-1), 64),
		"zeros behind a file":          bomb(t, append(header(t, Settings, 1), make([]byte, 512)...), 64<<20),
		"a file that is not all there": bomb(t, header(t, Settings, limit-1024), 512),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b, err := Read(text, limits)
			runtime.ReadMemStats(&after)
			var known *Error
			if b != nil || !errors.As(err, &known) {
				t.Errorf("it is read: %v", err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 8*limit {
				t.Errorf("%d bytes are allocated for %d", grown, len(text))
			}
		})
	}
	many := []member{}
	for i := range 10_000 {
		many = append(many, plainMember(fmt.Sprintf("profiles/%064x", i), ""))
	}
	refused(t, archived(t, many), limits, KindTooLarge, "want at most 8 files")
}
