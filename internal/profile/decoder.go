// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"io"
)

// Decoder decodes one profile after another, in the same memory. It is not for concurrent use.
type Decoder struct {
	limits Limits
	source source
	body   []byte // inflated
	scan   scanner
	names  names
	build  builder
}

// NewDecoder gives a decoder that refuses what crosses the limits.
func NewDecoder(l Limits) *Decoder { return &Decoder{limits: l.withDefaults()} }

// Decode reads a body to its end. It gives a Profile or an error, never both: ErrNotProfile, ErrTruncated, *LimitError or
// *SyntaxError. The profile is valid until the next Decode, its strings for good.
func (d *Decoder) Decode(body io.Reader) (*Profile, error) {
	d.forget()
	if err := d.read(body); err != nil {
		return nil, d.doubt(err)
	}
	p, err := d.build.profile(d.body, &d.scan, &d.names)
	if err != nil {
		return nil, d.doubt(err)
	}
	return p, nil
}

// keptBytes is how much a decoder keeps of what a large profile needed.
const keptBytes = 8 << 20

// forget lets go of the profile before.
func (d *Decoder) forget() {
	if cap(d.body) > keptBytes {
		d.body, d.scan, d.build = nil, scanner{}, builder{}
	}
	d.body = d.body[:0]
	d.scan.reset(d.limits)
}

// read inflates and scans the whole body.
func (d *Decoder) read(body io.Reader) error {
	if err := d.source.open(body, d.limits); err != nil {
		return err
	}
	defer d.source.close()
	idle := 0
	for {
		if len(d.body) == cap(d.body) {
			d.grow()
		}
		n, err := d.source.Read(d.body[len(d.body):cap(d.body)])
		d.body = d.body[:len(d.body)+n]
		if int64(len(d.body)) > d.limits.Bytes {
			return limitError("bytes", d.limits.Bytes)
		}
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		if idle++; n > 0 {
			idle = 0
		} else if err == nil && idle == 100 {
			return fmt.Errorf("%w: %w", ErrTruncated, io.ErrNoProgress)
		}
		if scan := d.scan.advance(d.body, ended); scan != nil {
			return scan
		}
		if ended {
			return nil
		}
	}
}

// grow makes room in the body; one byte more than the limit shows that it is crossed.
func (d *Decoder) grow() {
	size := min(max(2*int64(cap(d.body)), 64<<10), d.limits.Bytes+1)
	grown := make([]byte, len(d.body), size)
	copy(grown, d.body)
	d.body = grown
}

// doubt says of a plain body that is no protobuf and looks like text that it is not a profile at all.
func (d *Decoder) doubt(err error) error {
	var limit *LimitError
	if !d.source.plain || errors.As(err, &limit) || errors.Is(err, ErrNotProfile) {
		return err
	}
	head := d.body[:min(len(d.body), 60)]
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return err
		}
	}
	if len(head) == 0 {
		return err
	}
	return fmt.Errorf("%w, got %q", ErrNotProfile, head)
}
