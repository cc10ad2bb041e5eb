// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import "errors"

// goOn goes on at a place of a file that was opened there.
func (t *tail) goOn(file *opened, p *place) error {
	err := t.begin(file, p.Offset)
	t.trail.resumed(p, file.head)
	return err
}

// resume goes on at a place, in the file that stands at the path or in one that was made of it meanwhile. If there is none,
// reading begins with the oldest file that was rotated since, or else with the one at the path.
func (t *tail) resume(p place) (bool, error) {
	if p.Log != nil || !p.valid() {
		return false, nil
	}
	t.resolve()
	o := p.in(t.real, false)
	if o == nil {
		o = p.among(neighbours(t.real), false, t.maxBytes)
	}
	if o != nil {
		return true, t.goOn(o, &p)
	}
	if p.Seen.IsZero() { // nothing was read before
		return false, nil
	}
	_, err := t.change(since(rotations(t.real), p.After, p.Seen)...)
	if errors.Is(err, errMoved) {
		err = nil // Read looks again
	}
	return false, err
}
