// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"fmt"
	"io"

	"github.com/heapgate/heapgate/internal/heap"
)

const (
	maxKeyBytes = 256 // of a key that can be a wanted one
	maxLevels   = 100 // of arrays and objects inside each other
)

// members walks over the members of the JSON object that r begins with, and gives those that want knows to got: their
// value as it is written, in memory that is used again. Of all others nothing is held, whatever their size; it is only
// seen that their brackets and quotes are balanced. What follows the object is not read.
func members(r *bufio.Reader, want func(key string) (limit int), got func(key string, value []byte) error) error {
	s := jsonScanner{r: r}
	if err := s.expect('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := s.next()
		if err != nil {
			return err
		}
		switch {
		case c == '}':
			return nil
		case !first && c == ',':
			if c, err = s.next(); err != nil {
				return err
			}
		case !first:
			return syntax(c, "',' or '}'")
		}
		if c != '"' {
			return syntax(c, "a key")
		}
		s.keep(maxKeyBytes)
		if err := s.text(); err != nil {
			return err
		}
		key := string(s.kept)
		if err := s.expect(':'); err != nil {
			return err
		}
		limit := want(key)
		s.keep(limit)
		if err := s.value(); err != nil {
			return err
		}
		if limit == 0 {
			continue
		}
		if s.over {
			return &heap.LimitError{What: fmt.Sprintf("bytes of %q", key), Limit: int64(limit)}
		}
		if err := got(key, s.kept); err != nil {
			return err
		}
	}
}

type jsonScanner struct {
	r     *bufio.Reader
	kept  []byte
	limit int  // of kept
	over  bool // there was more
}

// keep begins to keep what is read, up to limit bytes.
func (s *jsonScanner) keep(limit int) { s.kept, s.limit, s.over = s.kept[:0], limit, false }

// read gives one byte, and keeps it. The end of the input is never expected.
func (s *jsonScanner) read() (byte, error) {
	c, err := s.r.ReadByte()
	if err == io.EOF {
		return 0, io.ErrUnexpectedEOF
	}
	if len(s.kept) < s.limit {
		s.kept = append(s.kept, c)
	} else {
		s.over = true
	}
	return c, err
}

// next gives the first byte that is no space.
func (s *jsonScanner) next() (byte, error) {
	s.keep(0)
	for {
		c, err := s.read()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}

func (s *jsonScanner) expect(want byte) error {
	c, err := s.next()
	if err == nil && c != want {
		err = syntax(c, fmt.Sprintf("%q", want))
	}
	return err
}

// text reads a string behind its first quote, and leaves the last one out of what is kept. Escapes stay as they are.
func (s *jsonScanner) text() error {
	for {
		c, err := s.read()
		switch {
		case err != nil:
			return err
		case c == '\\':
			if _, err := s.read(); err != nil {
				return err
			}
		case c == '"':
			if !s.over {
				s.kept = s.kept[:max(len(s.kept)-1, 0)]
			}
			return nil
		}
	}
}

// value reads one value.
func (s *jsonScanner) value() error {
	level := 0
	for {
		c, err := s.read()
		if err != nil {
			return err
		}
		switch c {
		case '"':
			if err := s.quoted(); err != nil {
				return err
			}
		case '{', '[':
			if level++; level > maxLevels {
				return &heap.LimitError{What: "levels of JSON", Limit: maxLevels}
			}
			continue
		case '}', ']':
			level--
		case ' ', '\t', '\r', '\n', ',', ':':
			continue
		default:
			if err := s.scalar(); err != nil {
				return err
			}
		}
		if level < 0 {
			return syntax(c, "a value")
		}
		if level == 0 {
			return nil
		}
	}
}

// quoted reads a string inside a value, with its quotes.
func (s *jsonScanner) quoted() error {
	for {
		c, err := s.read()
		if err != nil {
			return err
		}
		if c == '"' {
			return nil
		}
		if c == '\\' {
			if _, err := s.read(); err != nil {
				return err
			}
		}
	}
}

// scalar reads a number or a word behind its first byte, and leaves what ends it.
func (s *jsonScanner) scalar() error {
	for {
		c, err := s.r.Peek(1)
		if err != nil {
			if err == io.EOF {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		switch c[0] {
		case ' ', '\t', '\r', '\n', ',', '}', ']', '"', '{', '[', ':':
			return nil
		}
		if _, err := s.read(); err != nil {
			return err
		}
	}
}

func syntax(got byte, want string) error { return fmt.Errorf("got %q, want %s", got, want) }
