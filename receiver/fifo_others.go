// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package receiver

import (
	"errors"
	"os"
	"time"
)

// readable cannot be known here.
func readable(*os.File, time.Duration) (bool, error) {
	return false, errors.New("gctrace::stdin is read on Unix systems only")
}
