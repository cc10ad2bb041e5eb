// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package receiver

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readable waits until a read would not block, or for a time. Making the file non-blocking instead would make it so for
// every process that has it open, a terminal's shell among them.
func readable(file *os.File, wait time.Duration) (bool, error) {
	polled := []unix.PollFd{{Fd: int32(file.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(polled, int(wait.Milliseconds()))
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return n > 0, err
}
