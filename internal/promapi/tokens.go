// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"encoding/json"
	"fmt"
	"io"
)

// limited is an io.LimitReader that knows whether it was crossed, and keeps the error of its source.
type limited struct {
	r           io.Reader
	left, limit int64
	crossed     bool
	err         error
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if err != nil && err != io.EOF {
		l.err = err
	}
	if int64(n) > l.left {
		l.crossed = true
		return 0, io.ErrUnexpectedEOF
	}
	l.left -= int64(n)
	return n, err
}

// text is cleaned before anything else is done with it: a secret that is cut, or quoted, is not found any more.
func (d *decoder) text(to *string) error {
	text, err := d.raw()
	*to = d.settings.clean.text(text)
	return err
}

// raw is for what tells one thing from another.
func (d *decoder) raw() (string, error) {
	token, err := d.json.Token()
	if err != nil {
		return "", err
	}
	text, ok := token.(string)
	if !ok {
		return "", garbage("a text was expected (got %v)", token)
	}
	return text, nil
}

func (d *decoder) object(field func(key string) error) error {
	start, err := d.json.Token()
	if err != nil {
		return err
	}
	if start != json.Delim('{') {
		return garbage("a JSON object was expected (got %.40q)", fmt.Sprint(start))
	}
	return d.fields(field)
}

// fields reads the rest of an object. A key that comes twice is refused: readers disagree about which one counts.
func (d *decoder) fields(field func(key string) error) error {
	had := map[string]bool{}
	for d.json.More() {
		key, err := d.raw()
		if err != nil {
			return err
		}
		if had[key] {
			return garbage("the key %.40q comes twice in one object", d.settings.clean.text(key))
		}
		if len(had) >= maxLabels {
			return tooLarge("an object has more than %d keys", maxLabels)
		}
		had[key] = true
		if err := field(key); err != nil {
			return err
		}
	}
	_, err := d.json.Token()
	return err
}

// array takes null for an empty list: that is how Go writes a slice that nobody filled, and it cannot be mistaken for data.
func (d *decoder) array(element func() error) error {
	start, err := d.json.Token()
	if err != nil || start == nil {
		return err
	}
	if start != json.Delim('[') {
		return garbage("a JSON array was expected (got %.40q)", fmt.Sprint(start))
	}
	for d.json.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err = d.json.Token()
	return err
}

func (d *decoder) skip() error {
	var ignored json.RawMessage
	return d.json.Decode(&ignored)
}
