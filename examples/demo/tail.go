// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const tailBytes = 2000

// tail returns the end of a file, at most so many bytes, without the line that this cuts.
func tail(path string, most int64) string {
	text, err := readEnd(path, most)
	switch {
	case err != nil:
		return fmt.Sprintf("(%v)", err)
	case text == "":
		return "(nothing)"
	}
	return text
}

func readEnd(path string, most int64) (text string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	from := max(0, size-most)
	raw, err := io.ReadAll(io.NewSectionReader(f, from, size-from))
	if err != nil {
		return "", err
	}
	text = string(raw)
	if _, whole, found := strings.Cut(text, "\n"); from > 0 && found {
		text = whole
	}
	return strings.TrimRight(text, "\n"), nil
}
