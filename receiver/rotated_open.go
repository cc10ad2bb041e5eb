// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"os"

	"github.com/klauspost/compress/gzip"
)

// opened is a log file that is read, plain or compressed.
type opened struct {
	file   *os.File
	unpack *gzip.Reader // nil: plain
	left   int64        // bytes that may still be inflated
	date   string       // of a rotated file
	head   []byte       // first bytes, if it is opened at a place
}

var (
	errNotRegular   = errors.New("not a regular file")
	errRotatedLarge = errors.New("rotated file is longer than limits allow when inflated")
)

// openRegular opens a file to be read and never blocks, as opening a pipe does for which nobody writes.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, errNotRegular)
	}
	if err != nil {
		_ = file.Close() // only ever read
		return nil, err
	}
	return file, nil
}

// openPacked opens a compressed file, of which at most limit bytes are read when inflated.
func openPacked(path string, limit int64) (*opened, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	unpack, err := gzip.NewReader(file)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &opened{file: file, unpack: unpack, left: limit}, nil
}

func (r *rotatedFile) open(limit int64) (*opened, error) {
	if r.packed {
		o, err := openPacked(r.path, limit)
		if err == nil {
			o.date = r.date
		}
		return o, err
	}
	file, err := openRegular(r.path)
	if err != nil {
		return nil, err
	}
	return &opened{file: file, date: r.date}, nil
}

func (o *opened) packed() bool { return o.unpack != nil }

func (o *opened) Read(p []byte) (int, error) {
	if o.unpack == nil {
		return o.file.Read(p)
	}
	if o.left <= 0 {
		if n, _ := o.unpack.Read(make([]byte, 1)); n == 0 {
			return o.unpack.Read(p) // its end, or its error
		}
		return 0, errRotatedLarge
	}
	n, err := o.unpack.Read(p[:min(int64(len(p)), o.left)])
	o.left -= int64(n)
	return n, err
}

func (o *opened) Close() { _ = o.file.Close() } // only ever read
