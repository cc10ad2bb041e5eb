// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"errors"
	"fmt"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/stacktext"
)

// Limits bound what one text may cost: Records are buckets, Groups are call sites with the ways through the runtime to
// them.
type Limits = stacktext.Limits

// LimitError says which limit a text crossed.
type LimitError = stacktext.LimitError

// SyntaxError says what in a text is not as Go writes it.
type SyntaxError = stacktext.SyntaxError

// ErrNotHeap says that the text is something else: a page of HTML, a protobuf profile, nothing at all.
var ErrNotHeap = errors.New(`not a heap text: it must begin with "heap profile:"`)

// ErrTruncated says that the text ends before its MemStats do. Nothing of it is a snapshot.
var ErrTruncated = fmt.Errorf("heap %w", stacktext.ErrTruncated)

// format is what the texts of heap profiles have of their own.
var format = stacktext.Format{Truncated: ErrTruncated, PassOver: gofunc.PassedOver, Mark: markOf}
