// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// headerBytes is the length of "go 1.NN trace\x00\x00\x00".
const headerBytes = 16

// Read tells what an execution trace says: r is the body of /debug/pprof/trace. It reads until r ends, breaks off, or
// gives more than Limits.Bytes; closing r is the caller's.
//
// A stream that breaks off is a Truncated result of the generations that are complete, or ErrTruncated if none is. The
// deadline of ctx cuts what is parsed after the reading likewise; a cancelled ctx is an error.
func Read(ctx context.Context, r io.Reader, l Limits) (Result, error) {
	l = l.withDefaults()
	body, cut, err := readAll(r, l.Bytes)
	if err != nil {
		return Result{}, err
	}
	version, err := header(body, cut)
	if err != nil {
		return Result{}, err
	}
	m := newMachine(l)
	if version <= 21 {
		cut, err = readV1(ctx, m, body, version, cut)
	} else {
		cut, err = readV2(ctx, m, body, version, cut)
	}
	if err != nil {
		return Result{}, err
	}
	result := m.result()
	if result.Window <= 0 {
		if cut {
			return Result{}, ErrTruncated
		}
		return Result{}, &SyntaxError{-1, "no two events at different times"}
	}
	result.Version, result.Truncated = "1."+strconv.Itoa(version), cut
	return result, nil
}

// readAll reads up to a limit. cut: there is more, or the stream broke off.
func readAll(r io.Reader, limit int64) (body []byte, cut bool, err error) {
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(r, limit+1))
	if n > limit {
		return b.Bytes()[:limit], true, nil
	}
	if err != nil && n == 0 {
		return nil, false, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return b.Bytes(), err != nil, nil
}

// header reads the version of the format: 19 for Go 1.19.
func header(body []byte, cut bool) (version int, err error) {
	const start, end = "go 1.", " trace\x00\x00\x00"
	if len(body) < headerBytes && cut && bytes.HasPrefix([]byte(start), body[:min(len(body), len(start))]) {
		return 0, ErrTruncated
	}
	if len(body) < headerBytes || !bytes.HasPrefix(body, []byte(start)) || string(body[len(start)+2:headerBytes]) != end {
		return 0, fmt.Errorf("%w, got %.40q", ErrNotTrace, body[:min(len(body), 40)])
	}
	version, err = strconv.Atoi(string(body[len(start) : len(start)+2]))
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w, got %.40q", ErrNotTrace, body[:headerBytes])
	case version != 11 && version != 19 && version < 21 || version > newest:
		return 0, fmt.Errorf("%w: go 1.%d, want 1.11 to 1.%d", ErrVersion, version, newest)
	}
	return version, nil
}

// newest is the newest format that golang.org/x/exp/trace reads.
const newest = 26

// stop says whether parsing must end: with a Truncated result at the deadline, with an error when cancelled.
func stop(ctx context.Context) (ended bool, err error) {
	switch err := ctx.Err(); {
	case err == nil:
		return false, nil
	case errors.Is(err, context.DeadlineExceeded):
		return true, nil
	default:
		return true, fmt.Errorf("reading an execution trace: %w", err)
	}
}

// checkEvery is how many events are parsed between two looks at the context.
const checkEvery = 256
