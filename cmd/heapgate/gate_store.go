// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// store is what a look asks: a *promapi.Client, or the answers that an earlier look got. Address is without credentials.
type store interface {
	Query(ctx context.Context, expr string, at time.Time) (promapi.Answer, error)
	QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promapi.Answer, error)
	Address() string
}

var _ store = (*promapi.Client)(nil)

// answered is a question with what the store said to it.
type answered struct {
	question question
	answer   promapi.Answer
}
