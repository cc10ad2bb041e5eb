// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"strconv"

	"github.com/heapgate/heapgate/examples/shop/order"
)

// auditTrail writes each order down for a log level that nobody has turned on: the text is made all the same. A leak it is not; it is
// about a fifth more garbage, at one line.
type auditTrail struct{ log *slog.Logger }

// Note is called for each order that is taken.
func (a *auditTrail) Note(id int64, o order.Order) {
	text := append(make([]byte, 0, 1024), "order "...)
	text = strconv.AppendInt(text, id, 10)
	a.log.Debug("order taken", "text", append(text, o.Note...))
}
