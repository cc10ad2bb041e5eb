// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"io"

	"github.com/heapgate/heapgate/internal/inflate"
)

// source gives the inflated bytes of a body, within limits.
type source struct {
	wire    []byte // the whole body as it came
	left    []byte // what is to be given out
	window  int    // length of inflate's last window
	inflate *inflate.Reader
	plain   bool
}

// open takes the body to its end, and looks whether it is gzipped.
func (s *source) open(body io.Reader, l Limits) error {
	s.left, s.window, s.plain = nil, 0, true
	if err := s.readWire(body, l.WireBytes); err != nil {
		return err
	}
	if len(s.wire) == 0 {
		return fmt.Errorf("%w: it is empty", ErrNotProfile)
	}
	if s.plain = !inflate.IsGzip(s.wire); s.plain {
		s.left = s.wire
		return nil
	}
	if s.inflate == nil {
		s.inflate = new(inflate.Reader)
	}
	s.inflate.Reset(s.wire)
	return nil
}

// readWire reads one byte more than the limit to see that it is crossed.
func (s *source) readWire(body io.Reader, limit int64) error {
	s.wire = s.wire[:0]
	for idle := 0; idle < 100; idle++ {
		if len(s.wire) == cap(s.wire) {
			grown := make([]byte, len(s.wire), min(max(2*int64(cap(s.wire)), 32<<10), limit+1))
			copy(grown, s.wire)
			s.wire = grown
		}
		n, err := body.Read(s.wire[len(s.wire):cap(s.wire)])
		s.wire = s.wire[:len(s.wire)+n]
		switch {
		case int64(len(s.wire)) > limit:
			return limitError("bytes on the wire", limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrTruncated, err)
		case n > 0:
			idle = 0
		}
	}
	return fmt.Errorf("%w: %w", ErrTruncated, io.ErrNoProgress)
}

// Read gives io.EOF only behind the last byte of a body that is whole.
func (s *source) Read(b []byte) (int, error) {
	if len(s.left) == 0 {
		if s.plain {
			return 0, io.EOF
		}
		var err error
		if s.left, err = s.inflate.Next(s.window); err != nil {
			return 0, explain(err)
		}
		s.window = len(s.left)
	}
	n := copy(b, s.left)
	s.left = s.left[n:]
	return n, nil
}

// close lets go of the body, and of its memory if that was much.
func (s *source) close() {
	s.left = nil
	if s.inflate != nil {
		s.inflate.Reset(nil)
	}
	if cap(s.wire) > 1<<20 {
		s.wire = nil
	}
}

// explain makes an error of package inflate one of this package's.
func explain(err error) error {
	var corrupt *inflate.CorruptError
	switch {
	case errors.Is(err, io.EOF):
		return err
	case errors.As(err, &corrupt):
		return &SyntaxError{Msg: err.Error()}
	}
	return fmt.Errorf("%w: %w", ErrTruncated, err)
}
